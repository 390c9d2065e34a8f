"""Figures with the numbers behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
