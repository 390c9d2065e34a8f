"""Boxes and arrows: the pictures of spaces and of architectures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from opscore.answers.style import Canvas
from opscore.spaces.graphs import Arrow, Graph

#: Colours of what is chosen, of what is there anyway, and of a node that only adds up.
CHOSEN, FIXED, NODE = "#cfe3f7", "#eeeeee", "#ffffff"
LINE, MUTED = "#222222", "#666666"

Point = tuple[float, float]


def blank(axes: Axes, title: str, width: float, height: float, *, top: float = 0.0) -> None:
    """A canvas without axes; y runs downwards from ``top``."""
    axes.set(xlim=(0, width), ylim=(height, top), aspect="equal")
    axes.axis("off")
    axes.set_title(title, fontsize=9, loc="left", color=LINE)


def box(axes: Axes, centre: Point, size: Point, text: str, colour: str, *, font: float = 7) -> None:
    """A rounded box with a text in its middle."""
    (x, y), (width, height) = centre, size
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=colour,
        edgecolor=LINE,
        linewidth=0.8,
    )
    axes.add_patch(patch)
    axes.text(x, y, text, ha="center", va="center", fontsize=font, linespacing=1.25, color=LINE)


def arrow(axes: Axes, start: Point, end: Point, *, bend: float = 0.0, dashed: bool = False) -> None:
    """An arrow from one point to another, bent to its left (negative: to its right)."""
    patch = FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>",
        mutation_scale=8,
        linewidth=0.9,
        linestyle=(0, (3, 2)) if dashed else "solid",
        color=MUTED if dashed else LINE,
        shrinkA=0,
        shrinkB=0,
    )
    axes.add_patch(patch)


def row(axes: Axes, parts: Sequence[tuple[str, str]], title: str, *, step: float = 1.45) -> None:
    """Boxes from left to right with arrows between them: (text, colour) each."""
    blank(axes, title, step * len(parts), 1.3)
    for place, (text, colour) in enumerate(parts):
        x = step * (place + 0.5)
        box(axes, (x, 0.7), (step - 0.3, 0.9), text, colour, font=6)
        if place:
            arrow(axes, (x - step / 2 - 0.15, 0.7), (x - step / 2 + 0.15, 0.7))


def draw_architecture(graphs: Sequence[Graph], title: str) -> Figure:
    """The picture of an architecture: its graphs below each other, from left to right.

    Args:
        graphs: see :meth:`opscore.spaces.SearchSpace.graphs`.
        title: what stands above it.
    """
    sizes = [_extent(graph) for graph in graphs]
    width = max(size[0] for size in sizes)
    heights = [size[1] for size in sizes]
    figure = Canvas(0.62 * width, 0.62 * sum(heights) + 0.4 * len(graphs) + 0.3, None)
    grid = figure.add_gridspec(len(graphs), 1, height_ratios=heights)
    for place, graph in enumerate(graphs):
        axes = figure.add_subplot(grid[place, 0])
        blank(axes, graph.name, width, heights[place])
        draw = _draw_chain if graph.is_chain else _draw_graph
        draw(axes, graph)
    figure.suptitle(title, fontsize=8, color=MUTED)
    return figure


#: Nodes of a chain in a line, and the step from one to the next.
_IN_A_LINE, _STEP = 8, 2.0

#: Step from a node to the next where operations stand between them.
_WIDE_STEP = 3.6

#: How far a long arrow runs beside the row, as a part of its length.
_BEND = 0.22


def _extent(graph: Graph) -> tuple[float, float]:
    """Width and height of a graph's picture."""
    count = len(graph.nodes)
    if graph.is_chain:
        lines = -(-count // _IN_A_LINE)
        return _STEP * min(count, _IN_A_LINE), 1.5 * lines
    most = max(len(_arriving(graph, node)) for node in range(count))
    longest = _WIDE_STEP * max(a.target - a.source for a in graph.arrows)
    return _WIDE_STEP * count - 1.2, 1.1 * most + 0.6 + 0.6 * _BEND * longest


def _arriving(graph: Graph, node: int) -> list[Arrow]:
    """The arrows with an operation that lead to a node, from above to below.

    The one from the nearest node stands lowest, or in the middle where there are three.
    """
    found = sorted(
        (a for a in graph.arrows if a.target == node and a.label), key=lambda a: a.source
    )
    return [found[0], found[2], found[1]] if len(found) == 3 else found


def _draw_chain(axes: Axes, graph: Graph) -> None:
    where = [
        (_STEP * (n % _IN_A_LINE + 0.5), 1.5 * (n // _IN_A_LINE) + 0.75)
        for n in range(len(graph.nodes))
    ]
    for (x0, y0), (x1, y1) in pairwise(where):
        if y0 == y1:
            arrow(axes, (x0 + 0.8, y0), (x1 - 0.8, y1))
        else:  # on to the next line
            arrow(axes, (x0, y0 + 0.45), (x1, y1 - 0.45))
    ends = {0, len(where) - 1}
    for number, (name, at) in enumerate(zip(graph.nodes, where, strict=True)):
        box(axes, at, (1.6, 0.9), name, FIXED if number in ends else CHOSEN, font=6.5)


def _draw_graph(axes: Axes, graph: Graph) -> None:
    """Nodes in a row; the operations that lead to a node stand before it, one above another.

    Long arrows run above or below what lies between.
    """
    middle, labelled = _extent(graph)[1] / 2, any(a.label for a in graph.arrows)
    x = [0.9 + _WIDE_STEP * n for n in range(len(graph.nodes))]
    for each in graph.arrows:
        if not each.label:
            start, end = x[each.source], x[each.target]
            if each.target - each.source == 1:
                arrow(axes, (start + 0.7, middle), (end - 0.7, middle))
            else:
                side = -1 if each.source % 2 else 1
                y = middle + 0.4 * side
                arrow(axes, (start, y), (end, y), bend=_BEND * side, dashed=labelled)
    for node in range(len(graph.nodes)):
        arriving = _arriving(graph, node)
        for place, each in enumerate(arriving):
            y = middle + 1.1 * (place - (len(arriving) - 1) / 2)
            left, right = x[node] - 2.75, x[node] - 0.95
            if node - each.source == 1:
                arrow(axes, (x[each.source] + 0.55, middle), (left, y))
            else:
                side = -1 if y <= middle else 1
                top = (x[each.source], middle + 0.4 * side)
                arrow(axes, top, (left + 0.9, y + 0.31 * side), bend=_BEND * side)
            arrow(axes, (right, y), (x[node] - 0.55, middle))
            label = each.label.replace("_connect", "")
            box(axes, ((left + right) / 2, y), (right - left, 0.62), label, CHOSEN, font=6.5)
    for name, at in zip(graph.nodes, x, strict=True):
        wide = 1.4 if "\n" in name else 1.1
        shown = f"${name}$" if "_{" in name else name
        box(axes, (at, middle), (wide, 0.8), shown, CHOSEN if "\n" in name else NODE, font=6.5)
