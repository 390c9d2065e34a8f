"""``opscore replay``: the authors' raw scores through this package's analysis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from opscore.answers.words import interval_text
from opscore.cli.common import (
    DataDirOption,
    JsonOption,
    OutOption,
    console,
    print_json,
    print_notes,
    print_written,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    help="Recompute the paper's numbers from the authors' own raw scores, with this package's "
    "analysis, and set them beside the published ones.",
)

#: Published correlations have three digits, so half a unit of the third is agreement.
_HALF_DIGIT = 0.000501


@app.command()
def figure2(
    out: OutOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Figure 2 (left): correlations between all policies at iteration 0."""
    from opscore.analysis import correlation_bars, correlation_matrix, save_figure
    from opscore.paper.replay import (
        DISC_ACC_NOTE,
        FIGURE2,
        INITIAL_FILE,
        SEEDS_NOTE,
        replay_figure2,
    )
    from opscore.published import published_initial

    tables = replay_figure2(data_dir)
    correlation, notes = tables["correlation"], [DISC_ACC_NOTE, SEEDS_NOTE]
    written: list[Path] = []
    if out is not None:
        drawn = correlation[
            correlation["policy"].isin(FIGURE2) & correlation["reference"].isin(FIGURE2)
        ]
        note = "recomputed from the authors' raw scores"
        matrix = correlation_matrix(drawn, note=note)
        written += save_figure(matrix.figure, out / "replay_figure2_left", drawn)
        to_best = drawn[drawn["reference"] == "best-acc"]
        bars = correlation_bars(
            to_best, published=published_initial(), label="recomputed", note=note
        )
        written += save_figure(bars.figure, out / "replay_best_acc", to_best)
        written += _write_csv(out, "replay_differences", tables["differences"])
    if as_json:
        print_json({**tables, "settings": _settings("figure2", data_dir, [INITIAL_FILE], notes)})
        return
    console.print(_figure2_table(correlation))
    _finish([*notes, "all pairs, and score rows that are not in the figure: --json"], written)


@app.command()
def table1(
    out: OutOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Table 1: the architecture that each policy picks edge by edge."""
    from opscore.paper.replay import (
        DISC_ACC_NOTE,
        INITIAL_FILE,
        TABLE_FILE,
        TENAS_NOTE,
        replay_table1,
    )

    selection = replay_table1(data_dir)
    notes = [TENAS_NOTE, DISC_ACC_NOTE]
    written = [] if out is None else _write_csv(out, "replay_table1", selection)
    if as_json:
        files = [INITIAL_FILE, TABLE_FILE]
        settings = _settings("table1", data_dir, files, notes)
        print_json({"selection": selection, "settings": settings})
        return
    console.print(_table1_table(selection))
    _finish(notes, written)


@app.command()
def progressive(
    out: OutOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Figure 2 (right): correlations with best-acc along a search."""
    from opscore.analysis import correlation_lines, save_figure
    from opscore.paper.replay import INITIAL_FILE, PROGRESSIVE_FILE, replay_progressive

    correlation = replay_progressive(data_dir)
    notes = [
        "reference: the initial best-acc of the edges still open, at every iteration",
        "tenas and the two reruns are in the authors' logs but not in the figure",
    ]
    written: list[Path] = []
    if out is not None:
        lines = correlation_lines(correlation, note="recomputed from the authors' raw scores")
        written = save_figure(lines.figure, out / "replay_figure2_right", correlation)
    if as_json:
        files = [INITIAL_FILE, PROGRESSIVE_FILE]
        settings = _settings("progressive", data_dir, files, notes)
        print_json({"correlation": correlation, "settings": settings})
        return
    console.print(_progressive_table(correlation))
    _finish(notes, written)


@app.command()
def nb1shot1(
    out: OutOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """NAS-Bench-1Shot1: correlations with best-acc along the authors' searches."""
    from opscore.data import FILES
    from opscore.paper.replay import ONESHOT, ONESHOT_FILE, replay_nb1shot1

    correlation = replay_nb1shot1(data_dir)
    spaces = list(dict.fromkeys(correlation["space"]))
    notes = [
        "reference: the initial best-acc of the blocks still open, at every iteration",
        "mean over the blocks and seeds 0-3, and standard deviation over the seeds",
        *(
            f"{space}: without its table nothing is replayed; {FILES[space].how}"
            for space in ONESHOT
            if space not in spaces
        ),
    ]
    written = [] if out is None else _write_csv(out, "replay_nb1shot1", correlation)
    if as_json:
        files = [ONESHOT_FILE, *(FILES[space].path for space in spaces)]
        settings = _settings("nb1shot1", data_dir, files, notes)
        print_json({"correlation": correlation, "settings": settings})
        return
    console.print(_oneshot_table(correlation))
    _finish(notes, written)


def _figure2_table(correlation: pd.DataFrame) -> Table:
    from opscore.paper.replay import FIGURE2
    from opscore.published import published_initial

    published = {reference: published_initial(reference) for reference in FIGURE2[:2]}
    rho = correlation.set_index(["policy", "reference"])["rho"].to_dict()
    table = _comparison("Spearman, mean over 6 edges")
    for heading in ("best-acc", "95 % interval", "p", "p common", "avg-acc", "agree"):
        table.add_column(heading, justify="right")
    for row in correlation[correlation["reference"] == "best-acc"].itertuples():
        name = str(row.policy)
        if name not in FIGURE2:
            continue
        pairs = [
            (rho[name, reference], published[reference][name])
            for reference in FIGURE2[:2]
            if reference != name
        ]
        cells = [_pair(f"{found:+.3f}", f"{shown:+.3f}") for found, shown in pairs]
        interval = interval_text(row.ci_low, row.ci_high)
        agrees = all(abs(found - shown) < _HALF_DIGIT for found, shown in pairs)
        tests = (f"{row.p_value:.2g}", f"{row.p_common:.2g}")
        table.add_row(name, cells[0], interval, *tests, "".join(cells[1:]), _mark(agrees))
    return table


def _table1_table(selection: pd.DataFrame) -> Table:
    from opscore.paper.replay import TABLE1, TENAS_BY_HAND
    from opscore.published import table1 as published_table1

    published = {
        str(policy): (float(error), int(rank))
        for policy, error, rank in published_table1()[["policy", "error", "rank"]].to_numpy()
    }
    published[TENAS_BY_HAND] = published["tenas"]
    errors = selection.set_index(["policy", "dataset"])["error"].to_dict()
    ranks = selection.set_index(["policy", "dataset"])["rank"].to_dict()
    table = _comparison("Architecture picked edge by edge, error in %")
    for heading in ("CIFAR-10", "rank", "agree", "CIFAR-100", "IN16-120"):
        table.add_column(heading, justify="right")
    for policy in TABLE1:
        error, rank = errors[policy, "cifar10"], ranks[policy, "cifar10"]
        shown, position = published[policy]
        table.add_row(
            policy,
            _pair(f"{error:.2f}", f"{shown:.2f}"),
            _pair(f"{rank:,}", f"{position:,}"),
            _mark(abs(error - shown) < 0.00501 and rank == position),
            *(
                f"{errors[policy, name]:.2f}" if (policy, name) in errors else "-"
                for name in ("cifar100", "imagenet16-120")
            ),
        )
    return table


def _progressive_table(correlation: pd.DataFrame) -> Table:
    from opscore.published import progressive_correlations

    known = progressive_correlations()
    published = {
        (str(policy), int(iteration)): float(rho)
        for policy, iteration, rho in known[["policy", "iteration", "rho"]].to_numpy()
    }
    iterations = sorted({int(iteration) for iteration in correlation["iteration"]})
    table = _comparison("Spearman to the initial best-acc, by iteration")
    for iteration in iterations:
        table.add_column(str(iteration), justify="right")
    table.add_column("agree", justify="right")
    for policy in dict.fromkeys(correlation["policy"]):
        rows = correlation[correlation["policy"] == policy]
        found = dict(zip(rows["iteration"].tolist(), rows["rho"].tolist(), strict=True))
        cells = [_pair(f"{found[i]:+.3f}", f"{published[policy, i]:+.3f}") for i in iterations]
        agrees = all(abs(found[i] - published[policy, i]) < _HALF_DIGIT for i in iterations)
        table.add_row(str(policy), *cells, _mark(agrees))
    return table


def _oneshot_table(correlation: pd.DataFrame) -> Table:
    from opscore.published import other_spaces

    key = ["space", "policy", "reference", "iteration"]
    known = other_spaces().query("study == 'progressive'")
    rows = correlation.merge(known, on=key, how="left", suffixes=("", "_published"))
    iterations = sorted(set(rows["iteration"].tolist()))
    table = _comparison("Spearman to the initial best-acc, by iteration")
    for heading in ("space", *map(str, iterations), "agree"):
        table.add_column(heading, justify="right")
    for (space, policy), own in rows.groupby(["space", "policy"], sort=False):
        cells, agrees = [], True
        numbers = own.sort_values("iteration")[["rho", "std", "rho_published", "std_published"]]
        for rho, std, rho_known, std_known in numbers.to_numpy(float):
            # For disc-zc in space 3 the authors gave no deviation.
            shown = f"{rho_known:.3f} ({std_known:.3f})".replace(" (nan)", "")
            cells.append(_pair(f"{rho:.3f} ({std:.3f})", shown))
            agrees &= bool(abs(rho - rho_known) < _HALF_DIGIT)
            agrees &= not abs(std - std_known) >= _HALF_DIGIT
        cells += [""] * (len(iterations) - len(cells))
        table.add_row(str(policy), str(space), *cells, _mark(agrees))
    return table


def _comparison(what: str) -> Table:
    table = Table(title=f"{what}\nfrom the authors' raw scores; [dim]published below[/dim]")
    table.add_column("policy")
    return table


def _pair(found: str, published: str) -> str:
    return f"{found}\n[dim]{published}[/dim]"


def _mark(agrees: bool) -> str:
    return "[green]yes[/green]" if agrees else "[red]no[/red]"


def _write_csv(folder: Path, name: str, frame: pd.DataFrame) -> list[Path]:
    from opscore.data.files import write_table

    return [write_table(folder / f"{name}.csv", frame)]


def _settings(
    what: str, data_dir: Path | None, files: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    """What the numbers rest on, for JSON."""
    from opscore._version import __version__
    from opscore.data import require

    return {
        "command": f"replay {what}",
        "opscore": __version__,
        "files": {name: str(require(name, data_dir)) for name in files},
        "notes": list(notes),
    }


def _finish(notes: Sequence[str], written: Sequence[Path]) -> None:
    print_notes(notes)
    print_written(written)
