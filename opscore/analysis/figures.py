"""Pictures of tables that are already computed. Nothing is calculated here."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import NDArray

from opscore.analysis.bars import is_bar
from opscore.analysis.drawn import Drawn
from opscore.errors import UserError

_MEASURED, _PUBLISHED = "#2f5d8a", "#c8553d"
_WITHOUT_NETWORK = "#a9a9a9"


def correlation_matrix(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    iteration: int = 0,
    title: str = "Spearman between policies, mean over edges and seeds",
    note: str = "",
) -> Axes:
    """Figure 2 (left): a heat map of rho for every pair of policies, numbers written in.

    Args:
        frame: a correlation table (schema CORRELATION); policies are drawn in its order.
        ax: where to draw; a new figure by default.
        iteration: which iteration to draw.
        title: the title; the number of seeds is added below it.
        note: what the numbers are, such as 'measured; cpu size; digits', added too.

    Returns:
        The axes; ``axes.figure`` is ready for :func:`save_figure`.

    Raises:
        UserError: the table has no row of this iteration.
    """
    rows = _rows_of(frame, iteration)
    names = list(dict.fromkeys([*rows["policy"], *rows["reference"]]))
    table = rows.pivot_table(index="policy", columns="reference", values="rho", dropna=False)
    table = table.reindex(index=names, columns=names)
    diagonal = np.eye(len(names), dtype=bool)
    if ax is None:
        side = 2.4 + 0.62 * len(names)
        ax = _new_axes(side + 1.2, side)
    sns.heatmap(
        table,
        ax=ax,
        mask=diagonal | table.isna().to_numpy(),
        annot=True,
        fmt=".2f",
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
        square=True,
        linewidths=0.6,
        linecolor="white",
        annot_kws={"size": 11},
        cbar_kws={"label": "Spearman's rho", "shrink": 0.75},
    )
    ax.set_facecolor("#e6e6e6")
    ax.set(xlabel="", ylabel="")
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=45, ha="right", fontsize=10.5)
    ax.set_yticks(np.arange(len(names)) + 0.5, names, rotation=0, fontsize=10.5)
    write_title(ax, title, [_count_of_seeds(rows), note])
    return ax


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
        note: what the numbers are, added below the title.

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
    ax = ax or _new_axes(7.6, 1.9 + 0.42 * len(rows))
    places, rho = np.arange(len(rows)), rows["rho"].to_numpy(dtype=np.float64)
    names = [str(name) for name in rows["policy"]]
    colours = [_WITHOUT_NETWORK if is_bar(name) else _MEASURED for name in names]
    ax.barh(places, rho, height=0.62, color=colours, alpha=0.85)
    ax.errorbar(
        rho, places, xerr=_reach(rows), fmt="none", ecolor="#1b1b1b", elinewidth=1, capsize=3
    )
    told = [(_MEASURED, f"{label}, 95 % interval")]
    if _WITHOUT_NETWORK in colours:
        told.append((_WITHOUT_NETWORK, "a rule without a network"))
    handles = [Line2D([], [], color=each, lw=7, alpha=0.85, label=text) for each, text in told]
    if published:
        known = [(published[name], place) for place, name in enumerate(names) if name in published]
        ax.scatter(
            [value for value, _ in known],
            [place for _, place in known],
            marker="D",
            s=46,
            color=_PUBLISHED,
            edgecolor="white",
            zorder=3,
        )
        handles.append(
            Line2D([], [], color=_PUBLISHED, marker="D", ls="none", ms=7, label="published")
        )
    ax.axvline(0, color="#1b1b1b", lw=0.8)
    ax.set_yticks(places, names)
    ax.set_xlim(-1, 1)
    ax.set_xlabel(f"Spearman's rho to {reference}")
    ax.grid(axis="x", color="#dddddd", lw=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    below = _points_above(ax, -40)
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        ncol=len(handles),
        frameon=False,
    )
    write_title(ax, f"Agreement with {reference}", [_count_of_seeds(rows), note])
    return ax


def correlation_lines(
    frame: pd.DataFrame, reference: str = "best-acc", ax: Axes | None = None, *, note: str = ""
) -> Axes:
    """Figure 2 (right): rho of each policy to one reference over the iterations of a search.

    Args:
        frame: a correlation table (schema CORRELATION).
        reference: the reference.
        ax: where to draw; a new figure by default.
        note: what the numbers are, added below the title.

    Returns:
        The axes: one line per policy, its interval as an error bar.

    Raises:
        UserError: the table has no row of this reference.
    """
    rows = frame[frame["reference"] == reference]
    if rows.empty:
        raise UserError(f"the table has no correlation with '{reference}'")
    ax = ax or _new_axes(7.6, 4.6)
    names = list(dict.fromkeys(rows["policy"]))
    for place, (name, colour) in enumerate(
        zip(names, sns.color_palette("colorblind", len(names)), strict=True)
    ):
        line = rows[rows["policy"] == name].sort_values("iteration")
        rho = line["rho"].to_numpy(dtype=np.float64)
        ax.errorbar(
            # Side by side, so that no interval hides another.
            line["iteration"] + 0.06 * (place - (len(names) - 1) / 2),
            rho,
            yerr=_reach(line),
            color=colour,
            marker="o",
            ms=5,
            lw=1.6,
            elinewidth=0.8,
            capsize=2,
            label=str(name),
        )
    ax.axhline(0, color="#1b1b1b", lw=0.8)
    ax.set_ylim(-1, 1)
    ax.set_xticks(sorted(set(rows["iteration"])))
    ax.set_xlabel("iteration: edges discretized so far")
    ax.set_ylabel(f"Spearman's rho to {reference}")
    ax.grid(axis="y", color="#dddddd", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    write_title(ax, f"Agreement with {reference} along a search", [_count_of_seeds(rows), note])
    return ax


def _new_axes(width: float, height: float) -> Axes:
    """Axes on a figure of its own, which pyplot never sees: no global state, no display."""
    figure = Drawn(width, height)
    return figure.subplots()


def _points_above(ax: Axes, points: float) -> Transform:
    """Coordinates of the axes, moved up by so many points whatever the axes' size."""
    return ax.transAxes + ScaledTranslation(0, points / 72, ax.figure.dpi_scale_trans)


def _rows_of(frame: pd.DataFrame, iteration: int) -> pd.DataFrame:
    rows = frame[frame["iteration"] == iteration]
    if rows.empty:
        raise UserError(f"the correlation table has no row of iteration {iteration}")
    return rows


def _reach(rows: pd.DataFrame) -> NDArray[np.float64]:
    """How far the interval reaches below and above rho, shape (2, rows); 0 where there is none."""
    below = rows["rho"] - rows["ci_low"]
    above = rows["ci_high"] - rows["rho"]
    reach = np.array([below, above], dtype=np.float64)
    return np.clip(np.nan_to_num(reach), 0, None)


def _count_of_seeds(rows: pd.DataFrame) -> str:
    """Such as '4 seeds, 6 edges', or '1-4 seeds, 6 edges' where policies differ."""
    parts = []
    for column, word in (("n_seeds", "seed"), ("n_edges", "edge")):
        low, high = int(rows[column].min()), int(rows[column].max())
        number = str(high) if low == high else f"{low}-{high}"
        parts.append(f"{number} {word}{'' if high == 1 else 's'}")
    return ", ".join(parts)


def write_title(ax: Axes, title: str, notes: list[str]) -> None:
    """A title with notes in small print under it, wrapped to the width of the figure."""
    lines = textwrap.wrap("; ".join(note for note in notes if note), width=84)
    ax.set_title(title, fontsize=12, loc="center", pad=10 + 11.5 * len(lines))
    ax.text(
        0.5,
        1.0,
        "\n".join(lines),
        transform=_points_above(ax, 5),
        ha="center",
        va="bottom",
        fontsize=8,
        color="#555555",
    )
