"""A figure of the same policies on every truth of several spaces. Nothing is calculated here."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.bars import HINDSIGHT, is_bar
from opscore.analysis.drawn import Drawn
from opscore.analysis.side_by_side import write_heading

#: Policies that know the truth: they draw nothing, and stand in grey beside the others.
_TRUTHS = ("best-acc", "avg-acc")

#: How the bars are drawn, hollow and without their intervals; op-flops orders as op-params does.
_BARS = {"op-params": "o", HINDSIGHT: "s", "residual(params)": "*"}

#: What a grey stroke is: how far the two references agree with each other.
_OTHER = "best-acc with avg-acc"

_MARKERS = ("o", "D", "s", "^", "v", "P", "X", "*")


def task_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Rho of each policy with its interval: a line for every task, a panel for each reference.

    Args:
        frame: columns space, dataset, reference (best-acc, avg-acc), policy, rho, ci_low,
            ci_high; tasks and policies are drawn in its order, bars below them.
        note: what the numbers are, added in small print.
    """
    references = sorted(set(frame["reference"]), key=_TRUTHS.index)
    tasks = list(dict.fromkeys(zip(frame["space"], frame["dataset"], strict=True)))
    names = [str(name) for name in dict.fromkeys(frame["policy"])]
    policies = [name for name in names if name not in _TRUTHS and not is_bar(name)]
    lines = max(len(policies), 1) + any(name in _BARS for name in names)
    figure = Drawn(5.2 * len(references) + 2.2, 2.4 + len(tasks) * (0.22 + 0.11 * lines))
    panels = figure.subplots(1, len(references), sharey=True, squeeze=False)[0]
    for axes, reference in zip(panels, references, strict=True):
        rows = frame[frame["reference"] == reference]
        _panel(axes, rows[rows["policy"] != reference], tasks, policies)
        axes.set_xlabel(f"Spearman's rho with {reference}")
    labels = [f"{space}: {task}" for space, task in tasks]
    panels[0].set_yticks(range(len(tasks)), labels)
    panels[0].invert_yaxis()
    shown = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(shown.values()), list(shown), loc="outside lower center", ncol=4, frameon=False
    )
    write_heading(figure, "The same policies on every truth, iteration 0", note)
    return figure


def _panel(
    axes: Axes, rows: pd.DataFrame, tasks: list[tuple[str, str]], policies: list[str]
) -> None:
    places = {task: place for place, task in enumerate(tasks)}
    palette = sns.color_palette("colorblind", max(len(policies), 1))
    lines = max(len(policies), 1) + bool(set(rows["policy"]) & set(_BARS))
    step = 0.72 / lines
    for number, policy in enumerate(policies):
        own = rows[rows["policy"] == policy]
        shift = step * (number - (lines - 1) / 2)
        where = [places[task] + shift for task in zip(own["space"], own["dataset"], strict=True)]
        reach = [(own["rho"] - own["ci_low"]).clip(0), (own["ci_high"] - own["rho"]).clip(0)]
        axes.errorbar(
            own["rho"],
            where,
            xerr=[side.fillna(0) for side in reach],
            fmt=_MARKERS[number % len(_MARKERS)],
            color=palette[number],
            ms=4.5,
            elinewidth=0.9,
            label=policy,
        )
    for bar, marker in _BARS.items():
        own = rows[rows["policy"] == bar]
        if own.empty:
            continue
        shift = step * (lines - 1) / 2
        where = [places[task] + shift for task in zip(own["space"], own["dataset"], strict=True)]
        axes.plot(
            own["rho"],
            where,
            marker,
            mfc="none",
            mec="#1b1b1b",
            ms=8 if marker == "*" else 5,
            label=f"{bar}, {'in hindsight' if bar == HINDSIGHT else 'no network'}",
        )
    for policy in _TRUTHS:
        own = rows[rows["policy"] == policy]
        where = [places[task] for task in zip(own["space"], own["dataset"], strict=True)]
        if where:
            axes.plot(own["rho"], where, "|", color="#777777", ms=22, mew=2, label=_OTHER)
    axes.axvline(0, color="#1b1b1b", lw=0.8)
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-0.5, len(tasks) - 0.5)
    for place in range(0, len(tasks), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
