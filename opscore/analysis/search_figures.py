"""Pictures of searches. Nothing is calculated here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import NDArray

from opscore.answers.look import look
from opscore.answers.style import (
    INK,
    MEASURED,
    MUTED,
    PUBLISHED,
    SERIES,
    describe,
    drawn,
    error_axis,
    legend_below,
    panels,
    reach,
    rows_axis,
)


@drawn
def error_bars(rows: pd.DataFrame, label: str, *, title: str, note: str = "") -> Axes:
    """Measured error with its interval, and the published one, a line for each method.

    Args:
        rows: ``label``, mean, ci_low, ci_high, n_seeds, published, published_std, published_n; one
            dataset. A line without a measured mean has the published one alone.
            A column setting says what is not as published: it is added to the lines' names, or
            to the caption where all lines share it.
        label: the column that names the lines.
        title: the title.
        note: what the numbers are; the caption.
    """
    place = rows["mean"].fillna(rows["published"])
    rows = rows.loc[place.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
    if "setting" in rows and (rows["setting"] == rows["setting"].iloc[0]).all():
        note = "; ".join(part for part in (rows["setting"].iloc[0], note) if part)
        rows = rows.drop(columns="setting")
    (ax,) = panels(1, 0.8 + (0.24 if look().width == "page" else 0.34) * len(rows))
    ends = error_axis(
        *(ax, "x", [*rows["mean"], *rows["published"]]),
        "test error, %; number of seeds in brackets",
    )
    spread = pd.DataFrame(
        {
            "mean": rows["published"],
            "ci_low": rows["published"] - rows["published_std"],
            "ci_high": rows["published"] + rows["published_std"],
        }
    )
    shift = 0.15 * rows["mean"].notna().to_numpy() * rows["published"].notna().to_numpy()
    for own, colour, marker, up, text in (
        (rows, MEASURED, "o", shift, "measured, 95 % interval of the mean"),
        (spread, PUBLISHED, "D", -shift, "published, standard deviation"),
    ):
        _bars(
            ax, own.astype({"mean": float}), np.arange(len(rows)) + up, ends, colour, marker, text
        )
    counts = rows["n_seeds"].where(rows["mean"].notna(), rows.get("published_n"))
    names = [f"{name} ({count})" for name, count in zip(_names(rows, label), counts, strict=True)]
    rows_axis(ax, names)
    legend_below([ax])
    describe(ax, title, note)
    return ax


def _bars(
    ax: Axes,
    rows: pd.DataFrame,
    places: NDArray[np.float64],
    ends: tuple[float, float],
    colour: str,
    marker: str,
    label: str,
) -> None:
    """Marks with their intervals; an arrow where one goes on beyond the frame."""
    kept: Any = {"color": colour, "label": label}
    ax.errorbar(rows["mean"], places, xerr=reach(rows, "mean", ends), fmt=marker, **kept)
    beyond = ((rows["ci_low"] < ends[0], ends[0], "<"), (rows["ci_high"] > ends[1], ends[1], ">"))
    for cut, end, arrow in beyond:
        there = places[(cut & rows["mean"].notna()).to_numpy()]
        if len(there):
            ax.plot([end] * len(there), there, arrow, color=colour, clip_on=False)


@drawn
def error_cost(rows: pd.DataFrame, *, title: str, note: str = "") -> Axes:
    """Error against minibatches that networks saw, a mark for each method, each with its name.

    Methods that run no network stand in a narrow panel of their own.

    rows: method, setting, mean, ci_low, ci_high, forward_passes, training_steps, queries.
    """
    seen = (rows["forward_passes"] + rows["training_steps"]).to_numpy(float)
    mean = rows["mean"].to_numpy(float)
    left, right = panels(2, 4.2, page=True, sharey=True, width_ratios=(1, 2.4))
    for axes, chosen in ((left, seen == 0), (right, seen > 0)):
        ends = error_axis(axes, "y", [*mean, 0.85 * mean.min()], "")
        axes.grid()
        own = rows[chosen].assign(seen=seen[chosen], name=np.array(_names(rows, "method"))[chosen])
        for row in own.sort_values("mean").to_dict("records"):
            colour, marker, label = _kind(row)
            one = pd.DataFrame([row])
            x = [row["seen"] or 0.0]
            axes.errorbar(
                *(x, [row["mean"]]),
                yerr=reach(one, "mean", ends),
                fmt=marker,
                color=colour,
                label=label,
            )
        _write_names(axes, own, ends)
    left.set(xlim=(-0.4, 3.2), xticks=[0], xticklabels=["no network"], ylabel="test error, %")
    right.set(xscale="log")
    if seen.any():
        right.set(xlim=(0.75 * seen[seen > 0].min(), 60 * seen.max()))
    right.set_xlabel("minibatches that networks saw, to be scored or trained")
    legend_below([left, right])
    describe(left, title, f"bars: 95 % interval of the mean, as far as the frame; {note}")
    return left


def _kind(row: Mapping[Any, float]) -> tuple[str, str, str]:
    """Colour, mark and name of what a method costs beside scores."""
    if row["queries"]:
        return (*SERIES[3], "asks for true accuracies")
    if row["training_steps"]:
        return (*SERIES[1], "trains a network")
    return (*SERIES[0], "scores, or draws")


def _write_names(axes: Axes, rows: pd.DataFrame, ends: tuple[float, float]) -> None:
    """The name of each mark to its right, moved up or down where names would overlap."""
    if rows.empty:
        return
    size = 0.9 * look().type_size
    height = np.log(ends[1] / ends[0])
    gap = height * 1.25 * size / (72 * 3.4 * look().scale)
    rows = rows.sort_values("mean", kind="stable")
    wanted = np.log(rows["mean"].to_numpy(float))
    pushed = _apart(wanted, gap)
    lower = np.maximum(wanted - (pushed - wanted).max() / 2, np.log(ends[0]) + gap / 2)
    # Names that crowd each other stand around their marks, half of them below.
    crowded = np.diff(pushed, append=np.inf) <= gap * 1.001
    crowded |= np.r_[False, crowded[:-1]]
    at = _apart(np.where(crowded, lower, wanted), gap)
    far = 0.5 if (rows["seen"] == 0).all() else 1.9 * rows["seen"].max()
    for y, row in zip(np.exp(at), rows.to_dict("records"), strict=True):
        axes.annotate(
            str(row["name"]),
            (row["seen"], row["mean"]),
            xytext=(far, y),
            va="center",
            color=INK,
            fontsize=size,
            arrowprops={
                "arrowstyle": "-",
                "lw": 0.4 * look().scale,
                "color": MUTED,
                "relpos": (0, 0.5),
                "shrinkA": 1,
            },
        )


def _apart(places: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Ascending places, moved up until there is a gap between any two."""
    found = places.copy()
    for place in range(1, len(found)):
        found[place] = max(found[place], found[place - 1] + gap)
    return found


@drawn
def figure4(points: pd.DataFrame, ends: pd.DataFrame, *, note: str = "") -> Axes:
    """Figure 4: accuracy against score by N, and accuracy distribution by N and V.

    Args:
        points: N, score, accuracy, times.
        ends: N, V, accuracy.
        note: what the numbers are; the caption.

    Returns the left axes.
    """
    left, right = panels(2, 3.2, sharey=True)
    counts = sorted(points["N"].unique(), reverse=True)
    for rank, count in enumerate(counts):
        rows = points[points["N"] == count]
        distinct = rows.groupby("seed")["architecture"].nunique().mean()
        # The architectures of a small N are among those of a large one, so they are drawn larger
        # and hollow around them.
        left.scatter(
            rows["score"],
            rows["accuracy"],
            s=(6 + 20 * rank) * look().scale,
            facecolor="none",
            edgecolor=sns.color_palette("viridis", len(counts))[rank],
            label=f"N = {count}: {distinct:.3g} distinct",
        )
    left.set(xlabel="score in the validation stage", ylabel="test accuracy, %")
    left.legend(loc="lower left")
    rounds = [str(count) for count in sorted(ends["V"].unique())]
    sns.boxplot(
        data=ends.assign(V=ends["V"].astype(str)),
        x="N",
        y="accuracy",
        hue="V",
        hue_order=rounds,
        ax=right,
        palette="Blues",
        fliersize=1.5 * look().scale,
        linewidth=0.6 * look().scale,
    )
    right.set(xlabel="N, proposals", ylabel="test accuracy of what is found, %")
    right.legend(title="V, minibatches of validation", loc="lower right", ncol=2)
    low, high = left.get_ylim()
    left.set_ylim(low - 0.4 * (high - low), high)  # room for what the marks are called
    for axes in (left, right):
        axes.grid(axis="y")
    describe(left, "Proposals and validation", note)
    return left


def _names(rows: pd.DataFrame, label: str) -> list[str]:
    """What lines are called: the label, and its setting where that is not the paper's."""
    settings = rows["setting"] if "setting" in rows else [""] * len(rows)
    pairs = zip(rows[label], settings, strict=True)
    return [f"{name}, {setting}" if setting else str(name) for name, setting in pairs]
