"""Draws the first page's picture, docs/scoring.png: operation scoring, and how it is judged.

    python docs/picture.py

The scores are those that the package ships: one policy, one seed, one edge of NAS-Bench-201.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from opscore.analysis import edge_correlations
from opscore.answers.style import INK, LINE, MUTED, SERIES, Canvas, drawn, write_picture
from opscore.data.records import read_record

FILE = Path(__file__).with_name("scoring.png")

POLICY, SEED, EDGE = "zc-pt(nwot)", 0, 2

#: How a picture calls an operation, from above to below.
WORDS = {
    "nor_conv_3x3": "3x3 conv",
    "nor_conv_1x1": "1x1 conv",
    "skip_connect": "skip",
    "avg_pool_3x3": "pool",
    "none": "none",
}


def edge(axes: Axes, there: Collection[str], title: str) -> None:
    """Two nodes, and between them each operation that is there; the others are dotted."""
    axes.set(xlim=(-0.3, 3.3), ylim=(-1.3, 1.3))
    axes.set_title(title)
    axes.axis("off")
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    for place, (operation, (colour, _)) in enumerate(zip(WORDS, SERIES, strict=False)):
        height = 1.1 - 0.55 * place
        here = operation in there
        # A quadratic curve comes half as high as its middle point.
        axes.add_patch(
            PathPatch(
                Curve([(0, 0), (1.5, 2 * height), (3, 0)], [1, 3, 3]),
                facecolor="none",
                edgecolor=colour if here else MUTED,
                lw=1.4 if here else 0.7,
                ls="-" if here else ":",
            )
        )
        ink = INK if here else MUTED
        word = WORDS[operation]
        axes.text(1.5, height, word, ha="center", va="center", fontsize=7, color=ink, bbox=paper)
    axes.plot([0, 3], [0, 0], "o", ms=10, mfc="white", mec=INK, ls="")


def judged(axes: Axes) -> None:
    """The scores of one edge's operations against the truth."""
    scores = read_record("initial_nasbench201")[0]
    cells = edge_correlations(scores, POLICY, "best-acc")
    (rho,) = cells[(cells["seed"] == SEED) & (cells["edge"] == EDGE)]["rho"]
    scores = scores[scores["edge"] == EDGE].set_index("op")
    mine = scores[(scores["policy"] == POLICY) & (scores["seed"] == SEED)]["score"]
    truth = scores[scores["policy"] == "best-acc"]["score"]
    for (operation, word), (colour, mark) in zip(WORDS.items(), SERIES, strict=False):
        at = (mine[operation], truth[operation])
        axes.plot(*at, mark, color=colour)
        axes.annotate(word, at, (4, 3), textcoords="offset points", fontsize=7)
    axes.invert_xaxis()
    axes.set_title(f"3. Judge: rho = {rho:.2f} on this edge")
    axes.set(xlabel="nwot without it (less: more wanted)", ylabel="best accuracy with it, %")
    axes.margins(0.3, 0.15)
    axes.grid(color=LINE)


@drawn
def draw() -> Canvas:
    """The picture."""
    figure = Canvas(7.2, 2.7)
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1.35))
    edge(figure.add_subplot(grid[:, 0]), WORDS, "1. An edge: which to keep?")
    without = [name for name in WORDS if name != "skip_connect"]
    edge(figure.add_subplot(grid[0, 1]), without, "2. Perturb: all but skip")
    edge(figure.add_subplot(grid[1, 1]), ["skip_connect"], "or discretize: skip alone")
    judged(figure.add_subplot(grid[:, 2]))
    figure.title = "Operation scoring on one edge of a supernet"
    figure.caption = f"{POLICY}, edge {EDGE} of NAS-Bench-201, seed {SEED}, paper size."
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Draw it; there is nothing to choose."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    write_picture(draw(), FILE, "png", dpi=200)


if __name__ == "__main__":
    main()
