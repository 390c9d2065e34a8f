"""What an entrant's scores are made of: size, skip connections, and what is left without size.

With r_xy the mean over edges (then seeds) of Spearman's rho between an entrant's and the truth's
strengths, and z the order by parameters, what is left without size is the partial correlation

    (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2))

It does not exist for who orders by size on every edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from opscore.analysis.intervals import mean_of_known, mean_over_edges
from opscore.analysis.matches import Match, Strengths, ranks_to_one, rho_matrix
from opscore.analysis.stages import scores_of_stage
from opscore.board.definition import Board
from opscore.board.scores import SpaceScores
from opscore.spaces import get_space

#: One row per (space, entrant); agreement with the truth is the mean over the tasks that count.
BIAS = {
    "space": "str",
    "entrant": "str",
    "params": "float64",  # rho with the order by parameters
    "flops": "float64",  # by multiplications
    "skip": "float64",  # mean place of the skip connection, from 0 (last) to 1 (first)
    "skip_truth": "float64",  # where the reference has it
    "rho": "float64",
    "rho_without_size": "float64",  # partial correlation, parameters taken out
}

#: Correlations nearer to one than this leave nothing to correlate.
_SAME = 1e-9


def bias(
    board: Board,
    scores: Mapping[str, SpaceScores],
    truths: Mapping[tuple[str, str], pd.DataFrame],
    reference: str,
) -> pd.DataFrame:
    """The bias of every entrant in every space (:data:`BIAS`)."""
    rows = []
    for space in board.spaces:
        tasks = [
            task for (own, task), role in board.roles.items() if own == space and role != "other"
        ]
        tops = [f"truth of {task}" for task in tasks]
        tables = [truths[space, task] for task in tasks]
        known = [
            table[table["policy"] == reference].assign(policy=top)
            for table, top in zip(tables, tops, strict=True)
        ]
        drawn = scores[space].scores
        every = scores_of_stage(pd.concat([*known, drawn], ignore_index=True), get_space(space))
        strengths = Strengths(every)
        skip = get_space(space).identity
        for name in dict.fromkeys(drawn["policy"]):
            agreements = [_partial(strengths, str(name), top) for top in tops]
            rows.append(
                {
                    "space": space,
                    "entrant": name,
                    "params": _rho(strengths, str(name), "op-params"),
                    "flops": _rho(strengths, str(name), "op-flops"),
                    "skip": _place_of(strengths, str(name), skip),
                    "skip_truth": mean_of_known([_place_of(strengths, top, skip) for top in tops]),
                    "rho": mean_of_known([_rho(strengths, str(name), top) for top in tops]),
                    "rho_without_size": mean_of_known(agreements),
                }
            )
    return pd.DataFrame(rows, columns=list(BIAS)).astype(BIAS)


def _rho(strengths: Strengths, policy: str, other: str) -> float:
    if other not in strengths.policies:
        return math.nan
    return mean_over_edges(rho_matrix(strengths.matches(policy, other)))


def _partial(strengths: Strengths, policy: str, truth: str) -> float:
    """Agreement with a truth without the order by parameters."""
    if "op-params" not in strengths.policies or policy == "op-params":
        return math.nan
    both, own, other = (
        _rho(strengths, *pair)
        for pair in ((policy, truth), (policy, "op-params"), (truth, "op-params"))
    )
    left = (1 - own**2) * (1 - other**2)
    return (both - own * other) / math.sqrt(left) if left > _SAME else math.nan


def _place_of(strengths: Strengths, policy: str, op: str | None) -> float:
    """Mean unit rank of an operation over the edges that have it and something else."""
    cells: Sequence[Match] = strengths.matches(policy, policy)
    places = [
        ranks_to_one(cell.x.tolist())[cell.operations.index(op)]
        for cell in cells
        if op in cell.operations and len(cell.x) > 1
    ]
    return mean_of_known(places)
