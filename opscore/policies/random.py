"""random: independent uniform scores, the floor that every policy is measured against."""

from __future__ import annotations

from collections.abc import Sequence

from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.proxies import Score
from opscore.rng import numpy_generator
from opscore.spaces import State


@register_policy("random", summary="uniform random scores")
class RandomPolicy(Policy):
    """A uniform score in [0, 1) for each operation, the same whenever a state is asked for."""

    uses = frozenset({"seed"})
    higher_is_better = True

    def __init__(self, context: Context) -> None:
        self.seed = context.seed

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores drawn from a generator that is named by seed, state and edge."""
        mask = "".join(str(int(kept)) for row in state.mask for kept in row)
        result: EdgeScores = {}
        for edge in edges:
            draw = numpy_generator(self.seed, "random", mask, edge)
            result[edge] = [Score.of(v, 0.0) for v in draw.random(len(state.remaining(edge)))]
        return result
