"""Pictures of searches. Nothing is calculated here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from opscore.analysis.drawn import Drawn
from opscore.analysis.figures import write_title
from opscore.analysis.side_by_side import write_heading

_MEASURED, _PUBLISHED = "#2f5d8a", "#c8553d"


def error_bars(rows: pd.DataFrame, label: str, *, title: str, note: str = "") -> Axes:
    """Measured error with its interval, and the published one, a line for each method.

    Args:
        rows: ``label``, mean, ci_low, ci_high, n_seeds, published, published_std, published_n; one
            dataset. A line without a measured mean has the published one alone.
            A column setting says what is not as published: it is added to the lines' names, or
            to the note where all lines share it.
        label: the column that names the lines.
        title: the title.
        note: what the numbers are, in small print.
    """
    place = rows["mean"].fillna(rows["published"])
    rows = rows.loc[place.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
    if "setting" in rows and (rows["setting"] == rows["setting"].iloc[0]).all():
        note = "; ".join(part for part in (rows["setting"].iloc[0], note) if part)
        rows = rows.drop(columns="setting")
    ax = _axes(8.2, 1.7 + 0.36 * len(rows))
    places = np.arange(len(rows))
    mean = rows["mean"].to_numpy(dtype=float)
    reach = np.array([mean - rows["ci_low"], rows["ci_high"] - mean], dtype=float)
    ax.errorbar(
        mean,
        places + 0.13,
        xerr=np.nan_to_num(reach).clip(0),
        color=_MEASURED,
        label="measured, 95 % interval of the mean",
        fmt="o",
        capsize=3,
        ms=6,
    )
    ax.errorbar(
        rows["published"].to_numpy(dtype=float),
        places - 0.13,
        xerr=rows["published_std"].to_numpy(dtype=float),
        color=_PUBLISHED,
        label="published, standard deviation",
        fmt="D",
        capsize=3,
        ms=5,
    )
    counts = rows["n_seeds"].where(rows["mean"].notna(), rows.get("published_n"))
    names = [f"{name} ({count})" for name, count in zip(_names(rows, label), counts, strict=True)]
    ax.set_yticks(places, names)
    largest = float(np.nanmax([*mean, *rows["published"]]))
    smallest = float(np.nanmin([*mean, *rows["published"]]))
    if largest > 2 * smallest:
        ax.set_xscale("log")
        ticks = [tick for tick in (5, 6, 7, 8, 10, 15, 20, 30, 50, 90) if tick >= smallest * 0.8]
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        # A deviation may be as large as the mean; on this scale its end would be far away.
        ax.set_xlim(0.85 * smallest, 1.3 * largest)
    ax.set_xlabel("test error, %; number of seeds in brackets")
    ax.grid(axis="x", color="#dddddd", lw=0.7)
    ax.legend(frameon=False, fontsize=9)
    return _finish(ax, title, note)


def error_cost(rows: pd.DataFrame, *, title: str, note: str = "") -> Axes:
    """Error against forward passes, a point for each method; no passes stand at the left edge.

    rows: method, setting, mean, ci_low, ci_high, forward_passes, training_steps, queries.
    """
    ax = _axes(9.6, 5.4)
    mean = rows["mean"].to_numpy(dtype=float)
    reach = np.array([mean - rows["ci_low"], rows["ci_high"] - mean], dtype=float)
    reach = np.nan_to_num(reach).clip(0)
    passes = rows["forward_passes"].to_numpy(dtype=float)
    colours = sns.color_palette("husl", len(rows))
    names = _names(rows, "method")
    order = np.argsort(mean)
    for place in order:
        marker = "s" if rows["training_steps"].iloc[place] else "o"
        marker = "^" if rows["queries"].iloc[place] else marker
        ax.errorbar(
            max(passes[place], 0.5),
            mean[place],
            yerr=reach[:, place : place + 1],
            fmt=marker,
            capsize=3,
            color=colours[place],
            label=names[place],
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = 0.95 * mean.min(), 1.2 * mean.max()
    ticks = [tick for tick in (5.5, 6, 7, 8, 10, 15, 20, 30, 50, 90) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(low, high)
    ax.set_xlabel("forward passes of a network on a minibatch (left edge: none)")
    ax.set_ylabel("test error, %")
    ax.grid(color="#dddddd", lw=0.7)
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _finish(ax, title, f"squares also train, triangles also ask for true accuracy; {note}")


def figure4(points: pd.DataFrame, ends: pd.DataFrame, *, note: str = "") -> Axes:
    """Figure 4: accuracy against score by N, and accuracy distribution by N and V.

    Args:
        points: N, score, accuracy, times.
        ends: N, V, accuracy.
        note: what the numbers are.

    Returns the left axes.
    """
    figure = Drawn(11.4, 4.8)
    left: Axes
    right: Axes
    left, right = figure.subplots(1, 2)
    counts = sorted(points["N"].unique(), reverse=True)
    for count, colour in zip(counts, sns.color_palette("viridis", len(counts)), strict=True):
        rows = points[points["N"] == count]
        distinct = rows.groupby("seed")["architecture"].nunique().mean()
        # The architectures of a small N are among those of a large one, so they are drawn larger
        # and hollow around them.
        rank = len(counts) - counts.index(count)
        left.scatter(
            rows["score"],
            rows["accuracy"],
            s=16 + 34 * (len(counts) - rank),
            facecolor="none",
            edgecolor=[colour],
            label=f"N = {count}: {distinct:.1f} distinct",
        )
    left.set_xlabel("score in the validation stage")
    left.set_ylabel("test accuracy, %")
    left.legend(frameon=False, fontsize=9)
    rounds = [str(count) for count in sorted(ends["V"].unique())]
    sns.boxplot(
        data=ends.assign(V=ends["V"].astype(str)),
        x="N",
        y="accuracy",
        hue="V",
        hue_order=rounds,
        ax=right,
        palette="Blues",
        fliersize=2,
        linewidth=1,
    )
    right.set_ylabel("test accuracy of the architecture found, %")
    right.legend(title="V", frameon=False, fontsize=9)
    for axes in (left, right):
        axes.grid(axis="y", color="#dddddd", lw=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    write_heading(figure, "Proposals and validation", note)
    return left


def _names(rows: pd.DataFrame, label: str) -> list[str]:
    """What lines are called: the label, and its setting where that is not the paper's."""
    settings = rows["setting"] if "setting" in rows else [""] * len(rows)
    pairs = zip(rows[label], settings, strict=True)
    return [f"{name}, {setting}" if setting else str(name) for name, setting in pairs]


def _axes(width: float, height: float) -> Axes:
    figure = Drawn(width, height)
    return figure.subplots()


def _finish(ax: Axes, title: str, note: str) -> Axes:
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    write_title(ax, title, [note])
    return ax
