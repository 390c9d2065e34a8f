"""Scores of spaces whose edges are decided in stages."""

from __future__ import annotations

import pandas as pd

from opscore.spaces import SearchSpace


def scores_of_stage(scores: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    """The rows of those edges that a policy may decide at an iteration (schema SCORES).

    Later stages (which inputs a node keeps) are scored too, for whoever wants to pick them from
    the same scores, but they are another question than the one that is decided, and how policies
    agree is told for that one. So of each (policy, seed, iteration) these are the rows of the
    earliest stage that was scored; the table itself for a space of one stage.
    """
    if len(space.stages) == 1 or scores.empty:
        return scores
    stage = scores["edge"].map({e: space.stage_of(e) for e in range(len(space.edges))})
    keys = [scores[name].astype("string").fillna("-") for name in ("policy", "seed", "iteration")]
    return scores[stage == stage.groupby(keys).transform("min")].reset_index(drop=True)
