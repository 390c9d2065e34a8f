"""Boxes and arrows: the pictures of spaces and of architectures."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

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


def list_of(operations: Sequence[str]) -> str:
    """Operations below each other."""
    return "\n".join(operations)
