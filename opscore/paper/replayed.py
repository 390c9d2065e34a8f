"""The authors' raw scores through this package's analysis, beside what they published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import schema
from opscore._version import __version__
from opscore.answers import Column, Listing, Picture, Table
from opscore.data import FILES, require
from opscore.oracles.references import USUAL
from opscore.paper import replay
from opscore.published import (
    other_spaces,
    progressive_correlations,
    published_initial,
)
from opscore.published import table1 as published_table1

#: Published correlations have three digits, so half a unit of the third is agreement.
_HALF_DIGIT = 0.000501

_AGREE = Column("agree", kind="status")
_RECOMPUTED = "recomputed from the authors' raw scores"


def figure2(data_dir: Path | None = None) -> Listing:
    """Figure 2 (left): correlations between all policies at iteration 0."""
    from opscore.analysis import correlation_bars, correlation_matrix

    tables = replay.replay_figure2(data_dir)
    correlation = tables["correlation"]
    known = {reference: published_initial(reference) for reference in USUAL}
    best = correlation["reference"] == "best-acc"
    rows = correlation[best & correlation["policy"].isin(replay.FIGURE2)]
    rho = correlation.set_index(["policy", "reference"])["rho"]
    wide = rows.drop(columns="rho")
    for reference in USUAL:
        wide[reference] = [rho.get((name, reference)) for name in rows["policy"]]
        wide[f"{reference} published"] = wide["policy"].map(known[reference])
    statistics = {each.name: each for each in schema.STATISTICS}
    tests = [Column(name, statistics[name].heading, "p") for name in ("p_value", "p_common")]
    columns = (
        Column("policy"),
        _pair("best-acc"),
        Column("ci_low", "95 % interval", "number", "+.2f", end="ci_high"),
        *tests,
        _pair("avg-acc"),
        _AGREE,
    )
    drawn = correlation[
        correlation["policy"].isin(replay.FIGURE2) & correlation["reference"].isin(replay.FIGURE2)
    ]
    to_best = drawn[drawn["reference"] == "best-acc"]
    bars = partial(
        correlation_bars,
        to_best,
        published=published_initial(),
        label="recomputed",
        note=_RECOMPUTED,
    )
    notes = [replay.DISC_ACC_NOTE, replay.SEEDS_NOTE]
    return Listing(
        [_compared("Spearman, mean over 6 edges", columns, _agreeing(wide, USUAL))],
        {**tables, "settings": _settings("figure2", data_dir, [replay.INITIAL_FILE], notes)},
        notes,
        then=["all pairs, and score rows that are not in the figure: --json"],
        kept={"replay_differences.csv": tables["differences"]},
        drawn=[
            Picture(
                "replay_figure2_left", drawn, partial(correlation_matrix, drawn, note=_RECOMPUTED)
            ),
            Picture("replay_best_acc", to_best, bars),
        ],
    )


def table1(data_dir: Path | None = None) -> Listing:
    """Table 1: the architecture that each policy picks edge by edge."""
    selection = replay.replay_table1(data_dir)
    published = published_table1().set_index("policy")[["error", "rank"]]
    published.loc[replay.TENAS_BY_HAND] = published.loc["tenas"]
    # Rounded as the paper rounds: one error lies in the middle of two numbers of two digits.
    wide = selection.pivot_table("error", "policy", "dataset").round(2)
    wide["rank"] = selection[selection["dataset"] == "cifar10"].set_index("policy")["rank"]
    wide = wide.join(published.add_suffix(" published")).loc[list(replay.TABLE1)]
    same = (wide["cifar10"] - wide["error published"]).abs() < 0.00501
    agrees = same & (wide["rank"] == wide["rank published"])
    columns = (
        Column("policy"),
        Column("cifar10", "CIFAR-10", "number", below="error published"),
        Column("rank", kind="whole", below="rank published"),
        _AGREE,
        Column("cifar100", "CIFAR-100", "number"),
        Column("imagenet16-120", "IN16-120", "number"),
    )
    frame = wide.assign(agree=agrees.map({True: "yes", False: "no"})).reset_index()
    files = [replay.INITIAL_FILE, replay.TABLE_FILE]
    notes = [replay.TENAS_NOTE, replay.DISC_ACC_NOTE]
    return Listing(
        [_compared("Architecture picked edge by edge, error in %", columns, frame)],
        {"selection": selection, "settings": _settings("table1", data_dir, files, notes)},
        notes,
        kept={"replay_table1.csv": selection},
    )


def progressive(data_dir: Path | None = None) -> Listing:
    """Figure 2 (right): correlations with best-acc along a search."""
    from opscore.analysis import correlation_lines

    correlation = replay.replay_progressive(data_dir)
    known = progressive_correlations().pivot_table("rho", "policy", "iteration")
    found = correlation.pivot_table("rho", "policy", "iteration", sort=False)
    iterations = [str(each) for each in sorted(found.columns)]
    wide = found.rename(columns=str).join(known.rename(columns="{} published".format))
    frame = _agreeing(wide.reset_index(), iterations)
    files = [replay.INITIAL_FILE, replay.PROGRESSIVE_FILE]
    notes = [
        "reference: the initial best-acc of the edges still open, at every iteration",
        "tenas and the two reruns are in the authors' logs but not in the figure",
    ]
    columns = (Column("policy"), *map(_pair, iterations), _AGREE)
    lines = partial(correlation_lines, correlation, note=_RECOMPUTED)
    settings = _settings("progressive", data_dir, files, notes)
    return Listing(
        [_compared("Spearman to the initial best-acc, by iteration", columns, frame)],
        {"correlation": correlation, "settings": settings},
        notes,
        drawn=[Picture("replay_figure2_right", correlation, lines)],
    )


def nb1shot1(data_dir: Path | None = None) -> Listing:
    """NAS-Bench-1Shot1: correlations with best-acc along the authors' searches."""
    correlation = replay.replay_nb1shot1(data_dir)
    spaces = list(dict.fromkeys(correlation["space"]))
    key = ["space", "policy", "reference", "iteration"]
    known = other_spaces().query("study == 'progressive'")
    rows = correlation.merge(known, on=key, how="left", suffixes=("", "_published"))
    # For disc-zc in space 3 the authors gave no deviation.
    off = (rows["rho"] - rows["rho_published"]).abs() >= _HALF_DIGIT
    off |= (rows["std"] - rows["std_published"]).abs() >= _HALF_DIGIT
    rows["agree"] = off.groupby([rows["space"], rows["policy"]]).transform("any")
    rows["found"] = _with_deviation(rows["rho"], rows["std"])
    rows["known"] = _with_deviation(rows["rho_published"], rows["std_published"])
    wide = rows.pivot_table(
        ["found", "known"], ["space", "policy", "agree"], "iteration", "first", sort=False
    )
    wide.columns = wide.columns.map(lambda pair: f"{pair[1]}{' published' * (pair[0] == 'known')}")
    frame = wide.reset_index()
    frame["agree"] = frame["agree"].map({True: "no", False: "yes"})
    iterations = [str(each) for each in sorted(set(rows["iteration"]))]
    columns = (
        Column("policy"),
        Column("space"),
        *(Column(each, below=f"{each} published", missing="") for each in iterations),
        _AGREE,
    )
    notes = [
        "reference: the initial best-acc of the blocks still open, at every iteration",
        "mean over the blocks and seeds 0-3, and standard deviation over the seeds",
        *(
            f"{space}: without its table nothing is replayed; {FILES[space].how}"
            for space in replay.ONESHOT
            if space not in spaces
        ),
    ]
    files = [replay.ONESHOT_FILE, *(FILES[space].path for space in spaces)]
    settings = _settings("nb1shot1", data_dir, files, notes)
    return Listing(
        [_compared("Spearman to the initial best-acc, by iteration", columns, frame)],
        {"correlation": correlation, "settings": settings},
        notes,
        kept={"replay_nb1shot1.csv": correlation},
    )


def _compared(what: str, columns: Sequence[Column], frame: pd.DataFrame) -> Table:
    title = f"{what}\nfrom the authors' raw scores; published below"
    return Table(title, columns, frame)


def _pair(name: str) -> Column:
    """A recomputed correlation with the published one below it."""
    return Column(name, kind="number", form="+.3f", below=f"{name} published")


def _agreeing(wide: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """With a column that says whether all that was published is what was found."""
    off = [(wide[name] - wide[f"{name} published"]).abs() >= _HALF_DIGIT for name in names]
    return wide.assign(agree=pd.concat(off, axis=1).any(axis=1).map({True: "no", False: "yes"}))


def _with_deviation(means: pd.Series[float], deviations: pd.Series[float]) -> list[str]:
    pairs = zip(means, deviations, strict=True)
    return [f"{mean:.3f} ({std:.3f})".replace(" (nan)", "") for mean, std in pairs]


def _settings(
    what: str, data_dir: Path | None, files: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    """What the numbers rest on, for JSON."""
    return {
        "command": f"replay {what}",
        "opscore": __version__,
        "files": {name: str(require(name, data_dir)) for name in files},
        "notes": list(notes),
    }
