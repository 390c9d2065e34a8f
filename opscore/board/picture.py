"""The picture of a board. Nothing is calculated here."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.bars import HINDSIGHT, is_bar
from opscore.analysis.drawn import Drawn
from opscore.analysis.side_by_side import write_heading

_MARKERS = ("o", "s", "^", "D", "v", "P")
_INK, _BAR, _OTHER = "#2f5d8a", "#c8553d", "#8a8a8a"


def leaderboard_panels(
    ranking: pd.DataFrame, cells: pd.DataFrame, reference: str, *, note: str = ""
) -> Figure:
    """Each entrant's mean rho with its interval, and beside it what is specific to edges.

    Args:
        ranking: the entrants (:data:`opscore.board.across.RANKING`), the best first.
        cells: the cells behind it (:data:`opscore.board.cells.CELLS`); small marks are the means
            of a space's tasks.
        reference: what agreement is with.
        note: what the numbers are, added in small print.
    """
    names = list(ranking["entrant"])
    figure = Drawn(11.5, 2.6 + 0.25 * len(names))
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = {name: place for place, name in enumerate(names)}
    values = ["rho", "edge_specific"]
    of_space = cells.groupby(["space", "entrant"], sort=False, as_index=False)[values].mean()
    for axes, column in zip(panels, ("rho", "edge_specific"), strict=True):
        _spaces(axes, of_space, column, places)
    left, right = panels
    for place, row in enumerate(ranking.to_dict("records")):
        colour = _colour(str(row["entrant"]))
        if pd.notna(row["ci_low"]):
            ends = [row["ci_low"], row["ci_high"]]
            left.plot(ends, [place, place], color=colour, lw=1.4, zorder=3)
        filled = colour if row["n_spaces"] == cells["space"].nunique() else "white"
        for axes, column in ((left, "rho"), (right, "edge_specific")):
            axes.plot(row[column], place, "o", color=colour, mfc=filled, ms=7, zorder=4)
    left.set_xlabel(f"Spearman's rho with {reference}, mean over spaces")
    right.set_xlabel("of it specific to edges")
    left.set_yticks(range(len(names)), names)
    for label in left.get_yticklabels():
        label.set_color(_colour(label.get_text()))
    left.invert_yaxis()
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(labels), frameon=False)
    write_heading(figure, "Operation scores on the board", _said(note))
    return figure


def _said(note: str) -> str:
    colours = (
        "blue: reads a network; red: no network; grey: in hindsight, or at random; hollow: not "
        "scored in every space; line: bootstrap over spaces, then edges"
    )
    return f"{colours}\n{note}" if note else colours


def _colour(name: str) -> str:
    if name in (HINDSIGHT, "random"):
        return _OTHER
    return _BAR if is_bar(name) else _INK


def _spaces(axes: Axes, rows: pd.DataFrame, column: str, places: dict[str, int]) -> None:
    """The mean over the tasks of each space, in small print."""
    for number, (space, own) in enumerate(rows.groupby("space", sort=False)):
        axes.plot(
            own[column],
            own["entrant"].map(places),
            _MARKERS[number % len(_MARKERS)],
            color="#b9b9b9",
            ms=4,
            label=str(space),
            zorder=2,
        )
    axes.axvline(0, color="#1b1b1b", lw=0.8)
    axes.set_xlim(-1.02, 1.02)
    for place in range(0, len(places), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0)
    axes.set_ylim(-0.5, len(places) - 0.5)
    axes.spines[["top", "right"]].set_visible(False)
