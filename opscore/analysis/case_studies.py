"""Figures of the case studies and of a training. Nothing is calculated here."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opscore.answers.style import (
    MEASURED,
    PUBLISHED,
    SERIES,
    describe,
    drawn,
    figure_of,
    legend_below,
    panels,
    rho_axis,
    seeds_text,
)

#: Line and mark of each way to count.
_MEANINGS = {"clean": ("-", "o"), "faithful": (":", "s")}


@drawn
def toy_panels(measured: pd.DataFrame, published: pd.DataFrame, *, note: str = "") -> Figure:
    """The toy model against depth: agreement with best-nwot, and the rank of skip_connect.

    Args:
        measured: rows of :func:`opscore.paper.toy_model.scores.summarize_toy`, without best-nwot.
        published: the same columns, as published.
        note: what the numbers are; the caption.
    """
    left, right = axes = panels(2, 3.2)
    policies = list(dict.fromkeys(measured["policy"]))
    colours = dict(zip(policies, [colour for colour, _ in SERIES], strict=False))
    for (policy, meaning), rows in measured.groupby(["policy", "meaning"], sort=False):
        line, marker = _MEANINGS[str(meaning)]
        kept = {"color": colours[policy], "ls": line, "marker": marker}
        spread = rows["rho_std"].fillna(0)
        below, above = (rows["rho"] + 1).clip(upper=spread), (1 - rows["rho"]).clip(upper=spread)
        label = f"{policy}, {meaning}, {seeds_text(rows)}"
        left.errorbar(rows["length"], rows["rho"], yerr=[below, above], label=label, **kept)
        right.plot(rows["length"], rows["rank_skip_connect"], **kept)
    for policy in policies:
        rows = published[published["policy"] == policy]
        if rows.empty:
            continue
        kept = {"color": colours[policy], "ls": "none", "marker": "D", "mfc": "white"}
        left.plot(rows["length"], rows["rho"], label=f"{policy}, published, 1 seed", **kept)
        right.plot(rows["length"], rows["rank_skip_connect"], **kept)
    rho_axis(left, "y", "Spearman's rho to best-nwot (sd)")
    left.set(ylim=(-0.25, 1.05), title="Agreement with the best")
    right.set(ylim=(4.15, 0.85), yticks=(1, 2, 3, 4), title="Liking for skip connections")
    right.set_ylabel("rank of skip_connect (1: strongest)")
    right.grid(axis="y")
    for each in axes:
        each.set_xlabel("edges in the chain")
        each.set_xticks(sorted({*measured["length"], *published["length"]}))
    legend_below([left], 3)
    describe(left, "Toy model", note)
    return figure_of(left)


@drawn
def retraining_panels(curves: pd.DataFrame, correlation: pd.DataFrame, *, note: str = "") -> Figure:
    """Accuracy after discretizing one edge to each operation, and what its ranking is worth.

    Args:
        curves: columns seed, edge, op, epoch, accuracy (percent), best_acc (percent); several edges
            are averaged.
        correlation: columns epoch, rho (mean over seeds), rho_low, rho_high (least and most).
        note: what the numbers are; the caption.
    """
    left, right = axes = panels(2, 3.2)
    truth = curves.groupby("op", sort=False)["best_acc"].mean().sort_values(ascending=False)
    curves = curves.groupby(["op", "seed", "epoch"])["accuracy"].mean().reset_index()
    for place, (op, best) in enumerate(truth.items()):
        colour, marker = SERIES[place % len(SERIES)]
        rows = curves[curves["op"] == op].groupby("epoch")["accuracy"]
        middle, low, high = rows.mean(), rows.min(), rows.max()
        label = f"{place + 1}. {op} ({best:.2f} %)"
        left.plot(middle.index, middle, color=colour, marker=marker, label=label)
        left.fill_between(middle.index, low, high, color=colour, alpha=0.13, lw=0)
    left.set(ylabel="supernet accuracy, % (band: all seeds)", title="After discretizing an edge")
    left.grid(axis="y")
    epochs, rho = correlation["epoch"], correlation["rho"]
    right.plot(epochs, rho, color=MEASURED, marker="o")
    band = correlation["rho_low"], correlation["rho_high"]
    right.fill_between(epochs, *band, color=MEASURED, alpha=0.13, lw=0)
    rho_axis(right, "y", "Spearman's rho to best-acc on an edge")
    right.set_title("What the ranking is worth (band: all seeds)")
    for each in axes:
        each.set_xlabel("epochs of retraining")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below([left], 3, title="best-acc's ranking of the operations")
    describe(left, "Retraining after one discretization", note)
    return figure_of(left)


@drawn
def alpha_panels(means: pd.DataFrame, *, note: str = "") -> Figure:
    """Weights of operations along a training, and their ranks on an edge.

    Args:
        means: columns epoch, op, weight, rank (1 the largest), mean over edges and seeds, and the
            least and the most of a seed: weight_low, weight_high, rank_low, rank_high.
        note: what the numbers are; the caption.
    """
    left, right = axes = panels(2, 3.2)
    operations = list(dict.fromkeys(means["op"]))
    for op, (colour, marker) in zip(operations, itertools.cycle(SERIES), strict=False):
        rows = means[means["op"] == op]
        told: Any = {"color": colour, "marker": marker, "markevery": max(1, len(rows) // 12)}
        left.plot(rows["epoch"], rows["weight"], label=op, **told)
        right.plot(rows["epoch"], rows["rank"], **told)
        for each, name in ((left, "weight"), (right, "rank")):
            band = rows[f"{name}_low"], rows[f"{name}_high"]
            each.fill_between(rows["epoch"], *band, color=colour, alpha=0.13, lw=0)
    left.set(ylabel="softmax(alpha), mean over edges", title="Weight (band: all seeds)")
    right.set(ylabel="rank on an edge, mean (1: the largest)", title="Rank (band: all seeds)")
    right.invert_yaxis()
    for each in axes:
        each.grid(axis="y")
        each.set_xlabel("epochs of training")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below([left], 3)
    describe(left, "What training does to the weights of operations", note)
    return figure_of(left)


@drawn
def training_curves(log: pd.DataFrame, *, note: str = "") -> Axes:
    """Accuracy on the images trained on and on others, epoch by epoch.

    Args:
        log: epoch, train_accuracy and test_accuracy, percent.
        note: what the numbers are; the caption.
    """
    (axes,) = panels(1, 3.2)
    for column, label, colour, marker in (
        ("train_accuracy", "images that are trained on", MEASURED, "o"),
        ("test_accuracy", "other images", PUBLISHED, "D"),
    ):
        axes.plot(
            log["epoch"],
            log[column],
            marker=marker if len(log) < 30 else "",
            ls="-" if colour == MEASURED else "--",
            label=label,
            color=colour,
        )
    axes.set(xlabel="epoch", ylabel="accuracy, %")
    axes.legend()
    axes.grid()
    describe(axes, "Training of one network", note)
    return axes
