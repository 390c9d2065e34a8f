"""Figures that set published numbers beside measured ones. Nothing is calculated here.

Their tables have a column ``source``: 'published', or what the measurement is called.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from opscore.analysis.figures import map_of_pairs
from opscore.answers.look import look
from opscore.answers.style import PUBLISHED as PUBLISHED_COLOUR
from opscore.answers.style import (
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
from opscore.oracles.references import USUAL

PUBLISHED = "published"

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
    legend_below(axes[:1])
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
    legend_below([axes], 3)
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
