"""Figures that set published numbers beside measured ones. Nothing is calculated here.

Their tables have a column ``source``: 'published', or what the measurement is called.
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from opscore.analysis.drawn import Drawn

PUBLISHED = "published"

#: Colour and marker of each source, published first.
_STYLES = (("#c8553d", "D"), ("#2f5d8a", "o"), ("#4f8a4f", "s"), ("#7d5ba6", "^"))


def agreement_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (left) as dots: each policy's rho to each reference, a panel for a reference.

    Args:
        frame: columns source, policy, reference, rho, ci_low, ci_high, n_seeds; intervals may be
            missing.
        note: what the numbers are, added in small print.
    """
    references = list(dict.fromkeys(frame["reference"]))
    policies = _by_agreement(frame, references[0])
    figure = Drawn(5.6 * len(references) + 1, 2.6 + 0.46 * len(policies))
    panels = figure.subplots(1, len(references), sharey=True, squeeze=False)[0]
    for axes, reference in zip(panels, references, strict=True):
        _agreement(axes, frame[frame["reference"] == reference], policies)
        axes.set_xlabel(f"Spearman's rho to {reference}, iteration 0")
    _legend_below(figure, panels[0])
    write_heading(figure, "Agreement with the truth at iteration 0", note)
    return figure


def _agreement(axes: Axes, rows: pd.DataFrame, policies: list[str]) -> None:
    sources = list(dict.fromkeys(rows["source"]))
    places = {policy: place for place, policy in enumerate(policies)}
    for number, (source, (colour, marker)) in enumerate(zip(sources, _STYLES, strict=False)):
        own = rows[(rows["source"] == source) & rows["policy"].isin(policies)]
        shift = 0.22 * (number - (len(sources) - 1) / 2)
        axes.errorbar(
            own["rho"],
            own["policy"].map(places) - shift,
            xerr=_reach(own),
            fmt=marker,
            color=colour,
            ms=6.5,
            elinewidth=1,
            capsize=2.5,
            label=_with_seeds(source, own),
        )
    axes.axvline(0, color="#1b1b1b", lw=0.8)
    axes.set_xlim(-1, 1)
    axes.set_yticks(range(len(policies)), policies)
    for place in range(0, len(policies), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)


def matrix_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (left) as the paper draws it: a heat map of rho for each source, side by side.

    Args:
        frame: columns source, policy, reference, rho; one row per ordered pair of policies.
        note: what the numbers are, added in small print.
    """
    sources = list(dict.fromkeys(frame["source"]))
    sizes = [frame.loc[frame["source"] == source, "policy"].nunique() for source in sources]
    figure = Drawn(2.2 * len(sources) + 0.58 * sum(sizes), 3.0 + 0.52 * max(sizes))
    ratios = [size + 3 for size in sizes]
    panels = figure.subplots(1, len(sources), squeeze=False, width_ratios=ratios)[0]
    for axes, source in zip(panels, sources, strict=True):
        rows = frame[frame["source"] == source]
        names = _by_agreement(rows, "best-acc")[::-1]
        names = [name for name in ("best-acc", *names) if name in set(rows["policy"])]
        table = rows.pivot_table(index="policy", columns="reference", values="rho")
        table = table.reindex(index=names, columns=names)
        sns.heatmap(
            table,
            ax=axes,
            annot=True,
            fmt=".2f",
            cmap="RdBu_r",
            vmin=-1,
            vmax=1,
            square=True,
            linewidths=0.6,
            cbar=False,
            annot_kws={"size": 9},
        )
        axes.set_facecolor("#e6e6e6")
        axes.set(xlabel="", ylabel="")
        axes.set_title(_with_seeds(source, rows), fontsize=10)
        axes.tick_params(axis="x", rotation=60)
        axes.tick_params(axis="y", rotation=0)
    write_heading(figure, "Spearman's rho between policies at iteration 0", note)
    return figure


def line_panels(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Figure 2 (right): rho to the initial best-acc by iteration, a panel for each source.

    Args:
        frame: columns source, policy, iteration, rho, ci_low, ci_high, std, n_seeds, n_edges; bars
            are intervals, or standard deviations where there is no interval.
        note: what the numbers are, added in small print.
    """
    sources = list(dict.fromkeys(frame["source"]))
    policies = list(dict.fromkeys(frame["policy"]))
    palette = sns.color_palette("colorblind", 10) + sns.color_palette("dark", 10)
    colours = dict(zip(policies, palette, strict=False))
    figure = Drawn(5.2 * len(sources), 5.6)
    panels = figure.subplots(1, len(sources), sharey=True, squeeze=False)[0]
    for axes, source in zip(panels, sources, strict=True):
        rows = frame[frame["source"] == source]
        _lines(axes, rows, colours)
        bars = "sd over seeds" if source == PUBLISHED else "95 % interval"
        axes.set_title(f"{_with_seeds(source, rows)}; bars: {bars}", fontsize=10)
    panels[0].set_ylabel("Spearman's rho to the initial best-acc")
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncol=min(6, len(handles)),
        frameon=False,
    )
    write_heading(figure, "Agreement along a search", note)
    return figure


def _lines(axes: Axes, rows: pd.DataFrame, colours: dict[str, tuple[float, float, float]]) -> None:
    names = list(dict.fromkeys(rows["policy"]))
    for place, name in enumerate(names):
        line = rows[rows["policy"] == name].sort_values("iteration")
        axes.errorbar(
            line["iteration"] + 0.05 * (place - (len(names) - 1) / 2),
            line["rho"],
            yerr=_reach(line),
            color=colours[name],
            marker="o",
            ms=4.5,
            lw=1.5,
            elinewidth=0.7,
            capsize=1.5,
            label=name,
        )
    edges = rows.groupby("iteration")["n_edges"].max()
    ticks = [f"{t}\n{n:.0f} edge{'' if n == 1 else 's'}" for t, n in edges.items()]
    axes.set_xticks(edges.index.tolist(), ticks)
    axes.axhline(0, color="#1b1b1b", lw=0.8)
    axes.set_ylim(-1.05, 1.05)
    _tidy(axes, "iteration: edges discretized so far")


def table1_strip(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Table 1 as dots: the error of the architecture that each policy picks, one dot a seed.

    Args:
        frame: columns source, policy, seed, error (percent), of one dataset.
        note: what the numbers are, added in small print.
    """
    sources = list(dict.fromkeys(frame["source"]))
    best = frame.groupby("policy", sort=False)["error"].median()
    policies = [str(name) for name in best.sort_values(ascending=False).index]
    places = {policy: place for place, policy in enumerate(policies)}
    figure = Drawn(8.6, 2.4 + 0.42 * len(policies))
    axes = figure.subplots()
    for number, (source, (colour, marker)) in enumerate(zip(sources, _STYLES, strict=False)):
        rows = frame[frame["source"] == source]
        height = rows["policy"].map(places) - 0.2 * (number - (len(sources) - 1) / 2)
        axes.plot(rows["error"], height, marker, color=colour, ms=6.5, alpha=0.75, label=source)
    axes.set_xscale("log")
    ticks = [5, 6, 8, 10, 15, 20, 30, 50, 90]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(policies)), policies)
    axes.set_xlabel("CIFAR-10 test error of the architecture picked, percent (one mark per seed)")
    for place in range(0, len(policies), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#f3f3f3", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    _legend_below(figure, axes)
    write_heading(figure, "Architectures picked edge by edge", note, 110)
    return figure


def write_heading(figure: Figure, title: str, note: str, width: int | None = None) -> None:
    """A title for the whole figure with a note under it, wrapped to the figure's width.

    Each line of the note starts a line.
    """
    width = width or int(12.5 * figure.get_figwidth())
    lines = [line for part in note.splitlines() for line in textwrap.wrap(part, width=width)]
    figure.suptitle("\n".join([title, *lines]), fontsize=9)


def _by_agreement(frame: pd.DataFrame, reference: str) -> list[str]:
    """Policies of all sources, the strongest last: by published rho, else by the first measured."""
    rows = frame[frame["reference"] == reference]
    known = rows.drop_duplicates("policy")
    return [str(name) for name in known.sort_values("rho")["policy"]]


def _with_seeds(source: str, rows: pd.DataFrame) -> str:
    """A source with its number of seeds; oracles draw nothing and say nothing about it."""
    drawn = rows[~rows["policy"].isin(["best-acc", "avg-acc"])]["n_seeds"].dropna()
    if drawn.empty:
        return source
    low, high = int(drawn.min()), int(drawn.max())
    number = str(high) if low == high else f"{low}-{high}"
    return f"{source}, {number} seed{'' if number == '1' else 's'}"


def _reach(rows: pd.DataFrame) -> np.ndarray:
    """How far bars reach below and above rho, [2, rows]: interval, else deviation, else nothing."""
    spread = rows["std"] if "std" in rows else pd.Series(np.nan, index=rows.index)
    below = (rows["rho"] - rows["ci_low"]).fillna(spread)
    above = (rows["ci_high"] - rows["rho"]).fillna(spread)
    reach = np.array([below, above], dtype=np.float64)
    return np.clip(np.nan_to_num(reach), 0, None)


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(labels), frameon=False)


def _tidy(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.grid(axis="y", color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
