"""The policies that know the truth: best-acc (Eq. 1), avg-acc (Eq. 2), and what lies between."""

from __future__ import annotations

from collections.abc import Sequence

from opscore.oracles import Oracle
from opscore.oracles.references import (
    AVERAGE,
    BEST,
    Reference,
    average_reference,
    best_reference,
    parse_k,
)
from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.proxies import Score
from opscore.spaces import State


class ReferencePolicy(Policy):
    """What a reference gives to the states A_t + (e, o)."""

    uses = frozenset({"oracle"})
    higher_is_better = True

    def __init__(self, reference: Reference, oracle: Oracle) -> None:
        self.oracle = oracle
        self._reference = reference

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """The worth of each A_t + (e, o)."""
        return {
            edge: [
                Score.of(self._reference.worth(self.oracle, state.discretize(edge, op)), 0.0)
                for op in state.remaining(edge)
            ]
            for edge in edges
        }


def _build_best(context: Context, argument: str) -> Policy:
    return ReferencePolicy(best_reference(argument), context.oracle)


def _build_average(context: Context, argument: str) -> Policy:
    return ReferencePolicy(average_reference(), context.oracle)


POLICIES.add(
    BEST,
    PolicyFamily(
        _build_best,
        ReferencePolicy,
        "Eq. 1: best accuracy over the completions, or the mean of the best k",
        check_argument=parse_k,
        argument="k=N",
    ),
    source="xiang2023",
)
POLICIES.add(
    AVERAGE,
    PolicyFamily(_build_average, ReferencePolicy, "Eq. 2: mean accuracy over the completions"),
    source="xiang2023",
)
