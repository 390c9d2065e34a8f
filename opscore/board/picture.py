"""The picture of a board. Nothing is calculated here."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.bars import HINDSIGHT, is_bar
from opscore.answers.look import look
from opscore.answers.style import (
    MEASURED,
    MUTED,
    PLAIN,
    PUBLISHED,
    describe,
    drawn,
    figure_of,
    legend_below,
    panels,
    rho_axis,
    rows_axis,
)

_MARKERS = ("o", "s", "^", "D", "v", "P")

_SAID = (
    "hollow: not scored in every space; line: bootstrap over spaces, then edges; small grey marks: "
    "the mean over the tasks of a space"
)


@drawn
def leaderboard_panels(
    ranking: pd.DataFrame, cells: pd.DataFrame, reference: str, *, note: str = ""
) -> Figure:
    """Each entrant's mean rho with its interval, and beside it what is specific to edges.

    Args:
        ranking: the entrants (:data:`opscore.board.across.RANKING`), the best first.
        cells: the cells behind it (:data:`opscore.board.cells.CELLS`); small marks are the means
            of a space's tasks.
        reference: what agreement is with.
        note: what the numbers are; the caption.
    """
    names = list(ranking["entrant"])
    left, right = panels(2, 0.9 + 0.2 * len(names), sharey=True, width_ratios=(3, 2), page=True)
    places = {name: place for place, name in enumerate(names)}
    values = ["rho", "edge_specific"]
    of_space = cells.groupby(["space", "entrant"], sort=False, as_index=False)[values].mean()
    for axes, column in ((left, "rho"), (right, "edge_specific")):
        _spaces(axes, of_space, column, places)
        rows_axis(axes, names)
    for place, row in enumerate(ranking.to_dict("records")):
        colour, marker, label = _kind(str(row["entrant"]))
        if pd.notna(row["ci_low"]):
            ends = [row["ci_low"], row["ci_high"]]
            left.plot(ends, [place, place], color=colour, zorder=3)
        filled = colour if row["n_spaces"] == cells["space"].nunique() else "white"
        kept: Any = {"color": colour, "ms": 5 * look().scale, "zorder": 4}
        for axes, column in ((left, "rho"), (right, "edge_specific")):
            axes.plot(row[column], place, marker, mfc=filled, **kept)
        left.plot([], [], marker, label=label, **kept)[0].set_in_layout(False)
    rho_axis(left, "x", f"Spearman's rho to {reference}, mean over spaces")
    rho_axis(right, "x", "of it specific to edges")
    left.invert_yaxis()
    legend_below([left], 5)
    describe(left, "Operation scores on the board", f"{_SAID}\n{note}" if note else _SAID)
    return figure_of(left)


def _kind(name: str) -> tuple[str, str, str]:
    """Colour, mark and name of what an entrant knows."""
    if name in (HINDSIGHT, "random"):
        return MUTED, "D", "in hindsight, or at random"
    return (PUBLISHED, "s", "no network") if is_bar(name) else (MEASURED, "o", "reads a network")


def _spaces(axes: Axes, rows: pd.DataFrame, column: str, places: dict[str, int]) -> None:
    """The mean over the tasks of each space, in small print."""
    for number, (space, own) in enumerate(rows.groupby("space", sort=False)):
        axes.plot(
            own[column],
            own["entrant"].map(places),
            _MARKERS[number % len(_MARKERS)],
            color=PLAIN,
            ms=2.6 * look().scale,
            label=str(space),
            zorder=2,
        )
