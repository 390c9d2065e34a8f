"""Figures that set numbers beside each other. Nothing is calculated here.

Tables of published and measured ones have a column ``source``: 'published', or what the measurement
is called; those of several spaces have a line for each task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.bars import HINDSIGHT, is_bar
from opscore.analysis.figures import map_of_pairs
from opscore.answers.look import look
from opscore.answers.style import (
    INK,
    PLAIN,
    SERIES,
    describe,
    drawn,
    error_axis,
    figure_of,
    label_lowest,
    legend_below,
    panels,
    reach,
    rho_axis,
    rows_axis,
    seeds_text,
)
from opscore.answers.style import PUBLISHED as PUBLISHED_COLOUR
from opscore.oracles.references import USUAL

PUBLISHED = "published"

#: How the bars are drawn, hollow and without their intervals; op-flops orders as op-params does.
_BARS = {"op-params": "o", HINDSIGHT: "s", "residual(params)": "*"}

#: What a grey stroke is.
_OTHER = "best-acc and avg-acc with each other"

_ITERATION = "iteration: how many edges are discretized"


def _styles(sources: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and mark of each source; those of 'published' are its own."""
    measured = [source for source in sources if source != PUBLISHED]
    others = [style for style in SERIES if style[0] != PUBLISHED_COLOUR]
    return {PUBLISHED: (PUBLISHED_COLOUR, "D"), **dict(zip(measured, others, strict=False))}


@drawn
def agreement_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (left) as dots: each policy's rho to each reference, a panel for a reference.

    Args:
        frame: columns source, policy, reference, rho, ci_low, ci_high, n_seeds; intervals may be
            missing.
        note: what the numbers are; the caption.
    """
    references = list(dict.fromkeys(frame["reference"]))
    policies = _by_agreement(frame, references[0])
    sources = list(dict.fromkeys(frame["source"]))
    axes = panels(len(references), 0.9 + 0.27 * len(policies), sharey=True)
    places = {policy: place for place, policy in enumerate(policies)}
    for each, reference in zip(axes, references, strict=True):
        rows = frame[(frame["reference"] == reference) & frame["policy"].isin(policies)]
        for number, source in enumerate(sources):
            own = rows[rows["source"] == source]
            colour, marker = _styles(sources)[source]
            each.errorbar(
                own["rho"],
                own["policy"].map(places) - 0.24 * (number - (len(sources) - 1) / 2),
                xerr=reach(own),
                fmt=marker,
                color=colour,
                label=_with_seeds(source, own),
            )
        rows_axis(each, policies)
        rho_axis(each, "x", f"Spearman's rho to {reference}")
    legend_below(axes[:1], 2)
    describe(axes[0], "Agreement with the truth before any edge is discretized", note, told=True)
    return figure_of(axes[0])


@drawn
def matrix_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (left) as the paper draws it: a map of rho for each source, in one order.

    Args:
        frame: columns source, policy, reference, rho; one row per ordered pair of policies.
        note: what the numbers are; the caption.
    """
    sources = list(dict.fromkeys(frame["source"]))
    order = ["best-acc", *_by_agreement(frame, "best-acc")[::-1]]
    names = [name for name in dict.fromkeys(order) if name in set(frame["policy"])]
    axes = panels(len(sources), 0.9 + 0.24 * len(names))
    for each, source in zip(axes, sources, strict=True):
        rows = frame[frame["source"] == source]
        image = map_of_pairs(each, rows, names)
        each.set_title(_with_seeds(source, rows))
    figure = figure_of(axes[0])
    figure.colorbar(image, ax=axes, label="Spearman's rho", shrink=0.5)
    describe(
        axes[0], "Spearman's rho between policies before any edge is discretized", note, told=True
    )
    return figure


@drawn
def line_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (right): rho to the initial best-acc by iteration, a panel for each policy.

    Args:
        frame: columns source, policy, iteration, rho, ci_low, ci_high, std, n_seeds, n_edges; bars
            are intervals, or standard deviations where there is no interval.
        note: what the numbers are; the caption.
    """
    sources = list(dict.fromkeys(frame["source"]))
    policies = [str(name) for name in dict.fromkeys(frame["policy"])]
    axes = panels(len(policies), 1.45, across=4, sharex=True, sharey=True)
    for each, policy in zip(axes, policies, strict=True):
        for number, source in enumerate(sources):
            line = frame[(frame["source"] == source) & (frame["policy"] == policy)]
            colour, marker = _styles(sources)[source]
            bars = "sd over seeds" if source == PUBLISHED else "95 % interval"
            each.errorbar(
                line["iteration"] + 0.14 * (number - (len(sources) - 1) / 2),
                line["rho"],
                yerr=reach(line, spread="std"),
                color=colour,
                marker=marker,
                ls="--" if source == PUBLISHED else "-",
                elinewidth=0.7 * look().scale,
                label=f"{_with_seeds(source, frame[frame['source'] == source])}; bars: {bars}",
            )
        rho_axis(each, "y", "")
        each.set_title(policy)
    axes[0].set_xticks(sorted(set(frame["iteration"])))
    legend_below(axes, 2)
    label_lowest(axes, "iteration")
    figure = figure_of(axes[0])
    figure.supylabel("Spearman's rho to the initial best-acc", fontsize=look().type_size)
    describe(axes[0], "Agreement along a search", f"{_ITERATION}\n{note}", told=True)
    return figure


@drawn
def table1_strip(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Table 1 as dots: the error of the architecture that each policy picks, one mark a seed.

    A mark of several seeds has their number.

    Args:
        frame: columns source, policy, seed, error (percent), of one dataset.
        note: what the numbers are; the caption.
    """
    sources = list(dict.fromkeys(frame["source"]))
    best = frame.groupby("policy", sort=False)["error"].median()
    policies = [str(name) for name in best.sort_values(ascending=False).index]
    places = {policy: place for place, policy in enumerate(policies)}
    (axes,) = panels(1, 0.9 + 0.33 * len(policies))
    error_axis(axes, "x", list(frame["error"]), "CIFAR-10 test error of the architecture picked, %")
    for number, source in enumerate(sources):
        rows = frame[frame["source"] == source]
        height = rows["policy"].map(places) - 0.26 * (number - (len(sources) - 1) / 2)
        colour, marker = _styles(sources)[source]
        label = _with_seeds(source, rows.assign(n_seeds=rows["seed"].nunique()))
        axes.plot(rows["error"], height, marker, color=colour, mec="white", mew=0.3, label=label)
        for (error, y), times in rows.groupby([rows["error"].round(2), height]).size().items():
            if times > 1:
                axes.annotate(
                    f"\u00d7{times}",
                    (error, y),
                    (0.35 * look().type_size, 0),
                    textcoords="offset points",
                    va="center_baseline",
                    color=colour,
                    fontsize=0.85 * look().type_size,
                )
    rows_axis(axes, policies)
    legend_below([axes], 2)
    describe(axes, "Architectures picked edge by edge", note, told=True)
    return figure_of(axes)


def _by_agreement(frame: pd.DataFrame, reference: str) -> list[str]:
    """Policies of all sources, the strongest last: by published rho, else by the first measured."""
    rows = frame[frame["reference"] == reference]
    known = rows.drop_duplicates("policy")
    return [str(name) for name in known.sort_values("rho")["policy"]]


def _with_seeds(source: str, rows: pd.DataFrame) -> str:
    """A measured source with its number of seeds; what was published says it in the caption."""
    drawn_ones = rows[~rows["policy"].isin(USUAL)]
    seeds = seeds_text(drawn_ones) if source != PUBLISHED and "n_seeds" in rows else ""
    return f"{source}, {seeds}" if seeds else source


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

    def of(policy: str, line: float) -> tuple[pd.DataFrame, list[float]]:
        """Its rows, and where they are drawn: on this one of a task's lines."""
        own = rows[rows["policy"] == policy]
        found = [places[task] for task in zip(own["space"], own["dataset"], strict=True)]
        return own, [place + step * (line - (lines - 1) / 2) for place in found]

    for number, policy in enumerate(policies):
        own, where = of(policy, number)
        colour, marker = SERIES[number % len(SERIES)]
        told: Any = {"fmt": marker, "color": colour, "capsize": 0, "label": policy}
        axes.errorbar(own["rho"], where, xerr=reach(own), **told)
    for bar, marker in _BARS.items():
        own, where = of(bar, lines - 1)
        if where:
            axes.plot(
                *(own["rho"], where, marker),
                mfc="none",
                mec=INK,
                mew=0.6 * look().scale,
                ms=(5.5 if marker == "*" else 3.8) * look().scale,
                label=f"{bar}, {'in hindsight' if bar == HINDSIGHT else 'no network'}",
            )
    for policy in USUAL:
        own, where = of(policy, (lines - 1) / 2)
        if where:
            stroke: Any = {"ms": 22 * look().scale, "mew": 2 * look().scale, "zorder": 1}
            axes.plot(own["rho"], where, "|", color=PLAIN, **stroke)
            (sample,) = axes.plot([], [], "|", color=PLAIN, mew=stroke["mew"], label=_OTHER)
            sample.set_in_layout(False)
    rows_axis(axes, [f"{space}:\n{task}" for space, task in tasks])
