"""Figures with the numbers behind them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure with the table behind it.

    Attributes:
        name: of its files.
        frame: what it shows.
        draw: draws it.
        caption: what it shows, in a sentence.
    """

    name: str
    frame: pd.DataFrame
    draw: Callable[[], Axes | Figure]
    caption: str = ""

    def save(self, folder: Path | str) -> list[Path]:
        """Write it in the formats that are set, with table and caption; returns the paths."""
        from opscore.answers.style import figure_of, save_figure

        return save_figure(figure_of(self.draw()), Path(folder) / self.name, self.frame)

    def html(self, form: str = "png") -> str:
        """It as an image that stands inside a page, 'png' or 'svg'."""
        from opscore.answers.style import figure_of

        image = io.BytesIO()
        figure_of(self.draw()).savefig(image, format=form, dpi=100, bbox_inches="tight")
        data = base64.b64encode(image.getvalue()).decode()
        kind = "image/svg+xml" if form == "svg" else f"image/{form}"
        return f'<img alt="{escape(self.caption or self.name)}" src="data:{kind};base64,{data}">'
