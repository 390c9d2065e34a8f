"""A figure of the same policies on every truth of several spaces. Nothing is calculated here."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.bars import HINDSIGHT, is_bar
from opscore.answers.look import look
from opscore.answers.style import (
    INK,
    PLAIN,
    SERIES,
    describe,
    drawn,
    figure_of,
    legend_below,
    panels,
    reach,
    rho_axis,
    rows_axis,
)
from opscore.oracles.references import USUAL

#: How the bars are drawn, hollow and without their intervals; op-flops orders as op-params does.
_BARS = {"op-params": "o", HINDSIGHT: "s", "residual(params)": "*"}

#: What a grey stroke is.
_OTHER = "best-acc and avg-acc with each other"


@drawn
def task_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Rho of each policy with its interval: a line for every task, a panel for each reference.

    Args:
        frame: columns space, dataset, reference (best-acc, avg-acc), policy, rho, ci_low,
            ci_high; tasks and policies are drawn in its order, bars below them.
        note: what the numbers are, the caption.
    """
    references = sorted(set(frame["reference"]), key=USUAL.index)
    tasks = list(dict.fromkeys(zip(frame["space"], frame["dataset"], strict=True)))
    names = [str(name) for name in dict.fromkeys(frame["policy"])]
    policies = [name for name in names if name not in USUAL and not is_bar(name)]
    lines = max(len(policies), 1) + any(name in _BARS for name in names)
    axes = panels(len(references), 0.7 + len(tasks) * (0.09 + 0.075 * lines), sharey=True)
    for each, reference in zip(axes, references, strict=True):
        rows = frame[frame["reference"] == reference]
        _panel(each, rows[rows["policy"] != reference], tasks, policies)
        rho_axis(each, "x", f"Spearman's rho to {reference}")
    axes[0].invert_yaxis()
    legend_below(axes, 3)
    describe(axes[0], "The same policies on every truth, before any edge is discretized", note)
    return figure_of(axes[0])


def _panel(
    axes: Axes, rows: pd.DataFrame, tasks: list[tuple[str, str]], policies: list[str]
) -> None:
    places = {task: place for place, task in enumerate(tasks)}
    lines = max(len(policies), 1) + bool(set(rows["policy"]) & set(_BARS))
    step = 0.72 / lines
    for number, policy in enumerate(policies):
        own = rows[rows["policy"] == policy]
        shift = step * (number - (lines - 1) / 2)
        where = [places[task] + shift for task in zip(own["space"], own["dataset"], strict=True)]
        colour, marker = SERIES[number % len(SERIES)]
        axes.errorbar(
            own["rho"], where, xerr=reach(own), fmt=marker, color=colour, capsize=0, label=policy
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
            mec=INK,
            mew=0.6 * look().scale,
            ms=(5.5 if marker == "*" else 3.8) * look().scale,
            label=f"{bar}, {'in hindsight' if bar == HINDSIGHT else 'no network'}",
        )
    for policy in USUAL:
        own = rows[rows["policy"] == policy]
        where = [places[task] for task in zip(own["space"], own["dataset"], strict=True)]
        if where:
            stroke: Any = {"ms": 22 * look().scale, "mew": 2 * look().scale, "zorder": 1}
            axes.plot(own["rho"], where, "|", color=PLAIN, **stroke)
            (sample,) = axes.plot([], [], "|", color=PLAIN, mew=stroke["mew"], label=_OTHER)
            sample.set_in_layout(False)
    rows_axis(axes, [f"{space}:\n{task}" for space, task in tasks])
