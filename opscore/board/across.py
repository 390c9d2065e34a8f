"""A board as a whole: who is above whom, and how sure that is.

Tasks of one space share its edges, its networks and their scores, so that ten tasks are no ten
pieces of evidence. A mean is therefore first over the tasks of an edge, then over the edges of a
space, then over spaces; the bootstrap draws spaces and then edges, never tasks; and a test flips
the signs of edges. Spaces are few, and two pairs of them are related (TransNAS-Bench-101 micro and
NAS-Bench-201 have one graph; the two of NAS-Bench-1Shot1 come from one table): intervals are wide,
and still rather too narrow.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.analysis import HINDSIGHT, holm, sign_flip_test
from opscore.analysis.intervals import replicate_interval
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

#: Draws of the bootstrap.
N_DRAWS = 4_000

#: One row per entrant, the best mean first; those that lack a space after the others.
RANKING = {
    "entrant": "str",
    "rho": "float64",  # mean over spaces of the mean over edges of the mean over tasks
    "ci_low": "float64",  # bootstrap over spaces, then edges; missing without all spaces
    "ci_high": "float64",
    "edge_specific": "float64",  # mean over spaces of the mean over tasks, where it is defined
    "top_1": "float64",  # likewise
    "top_half": "float64",
    "regret": "float64",
    "mean_rank": "float64",  # over cells, among the entrants that have one; ties share theirs
    "wins": "float64",  # share of the comparisons with other entrants, cell by cell, that it wins
    "p_first": "float64",  # share of the draws in which its mean is the highest
    "n_cells": "int64",  # (space, task) cells with a rho
    "n_spaces": "int64",
}

#: One row per pair of entrants.
PAIRS = {
    "entrant_a": "str",
    "entrant_b": "str",
    "difference": "float64",  # of mean rho, over what both have
    "won": "int64",  # cells in which a is above b
    "tied": "int64",
    "lost": "int64",
    "p_value": "float64",  # exact, by the signs of edges
    "p_holm": "float64",  # over all pairs without the order in hindsight
    "n_edges": "int64",
}


def by_edge(edges: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds and tasks: a row for each (space, edge), a column for each entrant.

    edges: rows of one reference, other goals left out (:data:`opscore.board.cells.EDGES`).
    """
    names = list(dict.fromkeys(edges["entrant"]))
    seeds = edges.groupby(["entrant", "space", "task", "edge"], sort=False)["rho"].mean()
    wide = seeds.reset_index().pivot_table("rho", ["space", "edge"], "entrant", sort=False)
    return wide.reindex(columns=names).sort_index()


def ranking(cells: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """The entrants in the order of their mean rho (:data:`RANKING`).

    cells, edges: rows of one reference, other goals left out.
    """
    table = by_edge(edges)
    spaces = table.groupby("space", sort=False).mean()
    draws = _bootstrap(table)
    counted = [name != HINDSIGHT for name in table.columns]
    first = _share_first(draws, np.array(counted))
    rho = cells.pivot_table("rho", ["space", "task"], "entrant", sort=False, dropna=False)
    rho = rho.reindex(columns=list(table.columns))
    ranks = rho.rank(axis=1, ascending=False)
    others = ["edge_specific", "top_1", "top_half", "regret"]
    of_space = cells.groupby(["entrant", "space"], sort=False)[others].mean()
    means = of_space.groupby("entrant", sort=False).mean()
    rows = []
    for place, name in enumerate(table.columns):
        whole = bool(spaces[name].notna().all())
        low, high = replicate_interval(draws[:, place]) if whole else (np.nan, np.nan)
        rows.append(
            {
                "entrant": name,
                "rho": spaces[name].mean(),
                "ci_low": low,
                "ci_high": high,
                **means.loc[name].to_dict(),
                "mean_rank": ranks[name].mean(),
                "wins": _wins(rho, str(name)),
                "p_first": first[place] if whole and counted[place] else np.nan,
                "n_cells": int(rho[name].notna().sum()),
                "n_spaces": int(spaces[name].notna().sum()),
            }
        )
    frame = pd.DataFrame(rows, columns=list(RANKING)).astype(RANKING)
    # A mean over some of the spaces is no mean over all of them.
    by = ["n_spaces", "rho"]
    return frame.sort_values(by, ascending=False, ignore_index=True, kind="stable")


def _bootstrap(table: pd.DataFrame) -> Array:
    """Mean rho of each entrant in each draw of spaces, then edges; shape (draws, entrants)."""
    generator = numpy_generator(0, "board")
    groups = [own.to_numpy() for _, own in table.groupby("space", sort=False)]
    total = np.zeros((N_DRAWS, table.shape[1]))
    for drawn in generator.integers(len(groups), size=(len(groups), N_DRAWS)):
        for number, own in enumerate(groups):
            where = np.flatnonzero(drawn == number)
            counts = generator.multinomial(len(own), np.full(len(own), 1 / len(own)), len(where))
            there = (~np.isnan(own)).astype(np.float64)
            with np.errstate(invalid="ignore"):  # an entrant that no drawn edge has
                total[where] += (counts @ np.nan_to_num(own)) / (counts @ there)
    return total / len(groups)


def _share_first(draws: Array, counted: NDArray[np.bool_]) -> Array:
    """How often each counted entrant has the highest mean; draws without a mean are not looked at.

    Entrants with the same mean share a draw.
    """
    values = np.where(counted & ~np.isnan(draws), draws, -np.inf)
    highest = np.isclose(values, values.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return np.asarray((highest / highest.sum(axis=1, keepdims=True)).mean(axis=0))


def _wins(rho: pd.DataFrame, name: str) -> float:
    """The share of comparisons with others, cell by cell, that are won; a tie is half of one."""
    others = rho.drop(columns={name, HINDSIGHT} & set(rho.columns))
    gaps = others.rsub(rho[name], axis=0)
    known = gaps.notna().to_numpy()
    won = (gaps.round(9).to_numpy() > 0) + 0.5 * (gaps.round(9).to_numpy() == 0)
    return float(won[known].mean()) if known.any() else float("nan")


def pairs(cells: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Every pair of entrants (:data:`PAIRS`): what the matrix of comparisons is drawn from.

    A pair's numbers do not change when another entrant is added, but for Holm's adjustment
    (Ismail-Fawaz et al. 2023, arXiv 2305.11921). The test: were neither closer to the truth, the
    difference of each edge could as well have the other sign.

    cells, edges: rows of one reference, other goals left out.
    """
    table = by_edge(edges)
    rho = cells.pivot_table("rho", ["space", "task"], "entrant", sort=False, dropna=False).round(9)
    rows = []
    for a, b in itertools.combinations(table.columns, 2):
        gaps = (table[a] - table[b]).dropna()
        if gaps.empty:
            continue
        # Each space has the same weight, and each of its edges the same part of it.
        sizes = gaps.groupby("space").transform("size")
        parts = gaps / sizes / gaps.index.get_level_values("space").nunique()
        cell = (rho[a] - rho[b]).dropna()
        tested = HINDSIGHT not in {a, b}
        rows.append(
            {
                "entrant_a": a,
                "entrant_b": b,
                "difference": float(parts.sum()),
                "won": int((cell > 0).sum()),
                "tied": int((cell == 0).sum()),
                "lost": int((cell < 0).sum()),
                "p_value": sign_flip_test(parts) if tested else np.nan,
                "n_edges": len(gaps),
            }
        )
    frame = pd.DataFrame(rows, columns=[name for name in PAIRS if name != "p_holm"])
    return frame.assign(p_holm=holm(frame["p_value"]))[list(PAIRS)].astype(PAIRS)
