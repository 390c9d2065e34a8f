"""How every figure looks and how it is written: size, type, colours, marks, caption, files.

A figure is drawn at the size that it is printed at, a column or a page wide, in type of 8 points.
Above its axes stands a title and nothing else; what it rests on is its caption, which is kept in a
text beside the files and inside them. Colours differ in lightness and marks in shape, so that it
reads in grey and without telling red from green.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from opscore.answers.look import look
from opscore.data.files import atomic_write

P = ParamSpec("P")
R = TypeVar("R")

#: Ink and type, what is said under one's breath, lines of a grid, stripes behind rows.
INK, MUTED, LINE, STRIPE = "#1b1b1b", "#666666", "#dddddd", "#f3f3f3"

#: What was measured here, what was published, and what knows no network.
MEASURED, PUBLISHED, PLAIN = "#1f4e79", "#e08a1e", "#b5b5b5"

#: Colour and mark of each of several series, dark ones beside light ones.
SERIES = (
    (MEASURED, "o"),
    (PUBLISHED, "D"),
    ("#2a9d76", "s"),
    ("#8fc1e3", "^"),
    ("#7a3b69", "v"),
    (INK, "P"),
    ("#d98cb3", "X"),
    ("#8c6d31", "*"),
)

#: From -1 to 1, darker to lighter throughout.
SHADES = "cividis"

#: What the title, the caption and the date are called inside of a file.
_INSIDE = {
    "png": ("Title", "Description", None),
    "pdf": ("Title", "Subject", "CreationDate"),
    "svg": ("Title", "Description", "Date"),
}


def _settings() -> Any:
    """Matplotlib's settings of the look that is set, by name."""
    size, scale = look().type_size, look().scale
    return {
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "legend.title_fontsize": size,
        "figure.titlesize": 1.125 * size,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.6 * scale,
        "grid.color": LINE,
        "grid.linewidth": 0.5 * scale,
        "legend.frameon": False,
        "lines.linewidth": 1.1 * scale,
        "lines.markersize": 3.8 * scale,
        "errorbar.capsize": 1.4 * scale,
        "xtick.major.width": 0.6 * scale,
        "ytick.major.width": 0.6 * scale,
        "pdf.fonttype": 42,
        "svg.hashsalt": "opscore",
    }


def drawn(draw: Callable[P, R]) -> Callable[P, R]:
    """A function that draws, in the type and lines of the look that is set."""

    @wraps(draw)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(_settings()):
            return draw(*args, **kwargs)

    return call


class Canvas(Figure):
    """A matplotlib figure that pyplot never sees, and that a notebook shows.

    Args:
        width, height: inches.
        layout: matplotlib's name of what keeps things apart; None for those with places of their
            own.

    Attributes:
        title: what it shows.
        caption: what that rests on, lines of text.
    """

    def __init__(
        self, width: float, height: float, layout: Literal["constrained"] | None = "constrained"
    ) -> None:
        super().__init__(figsize=(width, height), layout=layout)
        FigureCanvasAgg(self)
        self.title = ""
        self.caption = ""

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the figure as PNG, with what lies beside its axes."""
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=144, bbox_inches="tight")
        return image.getvalue()


def panels(
    count: int, height: float, *, across: int = 2, page: bool = False, **shared: Any
) -> list[Axes]:
    """Axes of a new figure of the look's width, row by row.

    Args:
        count: how many.
        height: of a row, inches on paper, with its labels.
        across: how many stand side by side on a page; in a column half as many.
        page: whether it is a page wide whatever was asked for, as no column holds it.
        shared: for matplotlib's ``subplots``.
    """
    now = replace(look(), width="page") if page else look()
    across = min(count, across if now.width == "page" else max(1, across // 2))
    rows = -(-count // across)
    figure = Canvas(now.inches, (height * rows + 0.25) * now.scale)
    axes = list(figure.subplots(rows, across, squeeze=False, **shared).flat)
    for left in axes[count:]:
        left.remove()
    return axes[:count]


def label_lowest(axes: Sequence[Axes], label: str) -> None:
    """What the horizontal axis of panels is, under those of the last row."""
    place = axes[0].get_subplotspec()
    across = 1 if place is None else place.get_gridspec().ncols
    for each in axes[-(len(axes) % across or across) :]:
        each.set_xlabel(label)


def figure_of(part: Axes | Figure | SubFigure) -> Figure:
    """The whole figure that something drawn is a part of."""
    found: Any = part
    while not isinstance(found, Figure):
        found = found.figure
    return found


def describe(
    axes: Axes, title: str, note: str = "", *, alone: bool = False, told: bool = False
) -> None:
    """The title of a figure, and its caption; reduced settings are said in the title too.

    Args:
        axes: of the figure.
        title: what it shows.
        note: what that rests on.
        alone: whether the title stands over these axes, not over the whole figure.
        told: whether the figure says itself which of its numbers are of reduced settings.
    """
    figure = figure_of(axes)
    shown = f"{title} (reduced settings)" if "reduced" in note and not told else title
    if alone:
        axes.set_title(shown, fontsize=1.125 * look().type_size)
    else:
        figure.suptitle(shown)
    if isinstance(figure, Canvas):
        figure.title, figure.caption = title, note


def legend_below(axes: Sequence[Axes], across: int = 4, **more: Any) -> None:
    """One legend for all axes of a figure, below them, each name once."""
    found = {
        label: handle
        for each in axes
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True)
    }
    across = min(len(found), across if look().width == "page" else max(1, across // 3))
    figure_of(axes[0]).legend(
        list(found.values()), list(found), loc="outside lower center", ncol=across, **more
    )


def rho_axis(axes: Axes, which: Literal["x", "y"], label: str) -> None:
    """An axis of correlations, from -1 to 1, with a line at 0."""
    axes.set(**{f"{which}lim": (-1.04, 1.04), f"{which}label": label})
    axes.set(**{f"{which}ticks": (-1, -0.5, 0, 0.5, 1)})
    line = axes.axvline if which == "x" else axes.axhline
    line(0, color=INK, lw=0.6 * look().scale, zorder=1)
    axes.grid(axis=which)


#: Where an axis of percents may have a tick.
_PERCENTS = (
    1, 2, 3, 4, 5, 5.5, 6, 6.5, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 55, 60, 70, 80, 100,
)  # fmt: skip


def error_axis(
    axes: Axes, which: Literal["x", "y"], values: Sequence[float], label: str
) -> tuple[float, float]:
    """A logarithmic axis of errors, percent, that holds these values; returns its ends."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    low, high = 0.93 * min(known), 1.1 * max(known)
    room = 0.5 * look().scale / look().inches  # of a number, as a share of the axis
    ticks: list[float] = []
    for tick in _PERCENTS:
        gap = math.log(tick / ticks[-1]) if ticks else math.inf
        if low <= tick <= high and gap > room * math.log(high / low):
            ticks.append(tick)
    axes.set(**{f"{which}scale": "log", f"{which}label": label})
    axes.minorticks_off()
    axes.set(**{f"{which}lim": (low, high), f"{which}ticks": ticks})
    axes.set(**{f"{which}ticklabels": [f"{tick:g}" for tick in ticks]})
    axes.grid(axis=which)
    return low, high


def rows_axis(axes: Axes, names: Sequence[str]) -> None:
    """An axis of named rows, from below to above, on stripes; in a column names are broken."""
    if look().width == "column":
        names = [name.replace(", ", ",\n", 1) for name in names]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0)
    for place in range(0, len(names), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=STRIPE, lw=0, zorder=0)


def reach(
    rows: pd.DataFrame,
    value: str = "rho",
    ends: tuple[float, float] = (-1, 1),
    spread: str | None = None,
) -> NDArray[np.float64]:
    """How far intervals reach below and above values, [2, rows], inside of ends; 0 for none.

    Args:
        rows: ``value``, ci_low, ci_high.
        value: the column.
        ends: where a value can be at all, or where the axis ends.
        spread: a column of deviations, for rows without an interval.
    """
    middle = rows[value].to_numpy(float)
    low, high = rows["ci_low"].to_numpy(float), rows["ci_high"].to_numpy(float)
    if spread is not None:
        deviation = rows[spread].to_numpy(float)
        low = np.where(np.isnan(low), middle - deviation, low)
        high = np.where(np.isnan(high), middle + deviation, high)
    found: NDArray[np.float64] = np.array(
        [middle - np.clip(low, *ends), np.clip(high, *ends) - middle]
    )
    return np.maximum(np.nan_to_num(found), 0.0)


def seeds_text(rows: pd.DataFrame) -> str:
    """Such as '4 seeds', or '1-4 seeds' where rows differ; '' where nothing is known of them."""
    counts = rows["n_seeds"].dropna()
    if counts.empty:
        return ""
    low, high = int(counts.min()), int(counts.max())
    return f"{high if low == high else f'{low}-{high}'} seed{'' if high == 1 else 's'}"


def save_figure(
    figure: Figure | SubFigure, path_stem: Path | str, frame: pd.DataFrame
) -> list[Path]:
    """Write a figure in the look's formats, the table behind it as CSV, and its caption as text.

    Each file is written under a temporary name and renamed, so none is ever half there.

    Args:
        figure: the figure (of a subfigure, the whole it belongs to).
        path_stem: the files' path without suffix; missing folders are made.
        frame: the numbers that the figure shows.

    Returns:
        Paths of the files: pictures, table, and the caption where the figure has one.
    """
    whole = figure_of(figure)
    stem = Path(path_stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.{form}") for form in (*look().formats, "csv")]
    for path in paths[:-1]:
        with atomic_write(path) as temporary:
            write_picture(whole, temporary, path.suffix[1:])
    with atomic_write(paths[-1]) as temporary:
        frame.to_csv(temporary, index=False)
    if isinstance(whole, Canvas) and whole.title:
        paths.append(stem.with_name(f"{stem.name}.txt"))
        with atomic_write(paths[-1]) as temporary:
            temporary.write_text(f"{whole.title}.\n{whole.caption}\n".replace("\n\n", "\n"))
    return paths


def write_picture(figure: Figure, path: Path, form: str, *, dpi: int = 300) -> None:
    """Write a figure as png, pdf or svg, with its title and caption in it.

    There is no date, so that equal figures are equal bytes.
    """
    title, caption, date = _INSIDE[form]
    inside: dict[str, Any] = {} if date is None else {date: None}
    if isinstance(figure, Canvas) and figure.title:
        inside |= {title: figure.title, caption: figure.caption.replace("\n", " ")}
    with rc_context(_settings()):
        figure.savefig(path, format=form, dpi=dpi, bbox_inches="tight", metadata=inside)
