"""The policies that know the truth: best-acc (Eq. 1) and avg-acc (Eq. 2)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from opscore.oracles import Oracle
from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.proxies import Score
from opscore.spaces import State


class OraclePolicy(Policy):
    """A value that the oracle gives to the states A_t + (e, o)."""

    uses = frozenset({"oracle"})
    higher_is_better = True

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    @abstractmethod
    def value(self, state: State) -> float:
        """The worth of a state, in percent accuracy."""

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """The worth of each A_t + (e, o)."""
        return {
            edge: [
                Score.of(self.value(state.discretize(edge, op)), 0.0)
                for op in state.remaining(edge)
            ]
            for edge in edges
        }


class BestAccuracy(OraclePolicy):
    """Eq. 1: the best accuracy that can still be reached."""

    name = "best-acc"

    def value(self, state: State) -> float:
        """max V* over the completions of a state."""
        return self.oracle.best(state)


class AverageAccuracy(OraclePolicy):
    """Eq. 2: the expected accuracy over what can still be reached."""

    name = "avg-acc"

    def value(self, state: State) -> float:
        """E V* over the completions of a state."""
        return self.oracle.mean(state)


def _build_best(context: Context, argument: str) -> Policy:
    return BestAccuracy(context.oracle)


def _build_average(context: Context, argument: str) -> Policy:
    return AverageAccuracy(context.oracle)


POLICIES.add(
    BestAccuracy.name,
    PolicyFamily(_build_best, BestAccuracy, "Eq. 1: best accuracy over the completions"),
)
POLICIES.add(
    AverageAccuracy.name,
    PolicyFamily(_build_average, AverageAccuracy, "Eq. 2: mean accuracy over the completions"),
)
