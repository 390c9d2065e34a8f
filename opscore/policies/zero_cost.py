"""disc-zc (Eq. 6) and zc-pt (Eq. 7): a zero-cost proxy S of the discretized or perturbed model.

    disc-zc:  argmax_o S(A_t + (e, o))        zc-pt:  argmin_o S(A_t - (e, o))

for a proxy whose larger values are better; for the others (a condition number) both turn round.
``zc-pt(P, by=cell)`` is :mod:`opscore.policies.by_cell`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from opscore.policies.base import (
    POLICIES,
    Context,
    EdgeScores,
    Policy,
    PolicyFamily,
    register_policy,
)
from opscore.policies.by_cell import CellPolicy, parse
from opscore.proxies import Proxy, Score, get_proxy
from opscore.spaces import State


def scores_of(proxy: Proxy, context: Context, states: Sequence[State]) -> list[Score]:
    """A proxy's score of each state, with all that the context says of how it is computed."""
    return proxy.scores(context.supernet, states, context.batch, context.how, memo=context.memo)


class ProxyPolicy(Policy):
    """What one zero-cost proxy makes of the supernet on one minibatch."""

    uses = frozenset({"supernet", "batch", "seed"})

    def __init__(self, context: Context, proxy: str) -> None:
        self.proxy = get_proxy(proxy)
        self.context = context

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """As the proxy's; a subclass in which the least marks the best says so."""
        return self.proxy.higher_is_better


class ZeroCostPolicy(ProxyPolicy):
    """A proxy's value of one changed state for each operation."""

    @abstractmethod
    def changed(self, state: State, edge: int, op: int) -> State:
        """The state whose score stands for the operation."""

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of all edges in one call, so that the engine may share work between states.

        A combination ranks the states it is given against each other: it gets an edge at a time.
        """
        groups = [[edge] for edge in edges] if self.proxy.grouped else [list(edges)]
        result: EdgeScores = {}
        for group in groups:
            result |= self._score_together(state, group)
        return result

    def _score_together(self, state: State, edges: Sequence[int]) -> EdgeScores:
        asked = [(edge, op) for edge in edges for op in state.remaining(edge)]
        changed = [self.changed(state, edge, op) for edge, op in asked]
        values = scores_of(self.proxy, self.context, changed)
        result: EdgeScores = {edge: [] for edge in edges}
        for (edge, _), value in zip(asked, values, strict=True):
            result[edge].append(value)
        return result


@register_policy(
    "disc-zc",
    summary="Eq. 6: a zero-cost proxy of the model with the edge discretized",
    check_argument=get_proxy,
    source="xiang2023",
)
class DiscretizationPolicy(ZeroCostPolicy):
    """Eq. 6: S(A_t + (e, o))."""

    def changed(self, state: State, edge: int, op: int) -> State:
        """A_t + (e, o)."""
        return state.discretize(edge, op)


class PerturbationPolicy(ZeroCostPolicy):
    """Eq. 7: S(A_t - (e, o)); the operation whose removal hurts the proxy most is kept."""

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """The opposite of the proxy's."""
        return not self.proxy.higher_is_better

    def changed(self, state: State, edge: int, op: int) -> State:
        """A_t - (e, o)."""
        return state.perturb(edge, op)


def _perturbation(context: Context, argument: str) -> Policy:
    proxy, by_cell = parse(argument)
    return CellPolicy(context, argument) if by_cell else PerturbationPolicy(context, proxy.name)


POLICIES.add(
    "zc-pt",
    PolicyFamily(
        _perturbation,
        PerturbationPolicy,
        "Eq. 7: a zero-cost proxy of the model with the operation removed (by=cell: cell by cell)",
        check_argument=parse,
    ),
    source="xiang2023",
)
