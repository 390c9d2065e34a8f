"""tenas: trainability and expressivity ranked together (Chen et al. 2021, as this paper uses it).

For every open (edge, operation) the perturbed model A_t - (e, o) gets two numbers: the condition
number of its neural tangent kernel, and the number of linear regions of a thin copy of the supernet
(one input channel) on 3x3 patches. Over all n pairs of all open edges together

    f(A_t, e, o) = (n - rank(ntk)) + rank(regions),        pi = argmin_o f

with rank 1 for the smallest; tied condition numbers share their mean rank cut to an integer, tied
region counts their mean rank. A low sum means that without the operation the network is hard to
train and inexpressive. The ranks run over all open edges, so scores of different edges interact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.proxies import Score, get_proxy
from opscore.spaces import State


@register_policy(
    "tenas",
    summary="NTK condition number and linear regions, ranked together",
    source="chen2021",
)
class TENASPolicy(Policy):
    """The sum of two ranks; smaller marks the operation to keep."""

    uses = frozenset({"supernet", "batch", "seed", "patches"})
    higher_is_better = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self._last: tuple[State, EdgeScores] | None = None

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Rank sums; all open edges are scored, whichever are asked for."""
        if self._last is None or self._last[0] != state:
            self._last = (state, self._score_open_edges(state))
        return {edge: self._last[1][edge] for edge in edges}

    def _score_open_edges(self, state: State) -> EdgeScores:
        asked = [(edge, op) for edge in state.open_edges for op in state.remaining(edge)]
        states = [state.perturb(edge, op) for edge, op in asked]
        context = self.context
        how = replace(context.how, precision="full")
        conditions = get_proxy("ntk").scores(context.supernet, states, context.batch, how)
        regions = get_proxy("linear_regions").scores(
            context.thin_supernet, states, context.patches, how
        )
        sums = rank_sums([s.value for s in conditions], [s.value for s in regions])
        result: EdgeScores = {edge: [] for edge in state.open_edges}
        for (edge, _), total, condition, region in zip(
            asked, sums, conditions, regions, strict=True
        ):
            seconds = condition.seconds + region.seconds
            failed = next((s.status for s in (condition, region) if s.status != "ok"), None)
            score = Score.of(total, seconds) if failed is None else Score(math.nan, failed, seconds)
            result[edge].append(score)
        return result


def rank_sums(conditions: Sequence[float], regions: Sequence[float]) -> list[float]:
    """(n - rank(condition number)) + rank(linear regions); NaN where either is missing."""
    from scipy.stats import rankdata

    table = np.array([conditions, regions], dtype=float)
    usable = np.isfinite(table).all(axis=0)
    sums = np.full(table.shape[1], np.nan)
    kept = table[:, usable]
    sums[usable] = kept.shape[1] - np.floor(rankdata(kept[0])) + rankdata(kept[1])
    return [float(value) for value in sums]
