"""Draws operation scoring, docs/scoring.png, and what a search does with it, docs/search.png.

    python docs/picture.py

The scores of the first are those that the package ships: one policy, one seed, one edge of
NAS-Bench-201. Those of the second are a search of a minute, made now.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from opscore.analysis import edge_correlations
from opscore.analysis.drawing import CHOSEN, FIXED, arrow, blank, box
from opscore.answers.style import INK, LINE, MUTED, SERIES, Canvas, drawn, write_picture
from opscore.data.records import read_record
from opscore.search import SearchOutcome, zero_cost_pt

FOLDER = Path(__file__).parent

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


#: A search that takes a moment.
SEARCH = {"size": "smoke", "images": "digits", "batch_size": 32, "proposals": 6, "validation": 5}


def flow(axes: Axes) -> None:
    """Algorithm 1 as boxes: what is done for each edge, and for each proposal."""
    parts = (
        ("supernet A_0,\nall operations", FIXED),
        ("an open edge:\nS(A_t - (e, o))\nfor each of its o", CHOSEN),
        ("keep the o\nwith the least:\nA_t+1", CHOSEN),
        ("proposal: one\noperation on\neach edge", FIXED),
        ("networks of the\ndifferent ones:\nS on V minibatches", CHOSEN),
        ("the largest\nsum", FIXED),
    )
    step, width, middle = 1.75, 1.4, 0.9
    blank(axes, "Zero-Cost-PT (Algorithm 1), with a larger-is-better proxy S", 10.6, 2.3)
    for place, (text, colour) in enumerate(parts):
        x = 0.9 + step * place
        box(axes, (x, middle), (width, 0.95), text, colour, font=6)
        if place:
            arrow(axes, (x - step + width / 2, middle), (x - width / 2, middle))
    for first, last, told in ((1, 2, "each edge"), (1, 3, "N proposals")):
        start, end = 0.9 + step * last, 0.9 + step * first
        depth = 0.12 + 0.3 * (last - first)
        arrow(axes, (start, 1.38), (end, 1.38), bend=-2 * depth / (start - end))
        axes.text(
            (start + end) / 2, 1.18 + depth, told, ha="center", va="center", fontsize=6, color=MUTED
        )


def walked(axes: Axes, found: SearchOutcome) -> None:
    """The decisions of the first proposal: what S loses with each operation of the edge."""
    trace = found.trace[found.trace["proposal"] == 0]
    names = found.architecture.space.edges
    for step, rows in trace.groupby("step"):
        with_all = rows.set_index("op")["score"]["none"]
        for (operation, _), (colour, mark) in zip(WORDS.items(), SERIES, strict=False):
            row = rows[rows["op"] == operation].iloc[0]
            at = (step, row["score"] - with_all)
            axes.plot(*at, mark, color=colour, label=WORDS[operation] if step == 0 else None)
            if row["decided"]:
                axes.plot(*at, "o", ms=11, mfc="none", mec=INK)
    edges = trace.drop_duplicates("step")["edge"]
    axes.set_xticks(range(len(edges)), [names[edge] for edge in edges], fontsize=7)
    axes.set_title("Proposal 1, edge after edge; ringed: kept")
    axes.set(xlabel="edges in the order drawn", ylabel="nwot without it, minus nwot of A_t")
    axes.legend(fontsize=6, ncols=3, loc="best")
    axes.grid(color=LINE, axis="y")


def validated(axes: Axes, found: SearchOutcome) -> None:
    """The candidates' sums over V minibatches."""
    rows = found.candidates
    lowest = rows["score"].min()
    for place, row in enumerate(rows.to_dict("records")):
        colour = SERIES[0][0] if row["chosen"] else MUTED
        axes.barh(place, row["score"] - lowest, color=colour)
    axes.invert_yaxis()
    axes.set_yticks(range(len(rows)), [f"{place + 1}" for place in range(len(rows))])
    axes.set_title("Candidates; blue: chosen")
    axes.set(xlabel=f"sum over {SEARCH['validation']}, above the least", ylabel="candidate")


@drawn
def draw_search() -> Canvas:
    """What Zero-Cost-PT does, and a small search."""
    found = zero_cost_pt("nwot", seed=SEED, **SEARCH)
    figure = Canvas(7.2, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(2.2, 1), height_ratios=(1, 1.5))
    flow(figure.add_subplot(grid[0, :]))
    walked(figure.add_subplot(grid[1, 0]), found)
    validated(figure.add_subplot(grid[1, 1]), found)
    figure.title = "Zero-Cost-PT, and a search with six proposals"
    figure.caption = f"nwot on NAS-Bench-201, seed {SEED}, smoke size, digits."
    return figure


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
    """Draw both; there is nothing to choose."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    write_picture(draw(), FOLDER / "scoring.png", "png", dpi=200)
    write_picture(draw_search(), FOLDER / "search.png", "png", dpi=200)


if __name__ == "__main__":
    main()
