"""Draws the picture of every space that has a page here: its choices, and the network around them.

    python docs/spaces/pictures.py               # all of them, into this folder
    python docs/spaces/pictures.py --out FOLDER transnas-micro

What is drawn is read from the spaces and networks themselves: edges, operations, parents, widths.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.drawing import CHOSEN, FIXED, MUTED, NODE, arrow, blank, box, row
from opscore.spaces import (
    DARTS_SPACES,
    MOBILENET,
    NASBENCH201,
    NASBENCH_MACRO,
    NB1SHOT1,
    TRANSNAS_MICRO,
    SearchSpace,
)
from opscore.spaces.darts import EDGES, KINDS, edge_of
from opscore.spaces.mobilenet import GROUPS
from opscore.spaces.nasbench101_cells import PARENTS
from opscore.spaces.nasbench201 import NODES
from opscore.spaces.nasbench_macro import STAGES
from opscore.spaces.nb1shot1 import NB1Shot1Space
from opscore.spaces.transnas import SKELETON, WIDTH
from opscore.spaces.transnas_macro import LEAST, MODULES, MOST
from opscore.supernets import SUPERNETS, mobilenet
from opscore.supernets.nasbench_macro import LAST
from opscore.supernets.transnas import CELLS, CHANGES

FOLDER = Path(__file__).resolve().parent

# --- cells whose edges carry the operations


def graph_cell(axes: Axes, space: SearchSpace) -> None:
    """The four nodes of a cell in a row, with its six edges and what each may be."""
    blank(axes, f"cell: {len(space.edges)} edges, one operation on each", 8.2, 3.6, top=0.7)
    where = {node: (0.5 + 1.75 * node, 1.9) for node in range(4)}
    bends = {1: 0.0, 2: -0.42, 3: 0.52}
    for edge, (source, target) in enumerate(NODES):
        (x0, y0), (x1, y1) = where[source], where[target]
        far = target - source
        lift = {1: 0.0, 2: -0.2, 3: 0.2}[far]
        ends = ((x0 + 0.22, y0 + lift), (x1 - 0.22, y1 + lift))
        arrow(axes, *ends, bend=bends[far])
        # Half of the bend times the distance is how far the curve runs beside the straight line.
        middle = y0 + lift + bends[far] * (ends[1][0] - ends[0][0]) / 2
        at = ((x0 + x1) / 2, middle + (0.16 if far == 3 else -0.16))
        axes.text(*at, space.edges[edge].replace("->", "→"), ha="center", va="center", fontsize=6)
    for node, (x, y) in where.items():
        box(axes, (x, y), (0.44, 0.44), str(node), NODE)
    operations = "\n".join(space.operations[0])
    box(axes, (7.25, 1.75), (1.6, 1.9), f"each arrow:\n{operations}", CHOSEN, font=6)
    axes.text(0.5, 2.35, "input", ha="center", fontsize=6, color=MUTED)
    axes.text(where[3][0], 2.35, "output", ha="center", fontsize=6, color=MUTED)


def nasbench201_picture() -> Figure:
    """The cell, and the network of 17 cells."""
    size = SUPERNETS[NASBENCH201.name].arguments("paper")
    width, cells = size["channels"], size["cells"]
    parts = [("stem\n3x3 conv", FIXED)]
    for stage in range(3):
        if stage:
            parts.append(("residual\nblock\nstride 2", FIXED))
        parts.append((f"{cells} cells\n{width * 2**stage} wide", CHOSEN))
    parts.append(("pool,\nlinear", FIXED))
    return cell_and_row(NASBENCH201, parts, "network (every cell has the same operations)")


def transnas_picture() -> Figure:
    """The cell, and the network of modules that the skeleton's digits say."""
    parts, width = [(f"stem\ntwice\nstride 2\n{WIDTH} wide", FIXED)], WIDTH
    for digit in SKELETON:
        factor, stride = CHANGES[digit]
        width *= factor
        halves = "\nstride 2" if stride == 2 else ""
        parts.append((f"'{digit}':\n{CELLS} cells\n{width} wide{halves}", CHOSEN))
    parts.append(("pool,\nlinear", FIXED))
    title = f"network {WIDTH}-{SKELETON} (every cell has the same operations)"
    return cell_and_row(TRANSNAS_MICRO, parts, title)


def cell_and_row(space: SearchSpace, parts: Sequence[tuple[str, str]], title: str) -> Figure:
    """A cell above a network."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.2, 4.6), height_ratios=(3, 1.25))
    graph_cell(above, space)
    row(below, parts, title)
    return figure


# --- layers


def transnas_macro_picture() -> Figure:
    """Six modules, and what each may be."""
    parts = [(f"stem\ntwice\nstride 2\n{WIDTH} wide", FIXED)]
    for number in range(1, MOST + 1):
        may = "" if number <= LEAST else "\nor absent"
        parts.append((f"module {number}\n2 residual\nblocks{may}", CHOSEN))
    parts.append(("pool,\nlinear", FIXED))
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.6, 2.7), height_ratios=(1.3, 1.5))
    row(above, parts, f"network of {LEAST} to {MOST} modules")
    blank(below, "each module", 14.5, 1.9)
    changes = ("nothing changes", "twice the width", "half the resolution", "both")
    for place, text in enumerate(changes):
        name = f"{place + 1}: {MODULES[place]}"
        box(below, (1.9 + 3.6 * place, 0.9), (3.2, 1.3), f"{name}\n{text}", CHOSEN, font=6)
    return figure


def macro_picture() -> Figure:
    """Eight layers in three stages."""
    width = SUPERNETS[NASBENCH_MACRO.name].arguments("paper")["channels"]
    parts = [(f"stem\n3x3 conv\n{width} wide", FIXED)]
    for count in STAGES:
        width *= 2
        for number in range(count):
            change = "\nstride 2" if number == 0 else ""
            parts.append((f"layer {len(parts) - 1}\n{width} wide{change}", CHOSEN))
    parts.append((f"1x1 conv\n{LAST * width} wide, pool,\nlinear", FIXED))
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.6, 2.7), height_ratios=(1.3, 1.5))
    row(above, parts, f"network: {len(STAGES)} stages of {', '.join(map(str, STAGES))} layers")
    blank(below, "each layer: one of three blocks", 14.5, 1.9)
    blocks = (
        (NASBENCH_MACRO.operations[0][0], "nothing; where width changes,\na 1x1 convolution"),
        (NASBENCH_MACRO.operations[0][1], "inverted residual,\nkernel 3, expansion 3"),
        (NASBENCH_MACRO.operations[0][2], "inverted residual,\nkernel 5, expansion 6"),
    )
    for digit, (name, text) in enumerate(blocks):
        box(below, (2.4 + 4.8 * digit, 0.9), (4.2, 1.5), f"{digit}: {name}\n{text}", CHOSEN, font=6)
    return figure


def mobilenet_picture() -> Figure:
    """Twenty-one layers in six groups."""
    first, second = mobilenet.STEM
    parts = [(f"stem\n3x3 conv,\nstride 2\n{first}, {second} wide", FIXED)]
    for number, (count, width) in enumerate(zip(GROUPS, mobilenet.WIDTHS, strict=True)):
        start = sum(GROUPS[:number])
        layers = f"{start} to {start + count - 1}" if count > 1 else str(start)
        change = "\nstride 2" if mobilenet.STRIDES[number] == 2 else ""
        noun = "layers" if count > 1 else "layer"
        parts.append((f"{noun} {layers}\n{width} wide{change}", CHOSEN))
    parts.append((f"1x1 conv\n{mobilenet.LAST} wide,\npool, linear", FIXED))
    figure, (above, below) = plt.subplots(2, 1, figsize=(10.0, 3.2), height_ratios=(1.3, 1.3))
    row(above, parts, f"network: {sum(GROUPS)} layers in {len(GROUPS)} groups")
    blank(
        below,
        "each layer: one of six inverted residuals or, but for the first of a group, skip",
        14.5,
        1.9,
    )
    for op, name in enumerate(MOBILENET.operations[1]):
        text = f"{op if op < 6 else -1}: {name}"
        box(below, (1.15 + 2.03 * op, 0.9), (1.85, 0.8), text, CHOSEN, font=6)
    return figure


# --- choice blocks


def oneshot_cell(axes: Axes, space: NB1Shot1Space) -> None:
    """Input, blocks and output of a cell from top to bottom, with every parent there may be."""
    counts = PARENTS[space.number]
    last = len(counts) - 1
    most = max(map(len, PARENTS.values()))
    blank(axes, f"{space.name}: cell", 5.4, 1.1 * most, top=-0.1)
    middle, wide = 2.7, 2.3
    where = {vertex: (middle, 0.55 + 1.1 * vertex) for vertex in range(last + 1)}
    for vertex in range(1, last + 1):
        chooses = vertex in space.parent_edges
        for parent in range(vertex):
            (_, above), (_, below) = where[parent], where[vertex]
            if vertex - parent == 1:
                arrow(axes, (middle, above + 0.28), (middle, below - 0.28), dashed=chooses)
            else:
                # Long ways run beside the blocks, in turn on either side.
                side = 1 if (vertex + parent) % 2 else -1
                x = middle + side * wide / 2
                bend = side * -0.32
                arrow(axes, (x, above + 0.1), (x, below - 0.1), bend=bend, dashed=chooses)
    for vertex, at in where.items():
        name = {0: "input", last: "output"}.get(vertex, f"block{vertex}")
        keeps = f"\nkeeps {counts[vertex]} of {vertex}" if vertex else ""
        if vertex and vertex not in space.parent_edges:
            keeps = "\nreads all before it" if vertex > 1 else "\nreads the input"
        colour = CHOSEN if 0 < vertex < last else NODE
        box(axes, at, (wide, 0.56), f"{name}{keeps}", colour, font=6.5)


def oneshot_picture() -> Figure:
    """The cells of the three spaces side by side, and the network around them."""
    figure = plt.figure(figsize=(9.0, 6.6))
    grid = figure.add_gridspec(2, 3, height_ratios=(5.0, 1.4), wspace=0.05, hspace=0.08)
    for place, space in enumerate(NB1SHOT1):
        oneshot_cell(figure.add_subplot(grid[0, place]), space)
    size = SUPERNETS[NB1SHOT1[0].name].arguments("paper")
    width, each = size["channels"], size["cells"] // 3
    parts = [("stem\n3x3 conv", FIXED)]
    for stage in range(3):
        if stage:
            parts.append(("max pool\nstride 2", FIXED))
        parts.append((f"{each} cells\nblocks of {width * 2**stage}", CHOSEN))
    parts.append(("1x1 conv,\npool, linear", FIXED))
    operations = ", ".join(NB1SHOT1[0].operations[0])
    row(
        figure.add_subplot(grid[1, :]),
        parts,
        f"network; each block: {operations} (dashed arrows: parents there may be)",
    )
    return figure


# --- DARTS


def darts_cell(axes: Axes) -> None:
    """The inputs and nodes of a cell in a row, with its 14 edges."""
    blank(axes, "cell: 14 edges, one operation on each; every node keeps two", 9.6, 3.9, top=0.3)
    where = {node: (0.5 + 1.3 * node, 2.1) for node in range(6)}
    for source, node in EDGES:
        (x0, y), (x1, _) = where[source], where[node]
        far = node - source
        up = (source + node) % 2
        bend = (0.42 if up else -0.42) if far > 1 else 0.0
        lift = (0.2 if up else -0.2) if far > 1 else 0.0
        arrow(axes, (x0 + 0.22, y + lift), (x1 - 0.22, y + lift), bend=bend, dashed=node > 2)
    for node, (x, y) in where.items():
        box(axes, (x, y), (0.44, 0.44), str(node), NODE)
    axes.text(1.15, 3.75, "0, 1: the two cells before; output: 2 to 5 side by side", fontsize=6)
    operations = "\n".join(DARTS_SPACES[0].operations[0])
    box(axes, (8.6, 1.9), (1.8, 2.4), f"each arrow:\n{operations}", CHOSEN, font=6)


def darts_picture() -> Figure:
    """The cell, and the network of normal and reduction cells."""
    size = SUPERNETS["darts"].arguments("paper")
    width, cells = size["channels"], size["cells"]
    parts = [(f"stem\n3x3 conv\n{3 * width} wide", FIXED)]
    for number in range(cells):
        reduction = number in (cells // 3, 2 * cells // 3)
        width *= 2 if reduction else 1
        parts.append((f"{KINDS[reduction]}\nnodes of\n{width}", CHOSEN))
    parts.append(("pool,\nlinear", FIXED))
    figure, (above, below) = plt.subplots(2, 1, figsize=(8.2, 4.8), height_ratios=(3, 1.1))
    darts_cell(above)
    row(below, parts, "network (cells of a kind are alike; each reads the two before it)")
    return figure


def parts_picture() -> Figure:
    """What S1 to S4 have on the edges of DARTS."""
    figure, axes = plt.subplots(figsize=(9.0, 4.6))
    blank(axes, "operations of each edge: S1 on the left, S2 to S4 on the right", 15.0, 8.2)
    s1, *others = DARTS_SPACES[2:]
    for kind, name in enumerate(KINDS):
        for place, edge in enumerate(EDGES):
            at = (1.4 + 2.65 * (place % 4), 0.75 + 0.95 * (place // 4) + 4.1 * kind)
            operations = ", ".join(s1.operations[edge_of(kind, *edge)])
            text = f"{name} {edge[0]}→{edge[1]}\n{operations.replace('_connect', '')}"
            box(axes, at, (2.5, 0.8), text, CHOSEN, font=5)
    for place, space in enumerate(others):
        text = "\n".join([f"{space.name}, every edge:", *space.operations[0]])
        box(axes, (13.1, 1.3 + 2.4 * place), (2.9, 1.9), text, CHOSEN, font=7)
    return figure


#: What draws the picture of a page, by the page's name.
PICTURES: dict[str, Callable[[], Figure]] = {
    "nasbench201": nasbench201_picture,
    "nasbench-macro": macro_picture,
    "nb1shot1": oneshot_picture,
    "transnas-micro": transnas_picture,
    "transnas-macro": transnas_macro_picture,
    "darts": darts_picture,
    "s1-s4": parts_picture,
    "mobilenet": mobilenet_picture,
}


def draw(name: str, folder: Path) -> Path:
    """Draw one picture into a folder; returns the file."""
    figure = PICTURES[name]()
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=150, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the pictures that were asked for."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the spaces' pages.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PICTURES)}; all by default")
    parser.add_argument("--out", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in PICTURES]
    if unknown:
        parser.error(f"no picture '{unknown[0]}'; there are {', '.join(PICTURES)}")
    mpl.use("Agg")
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.names or PICTURES:
        print(draw(name, asked.out))


if __name__ == "__main__":
    main()
