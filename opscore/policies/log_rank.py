"""Several proxies at once, by the product of their ranks.

    log-rank(P,Q,...):  sum over proxies of  log r(e, o)

with r the rank of an operation within its edge by zc-pt of a proxy, from 1/n (worst) to 1: the rule
by which AZ-NAS adds proxies of architectures (Lee and Ham, CVPR 2024), here of operations. It
punishes what one proxy puts last more than a mean of ranks does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opscore.analysis.matches import average_ranks
from opscore.errors import UserError
from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.policies.zero_cost import PerturbationPolicy
from opscore.proxies import Score, get_proxy
from opscore.spaces import State


def proxies(argument: str) -> list[str]:
    """The proxies of 'P,Q,...'; UserError for fewer than two, or an unknown one."""
    names = [name.strip() for name in argument.split(",")]
    if len(names) < 2:
        raise UserError(
            f"log-rank takes two proxies or more, as in 'log-rank(nwot,synflow)'; got '{argument}'"
        )
    for name in names:
        get_proxy(name)
    return names


@register_policy(
    "log-rank",
    summary="sum over proxies of the logarithm of zc-pt's rank (AZ-NAS's rule, for operations)",
    check_argument=proxies,
    argument="P,Q,...",
    source="lee2024",
)
class LogRank(Policy):
    """The sum over proxies of the logarithm of zc-pt's rank."""

    uses = frozenset({"supernet", "batch", "seed"})
    higher_is_better = True

    def __init__(self, context: Context, argument: str) -> None:
        self._parts = [PerturbationPolicy(context, name) for name in proxies(argument)]

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """A score for each remaining operation; one that a proxy cannot score has none."""
        found = [part.scores(state, edges) for part in self._parts]
        result: EdgeScores = {}
        for edge in edges:
            strengths = [
                [part.strength(score) for score in scores[edge]]
                for part, scores in zip(self._parts, found, strict=True)
            ]
            columns = zip(*(scores[edge] for scores in found), strict=True)
            result[edge] = [
                Score.together(value, each)
                for value, each in zip(summed(strengths), columns, strict=True)
            ]
        return result


def summed(strengths: Sequence[Sequence[float]]) -> list[float]:
    """The equation above for one edge: strengths [proxies][operations]; NaN where one has none."""
    table = np.array(strengths, dtype=np.float64)
    known = ~np.isnan(table).any(axis=0)
    found = np.full(table.shape[1], np.nan)
    if known.any():
        ranks = np.array([average_ranks(row[known]) for row in table])
        found[known] = np.log(ranks / known.sum()).sum(axis=0)
    return found.tolist()
