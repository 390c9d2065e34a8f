"""Pictures of tables of correlations that are already computed. Nothing is calculated here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from opscore.analysis.bars import is_bar
from opscore.answers.look import look
from opscore.answers.style import (
    INK,
    MEASURED,
    PLAIN,
    PUBLISHED,
    SERIES,
    SHADES,
    describe,
    drawn,
    figure_of,
    label_lowest,
    panels,
    reach,
    rho_axis,
    rows_axis,
    seeds_text,
)
from opscore.errors import UserError

#: More policies than these are a map of colours; their numbers stand in the table beside it.
_WITH_NUMBERS = 12

#: Bars let their intervals be seen.
_BARS = 0.6

#: More series than these have a panel each.
_TOGETHER = 6


@drawn
def correlation_matrix(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    iteration: int = 0,
    title: str = "Spearman between policies, mean over edges and seeds",
    note: str = "",
) -> Axes:
    """Figure 2 (left): a map of rho for every pair of policies, each pair once.

    Args:
        frame: a correlation table (schema CORRELATION); policies are drawn in its order.
        ax: where to draw; a new figure by default.
        iteration: which iteration to draw.
        title: the title.
        note: what the numbers are, such as 'measured; cpu size; digits'; the caption.

    Returns:
        The axes; ``axes.figure`` is ready for :func:`opscore.analysis.save_figure`.

    Raises:
        UserError: the table has no row of this iteration.
    """
    rows = _rows_of(frame, iteration)
    names = list(dict.fromkeys([*rows["policy"], *rows["reference"]]))
    if ax is None:
        (ax,) = panels(1, min(1.4 + 0.3 * len(names), 6.2))
    image = map_of_pairs(ax, rows, names)
    figure_of(ax).colorbar(image, ax=ax, label="Spearman's rho", shrink=0.7)
    describe(ax, title, "; ".join(filter(None, [_count(rows), note])), alone=True)
    return ax


def map_of_pairs(ax: Axes, rows: pd.DataFrame, names: list[str]) -> AxesImage:
    """Rho of each pair of policies below the diagonal, with numbers where they can be read."""
    table = rows.pivot_table(index="policy", columns="reference", values="rho", dropna=False)
    table = table.reindex(index=names[1:], columns=names[:-1])
    shown = np.where(np.tri(*table.shape, dtype=bool), table.to_numpy(float), np.nan)
    image = ax.imshow(shown, cmap=SHADES, vmin=-1, vmax=1)
    if len(names) <= _WITH_NUMBERS:
        for (row, column), value in np.ndenumerate(shown):
            if np.isfinite(value):
                ax.text(
                    *(column, row, f"{value:.2f}".replace("0.", ".")),
                    ha="center",
                    va="center",
                    color=INK if value > 0.1 else "white",
                    fontsize=0.85 * look().type_size,
                )
    ax.set_xticks(
        range(len(names) - 1), names[:-1], rotation=60, ha="right", rotation_mode="anchor"
    )
    ax.set_yticks(range(len(names) - 1), names[1:])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


@drawn
def correlation_bars(
    frame: pd.DataFrame,
    reference: str = "best-acc",
    *,
    published: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    iteration: int = 0,
    label: str = "measured",
    note: str = "",
) -> Axes:
    """Each policy's rho to one reference, with its interval and the published value beside it.

    Args:
        frame: a correlation table (schema CORRELATION).
        reference: the reference.
        published: published rho by policy, drawn as diamonds; policies that are not in it have
            none.
        ax: where to draw; a new figure by default.
        iteration: which iteration to draw.
        label: what the legend calls the table's numbers.
        note: what the numbers are; the caption.

    Returns:
        The axes, strongest policy on top.

    Raises:
        UserError: the table has no row of this reference and iteration.
    """
    rows = _rows_of(frame, iteration)
    rows = rows[(rows["reference"] == reference) & rows["rho"].notna()]
    if rows.empty:
        raise UserError(f"the table has no correlation with '{reference}'")
    rows = rows.sort_values("rho", ignore_index=True)
    if ax is None:
        (ax,) = panels(1, 0.8 + 0.19 * len(rows))
    names = [str(name) for name in rows["policy"]]
    places, rho = np.arange(len(rows)), rows["rho"].to_numpy(dtype=np.float64)
    colours = [PLAIN if is_bar(name) else MEASURED for name in names]
    ax.barh(places, rho, height=0.6, color=colours, alpha=_BARS)
    ax.errorbar(rho, places, xerr=reach(rows), fmt="none", ecolor=INK, elinewidth=0.8)
    told = [(MEASURED, f"{label}, 95 % interval"), (PLAIN, "a rule without a network")]
    handles = [
        Line2D([], [], color=c, lw=5, alpha=_BARS, label=text) for c, text in told if c in colours
    ]
    shown = published or {}
    known = {place: shown[name] for place, name in enumerate(names) if name in shown}
    if known:
        mark: Any = {"marker": "D", "color": PUBLISHED}
        ax.scatter([*known.values()], [*known], s=22, edgecolor="white", zorder=3, **mark)
        handles.append(Line2D([], [], ls="none", label="published", **mark))
    rows_axis(ax, names)
    rho_axis(ax, "x", f"Spearman's rho to {reference}; {_count(rows)}")
    ax.legend(handles=handles, loc="upper left")
    describe(ax, f"Agreement with {reference}", note, alone=True)
    return ax


@drawn
def correlation_lines(
    frame: pd.DataFrame, reference: str = "best-acc", ax: Axes | None = None, *, note: str = ""
) -> Axes:
    """Figure 2 (right): rho of each policy to one reference over the iterations of a search.

    Args:
        frame: a correlation table (schema CORRELATION).
        reference: the reference.
        ax: where to draw; a new figure by default, with a panel for each of many policies.
        note: what the numbers are; the caption.

    Returns:
        The axes, the first of them where there are several: a line for each policy, its interval
        as an error bar.

    Raises:
        UserError: the table has no row of this reference.
    """
    rows = frame[frame["reference"] == reference]
    if rows.empty:
        raise UserError(f"the table has no correlation with '{reference}'")
    names = [str(name) for name in dict.fromkeys(rows["policy"])]
    apart = ax is None and len(names) > _TOGETHER
    title = f"Agreement with {reference} along a search"
    note = "; ".join(filter(None, (_count(rows), note)))
    if apart:
        axes = panels(len(names), 1.45, across=4, sharex=True, sharey=True)
    else:
        axes = panels(1, 3.2) * len(names) if ax is None else [ax] * len(names)
    for place, (name, each) in enumerate(zip(names, axes, strict=True)):
        colour, marker = SERIES[0 if apart else place % len(SERIES)]
        line = rows[rows["policy"] == name].sort_values("iteration")
        # Side by side where they share a panel, so that no interval hides another.
        shift = 0.0 if apart else 0.06 * (place - (len(names) - 1) / 2)
        each.errorbar(
            *(line["iteration"] + shift, line["rho"]),
            yerr=reach(line),
            color=colour,
            marker=marker,
            label=name,
        )
        rho_axis(each, "y", "")
        each.set_xticks(sorted(set(rows["iteration"])))
        if apart:
            each.set_title(name)
    if apart:
        figure_of(axes[0]).supylabel(f"Spearman's rho to {reference}", fontsize=look().type_size)
        label_lowest(axes, "iteration")
    else:
        axes[0].set(ylabel=f"Spearman's rho to {reference}")
        axes[0].set(xlabel="iteration: edges discretized so far")
        axes[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    describe(axes[0], title, note, alone=not apart)
    return axes[0]


def _rows_of(frame: pd.DataFrame, iteration: int) -> pd.DataFrame:
    rows = frame[frame["iteration"] == iteration]
    if rows.empty:
        raise UserError(f"the correlation table has no row of iteration {iteration}")
    return rows


def _count(rows: pd.DataFrame) -> str:
    """Such as '4 seeds, 6 edges', or '1-4 seeds, 1-6 edges' where rows differ."""
    low, high = int(rows["n_edges"].min()), int(rows["n_edges"].max())
    edges = f"{high if low == high else f'{low}-{high}'} edge{'' if high == 1 else 's'}"
    return ", ".join(filter(None, [seeds_text(rows), edges]))
