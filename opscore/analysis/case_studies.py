"""Figures of the case studies: the toy model, and retraining. Nothing is calculated here."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opscore.analysis.drawn import Drawn
from opscore.analysis.side_by_side import write_heading

#: Colours of the two policies that the toy model compares.
_POLICY_COLOURS = ("#2f5d8a", "#c8553d")


def toy_panels(measured: pd.DataFrame, published: pd.DataFrame, *, note: str = "") -> Figure:
    """The toy model against depth: agreement with best-nwot, and the rank of skip_connect.

    Args:
        measured: rows of :func:`opscore.paper.toy_model.scores.summarize_toy`, without best-nwot.
        published: the same columns, as published.
        note: what the numbers are, added in small print.
    """
    figure = Drawn(11.5, 4.8)
    left, right = figure.subplots(1, 2)
    styles = {"clean": ("-", "o"), "faithful": (":", "s")}
    policies = list(dict.fromkeys(measured["policy"]))
    colours = dict(zip(policies, _POLICY_COLOURS, strict=False))
    for (policy, meaning), rows in measured.groupby(["policy", "meaning"], sort=False):
        line, marker = styles[str(meaning)]
        n_seeds = int(rows["n_seeds"].max())
        label = f"{policy}, {meaning}, {n_seeds} seed{'' if n_seeds == 1 else 's'}"
        kept = {"color": colours[policy], "ls": line, "marker": marker, "ms": 4.5}
        left.errorbar(
            rows["length"],
            rows["rho"],
            yerr=rows["rho_std"].fillna(0),
            capsize=2,
            lw=1.5,
            elinewidth=0.8,
            label=label,
            **kept,
        )
        right.plot(rows["length"], rows["rank_skip_connect"], lw=1.5, **kept)
    for policy in policies:
        rows = published[published["policy"] == policy]
        kept = {"color": colours[policy], "ls": "none", "marker": "D", "ms": 7, "mfc": "white"}
        left.plot(rows["length"], rows["rho"], label=f"{policy}, published, 1 seed", **kept)
        right.plot(rows["length"], rows["rank_skip_connect"], **kept)
    left.set(ylim=(-0.25, 1.05), ylabel="Spearman's rho to best-nwot (bars: sd over seeds)")
    left.set_title("Agreement with the best architecture", fontsize=11)
    right.set(ylim=(4.1, 0.9), ylabel="mean rank of skip_connect (1 = strongest)")
    right.set_title("Liking for skip connections", fontsize=11)
    for axes in (left, right):
        _tidy(axes, "edges in the chain")
        axes.set_xticks(sorted({*measured["length"], *published["length"]}))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=3, frameon=False, fontsize=9)
    write_heading(figure, "Toy model", note)
    return figure


def retraining_panels(curves: pd.DataFrame, correlation: pd.DataFrame, *, note: str = "") -> Figure:
    """Accuracy after discretizing one edge to each operation, and what its ranking is worth.

    Args:
        curves: columns op, epoch, accuracy (percent), best_acc (percent); one row for each seed.
        correlation: columns epoch, rho (mean over seeds), rho_low, rho_high (least and most).
        note: what the numbers are, added in small print.
    """
    figure = Drawn(11.5, 4.8)
    left, right = figure.subplots(1, 2)
    truth = curves.groupby("op", sort=False)["best_acc"].first().sort_values(ascending=False)
    colours = sns.color_palette("colorblind", len(truth))
    for place, (op, best) in enumerate(truth.items()):
        rows = curves[curves["op"] == op].groupby("epoch")["accuracy"]
        middle, low, high = rows.mean(), rows.min(), rows.max()
        label = f"{place + 1}. {op} ({best:.2f} %)"
        left.plot(middle.index, middle, color=colours[place], marker="o", ms=3.5, label=label)
        left.fill_between(middle.index, low, high, color=colours[place], alpha=0.13, lw=0)
    left.set_ylabel("supernet accuracy, percent (band: all seeds)")
    left.set_title("Accuracy after discretizing the edge", fontsize=11)
    left.legend(title="best-acc's ranking", frameon=False, fontsize=9)
    epochs = correlation["epoch"]
    right.plot(epochs, correlation["rho"], color=_POLICY_COLOURS[0], marker="o", ms=4)
    right.fill_between(
        epochs,
        correlation["rho_low"],
        correlation["rho_high"],
        color=_POLICY_COLOURS[0],
        alpha=0.13,
        lw=0,
    )
    right.axhline(0, color="#1b1b1b", lw=0.8)
    right.set(ylim=(-1.05, 1.05), ylabel="Spearman's rho to best-acc on this edge")
    right.set_title("What the ranking is worth (band: all seeds)", fontsize=11)
    for axes in (left, right):
        _tidy(axes, "epochs of retraining")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    write_heading(figure, "Retraining after one discretization", note)
    return figure


def _tidy(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.grid(axis="y", color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
