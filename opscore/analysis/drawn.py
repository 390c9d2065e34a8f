"""A figure of its own: no global state, no display."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class Drawn(Figure):
    """A matplotlib figure that pyplot never sees, and that a notebook shows.

    Args:
        width, height: inches.
        layout: matplotlib's name of what keeps things apart; None for those with places of their
            own.
    """

    def __init__(
        self, width: float, height: float, layout: Literal["constrained"] | None = "constrained"
    ) -> None:
        super().__init__(figsize=(width, height), layout=layout)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the figure as PNG, with what lies beside its axes."""
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=100, bbox_inches="tight")
        return image.getvalue()


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes are a part of."""
    return axes.figure if isinstance(axes.figure, Figure) else axes.figure.figure
