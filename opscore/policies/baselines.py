"""Baselines that know nothing of an edge: one order of the operations, or their size.

    fixed-order(a>b>c)   the same order on every edge, an operation that is not named comes last
    best-fixed-order     the fixed order that agrees best with best-acc, chosen in hindsight
    op-params, op-flops  parameters, or multiplications for one image, of the operation itself

What a policy adds to them is what it knows beyond a preference for some operations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opscore.analysis.matches import average_ranks
from opscore.errors import UserError, note, unknown
from opscore.oracles import Oracle
from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.proxies import How, Score, get_proxy
from opscore.spaces import SearchSpace, State


class FixedOrder(Policy):
    """The same order of operations on every edge, whatever the state."""

    higher_is_better = True

    def __init__(self, name: str, order: Sequence[str], space: SearchSpace) -> None:
        self.name = name
        known = sorted({op for operations in space.operations for op in operations})
        for op in order:
            if op not in known:
                raise unknown(f"operation of {space.name}", op, known)
        last = [op for op in known if op not in order]
        if len(last) > 1:
            note(f"{name}: operations that are not named share the last place: {', '.join(last)}")
        self._worth = {op: len(order) - place for place, op in enumerate(order)}

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """How many named operations come after each, itself counted; 0 for one not named."""
        return {
            edge: [
                Score.of(float(self._worth.get(state.space.operations[edge][op], 0)), 0.0)
                for op in state.remaining(edge)
            ]
            for edge in edges
        }


class BestFixedOrder(FixedOrder):
    """The fixed order with the best mean Spearman to best-acc: a bound, not a method.

    Operations by the sum of their centred unit ranks over the edges that have them. No order has a
    higher mean rho, where all edges have the same operations.
    """

    uses = frozenset({"oracle"})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__("best-fixed-order", _order_in_hindsight(oracle), oracle.space)


class OperationSize(Policy):
    """What a counted proxy says of an operation alone: S(A) - S(A - (e, o))."""

    uses = frozenset({"supernet", "batch"})
    exact = True
    higher_is_better = True

    def __init__(self, counted: str, context: Context) -> None:
        self._proxy = get_proxy(counted)
        self._context = context

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Parameters or multiplications of each remaining operation, the larger the better."""
        asked = [(edge, op) for edge in edges for op in state.remaining(edge)]
        states = [state, *(state.perturb(edge, op) for edge, op in asked)]
        whole, *without = self._proxy.scores(
            self._context.supernet,
            states,
            self._context.batch,
            How(self._context.how.meaning),
            memo=self._context.memo,
        )
        result: EdgeScores = {edge: [] for edge in edges}
        for (edge, _), less in zip(asked, without, strict=True):
            result[edge].append(Score.together(whole.value - less.value, [whole, less]))
        return result


def _order_in_hindsight(oracle: Oracle) -> list[str]:
    state = oracle.space.initial_state()
    worth = dict.fromkeys((op for row in oracle.space.operations for op in row), 0.0)
    for edge in state.open_edges:
        ops = state.remaining(edge)
        ranks = average_ranks(np.array([oracle.best(state.discretize(edge, op)) for op in ops]))
        ranks -= ranks.mean()
        length = float((ranks**2).sum() ** 0.5) or 1.0  # zero where all are equal
        for op, rank in zip(ops, (ranks / length).tolist(), strict=True):
            worth[oracle.space.operations[edge][op]] += rank
    return sorted(worth, key=lambda op: -worth[op])


def parse_order(argument: str) -> list[str]:
    """Operation names of 'a>b>c', best first; UserError where one is empty or named twice."""
    order = [op.strip() for op in argument.split(">")]
    if len(order) < 2 or not all(order) or len(set(order)) < len(order):
        raise UserError(
            f"an order needs two different operations or more, best first, as in "
            f"'nor_conv_3x3>skip_connect', got '{argument}'"
        )
    return order


def _build_order(context: Context, argument: str) -> Policy:
    return FixedOrder(f"fixed-order({argument})", parse_order(argument), context.space)


def _build_best(context: Context, argument: str) -> Policy:
    return BestFixedOrder(context.oracle)


def _add_size(counted: str, summary: str) -> None:
    def build(context: Context, argument: str) -> Policy:
        return OperationSize(counted, context)

    POLICIES.add(f"op-{counted}", PolicyFamily(build, OperationSize, summary))


POLICIES.add(
    "fixed-order",
    PolicyFamily(
        _build_order,
        FixedOrder,
        "one order of the operations on every edge, best first: a baseline",
        check_argument=parse_order,
        argument="OP>OP...",
    ),
)
POLICIES.add(
    "best-fixed-order",
    PolicyFamily(
        _build_best,
        BestFixedOrder,
        "the fixed order that agrees best with best-acc, in hindsight: a bound for baselines",
    ),
)
_add_size("params", "number of parameters of the operation: a baseline")
_add_size("flops", "multiplications of the operation for one image: a baseline")
