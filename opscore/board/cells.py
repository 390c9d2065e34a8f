"""One cell of a board: an entrant on one task, against one reference.

Agreement never stands alone: beside rho is what of it is specific to single edges, and how far the
reference agrees with itself from one training of the networks to another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.analysis import HINDSIGHT
from opscore.analysis.edge_specific import agreement_of
from opscore.analysis.intervals import edge_interval, edge_weights, mean_over_edges
from opscore.analysis.matches import Match, Strengths, rho_matrix
from opscore.analysis.relabelling import edges_together, relabelling_p_value
from opscore.analysis.stages import scores_of_stage
from opscore.board.definition import Board
from opscore.board.scores import SpaceScores
from opscore.spaces import get_space

#: One row per (space, task, reference, entrant).
CELLS = {
    "space": "str",
    "task": "str",
    "role": "str",  # development, held-out or other
    "reference": "str",
    "entrant": "str",
    "made": "str",  # size of the supernet and of the minibatch
    "status": "str",  # 'ok', or why there is no rho
    "rho": "float64",  # Spearman within an edge, mean over edges, then over seeds
    "ci_low": "float64",  # interval over other edges of the kind
    "ci_high": "float64",
    "p_common": "float64",  # operations relabelled alike on all edges
    "edge_specific": "float64",  # agreement beyond an order that is the same on all edges
    "edge_p": "float64",  # of that, by exchanging edges
    "ceiling": "float64",  # rho of the reference with itself between two trainings
    "edge_ceiling": "float64",  # its edge-specific agreement with itself
    "top_1": "float64",  # share of the edges whose best operation is picked
    "top_half": "float64",  # share where it survives a cut to half of the operations, rounded up
    "regret": "float64",  # what the picks lose, as a share of the span between best and worst
    "n_seeds": "int64",
    "n_edges": "int64",
    "n_failed": "int64",  # operations without a score, over seeds
}

#: One row per (space, task, reference, entrant, seed, edge): what all else rests on.
EDGES = {
    **{name: CELLS[name] for name in ("space", "task", "role", "reference", "entrant")},
    "seed": "Int64",
    "edge": "int64",
    "rho": "float64",
}


def tables_of(
    board: Board,
    scores: Mapping[str, SpaceScores],
    truths: Mapping[tuple[str, str], pd.DataFrame],
    ceilings: pd.DataFrame,
    references: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells (:data:`CELLS`) and the edges (:data:`EDGES`) of a board.

    Args:
        board: the board.
        scores: of its entrants, by space.
        truths: of each (space, task), a score table of the references and the order in hindsight.
        ceilings: columns space, dataset, reference, rho, edge_specific.
        references: those that are wanted.
    """
    known = {
        (row["space"], row["dataset"], row["reference"]): (row["rho"], row["edge_specific"])
        for row in ceilings.to_dict("records")
    }
    cells: list[dict[str, object]] = []
    edges: list[tuple[object, ...]] = []
    for (space, task), role in board.roles.items():
        own = scores[space]
        # The order in hindsight is another one for each task.
        drawn = own.scores[own.scores["policy"] != HINDSIGHT]
        rows = pd.concat([truths[space, task], drawn], ignore_index=True)
        rows = scores_of_stage(rows, get_space(space))
        strengths = Strengths(rows)
        names = dict.fromkeys([*(each.name for each in board.entrants), *drawn["policy"]])
        failures = {name: _failures(rows[rows["policy"] == name]) for name in names}
        for reference in references:
            place = {"space": space, "task": task, "role": role, "reference": reference}
            rho, edge = known.get((space, task, reference), (math.nan, math.nan))
            for name in names:
                found = strengths.matches(name, reference) if name in strengths.policies else []
                cells.append(
                    {
                        **place,
                        "entrant": name,
                        "made": str(own.made.get(name, "")),
                        **failures[name],
                        **_cell(name, found),
                        "ceiling": rho,
                        "edge_ceiling": edge,
                    }
                )
                edges += [(*place.values(), name, cell.seed, cell.edge, cell.rho) for cell in found]
    return (
        pd.DataFrame(cells, columns=list(CELLS)).astype(CELLS),
        pd.DataFrame(edges, columns=list(EDGES)).astype(EDGES),
    )


def _failures(rows: pd.DataFrame) -> dict[str, object]:
    """How many operations have no score, and why, of those of an entrant that has no agreement."""
    failed = rows.loc[rows["status"] != "ok", "status"]
    why = "the same score for every operation of an edge"
    if rows.empty:
        why = "not scored"
    elif len(failed):
        why = str(failed.value_counts().index[0])
    return {"status": why, "n_failed": len(failed), "n_seeds": 0, "n_edges": 0}


def _cell(name: str, cells: Sequence[Match]) -> dict[str, object]:
    """The statistics of one entrant's matched cells with one reference."""
    matrix = rho_matrix(cells)
    defined = [cell for cell in cells if cell.defined]
    if not defined:
        return {}
    low, high = edge_interval(matrix, bounds=(-1, 1))
    weights = edge_weights(matrix)
    agreement, edge_p, _, _ = agreement_of(cells)
    tested = name != HINDSIGHT  # it is chosen to agree
    picks = np.array([_picks(cell) for cell in defined])
    return {
        "status": "ok",
        "rho": mean_over_edges(matrix),
        "ci_low": low,
        "ci_high": high,
        "p_common": (
            relabelling_p_value(defined, weights[weights > 0].tolist(), edges_together(cells))
            if tested
            else math.nan
        ),
        "edge_specific": agreement,
        "edge_p": edge_p,
        **dict(zip(("top_1", "top_half", "regret"), picks.mean(axis=0).tolist(), strict=True)),
        "n_seeds": int((weights > 0).any(axis=1).sum()),
        "n_edges": int((weights > 0).sum(axis=1).max()),
    }


def _picks(cell: Match) -> tuple[float, float, float]:
    """Whether the best operation is picked, survives a cut to half, and what the pick loses.

    Ties of the entrant are broken at random: what is given are expectations.
    """
    best = cell.y == cell.y.max()
    first = cell.x == cell.x.max()
    survival = _survival(cell.x, math.ceil(len(cell.x) / 2))
    lost = float(cell.y.max() - cell.y[first].mean())
    return (
        float(best[first].mean()),
        float(survival[best].max()),
        lost / float(cell.y.max() - cell.y.min()),
    )


def _survival(strengths: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """The probability of each operation to be among so many of the strongest."""
    above = (strengths[:, None] < strengths).sum(axis=1)
    level = (strengths[:, None] == strengths).sum(axis=1)
    return np.asarray(np.clip((kept - above) / level, 0, 1), dtype=np.float64)
