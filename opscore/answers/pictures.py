"""Figures with the numbers behind them, as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore.data.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


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
        """Write it as PNG and PDF, and the table as CSV beside them; returns their paths."""
        return save_figure(_whole(self.draw()), Path(folder) / self.name, self.frame)


def _whole(drawn: Axes | Figure | SubFigure) -> Figure:
    """The figure that something drawn is a part of."""
    found: Any = drawn
    while not hasattr(found, "savefig"):
        found = found.figure
    return found  # type: ignore[no-any-return]


def save_figure(
    figure: Figure | SubFigure, path_stem: Path | str, frame: pd.DataFrame
) -> list[Path]:
    """Write a figure as PNG (200 dpi) and PDF, and the table behind it as CSV beside them.

    Each file is written under a temporary name and renamed, so none is ever half there.

    Args:
        figure: the figure (of a subfigure, the whole it belongs to).
        path_stem: the files' path without suffix; missing folders are made.
        frame: the numbers that the figure shows.

    Returns:
        Paths of the three files.
    """
    whole = _whole(figure)
    stem = Path(path_stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf", "csv")]
    for path in paths[:2]:
        with atomic_write(path) as temporary:
            save_undated(whole, temporary, path.suffix[1:], dpi=200)
    with atomic_write(paths[2]) as temporary:
        frame.to_csv(temporary, index=False)
    return paths


def save_undated(figure: Figure, path: Path, form: str, *, dpi: int) -> None:
    """Write a figure as png, pdf or svg without a date, so that equal figures are equal bytes."""
    dated = {"pdf": "CreationDate", "svg": "Date"}
    nothing = {dated[form]: None} if form in dated else {}
    figure.savefig(path, format=form, dpi=dpi, bbox_inches="tight", metadata=nothing)
