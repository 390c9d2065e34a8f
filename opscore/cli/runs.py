"""``opscore runs``: what a run store has; comparing, exporting, merging and cleaning stores."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opscore.cli.common import JsonOption, console, print_json, print_written
from opscore.errors import UserError, unknown

if TYPE_CHECKING:
    from opscore.runs.reading import StoredRun

app = typer.Typer(
    no_args_is_help=True, help="Finished runs: list, show, diff, export, sync, clean."
)

StoreOption = Annotated[Path, typer.Option("--runs", help="Folder of finished runs.")]
KindOption = Annotated[
    str | None, typer.Option(help="Only this kind of run: initial, progressive, search, ...")
]
SpaceOption = Annotated[str | None, typer.Option(help="Only this search space.")]
PolicyOption = Annotated[str | None, typer.Option(help="Only this policy, or search method.")]
StatusOption = Annotated[
    str | None,
    typer.Option(help="Only runs that are finished, failed, unfinished, damaged or pieces."),
]

#: Exit code when two things differ, or some runs could not be merged.
DIFFERENT = 1

_STYLES = {"finished": "green", "failed": "red", "damaged": "red", "unfinished": "yellow"}
_FORMS = ("csv", "parquet")


@app.command(name="list")
def list_(
    runs: StoreOption = Path("runs"),
    kind: KindOption = None,
    space: SpaceOption = None,
    policy: PolicyOption = None,
    status: StatusOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also read every table and compare its checksum.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The runs of a store, with their status, and how long they took."""
    from opscore.runs.reading import as_records, pick, stored_runs, table_of

    found = pick(
        stored_runs(runs, check=check), kind=kind, space=space, policy=policy, status=status
    )
    frame = table_of(found)
    if as_json:
        print_json({"runs": as_records(frame)})
        return
    table = Table("run", "space", "policy or method")
    for column in ("seed", "status", "seconds", "finished at"):
        table.add_column(column, justify="right" if column in {"seed", "seconds"} else "left")
    for row in as_records(frame):
        style = _STYLES.get(row["status"], "dim")
        table.add_row(
            row["run"],
            row["space"],
            row["policy"],
            "" if row["seed"] is None else str(row["seed"]),
            f"[{style}]{row['status']}[/{style}]",
            "" if row["seconds"] is None else f"{row['seconds']:.1f}",
            row["date"][:16].replace("T", " "),
        )
    console.print(table)
    counts = frame["status"].value_counts()
    told = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no runs"
    console.print(f"{told}; {frame['seconds'].sum():,.0f} s of work", style="dim", highlight=False)
    if (counts.get("failed", 0) or counts.get("damaged", 0)) and len(frame):
        line = "opscore runs show RUN says why; the call that asked for a run computes it again"
        console.print(line, style="dim", highlight=False)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Name of a run, or the beginning of it.")],
    runs: StoreOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """One run: its settings, what it gave, versions and machine; why it failed, if it did."""
    from opscore.runs.reading import find_run

    found = find_run(runs, run)
    if as_json:
        print_json({**found.row(), "settings": dict(found.key), "record": dict(found.record),
                    "files": [str(path) for path in found.files]})  # fmt: skip
        return
    _show(found)


def _show(run: StoredRun) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("run", str(run.folder))
    table.add_row("status", run.status + _age(run.record.get("date")))
    if run.seconds is not None:
        table.add_row("seconds", f"{run.seconds:.1f}")
    for name, value in run.key.items():
        table.add_row(name, value if isinstance(value, str) else json.dumps(value))
    for name, value in run.record.get("facts", {}).items():
        table.add_row(name, json.dumps(value))
    versions = run.record.get("versions", {})
    table.add_row("versions", ", ".join(f"{name} {version}" for name, version in versions.items()))
    for name in ("python", "machine", "git"):
        if name in run.record:
            table.add_row(name, str(run.record[name]))
    table.add_row("files", ", ".join(path.name for path in run.files))
    console.print(table, markup=False)
    if run.error:
        console.print(run.error, style="red", markup=False, highlight=False)
    if "traceback" in run.record:
        console.print(run.record["traceback"], markup=False, highlight=False, soft_wrap=True)


def _age(date: object) -> str:
    """' (2026-11-26 07:42 UTC, 3 days ago)'; '' where there is no date."""
    try:
        ended = datetime.fromisoformat(str(date))
    except ValueError:
        return ""
    days = (datetime.now(ended.tzinfo) - ended).days
    ago = f", {days} days ago" if days > 1 else ""
    return f" ({ended:%Y-%m-%d %H:%M} UTC{ago})"


@app.command()
def diff(
    left: Annotated[str, typer.Argument(help="A run of --runs, or the folder of a store.")],
    right: Annotated[str, typer.Argument(help="Another one.")],
    runs: StoreOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """In what two runs, or two stores, differ; exit code 1 if they do. Times do not count."""
    if Path(left).is_dir() and Path(right).is_dir():
        _diff_stores(left, right, as_json=as_json)
        return
    from opscore.runs.reading import find_run
    from opscore.runs.upkeep import run_differences

    one, other = find_run(runs, left), find_run(runs, right)
    lines = run_differences(one, other)
    if as_json:
        print_json({"left": one.name, "right": other.name, "differences": lines})
    for line in () if as_json else lines or ["no difference"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(DIFFERENT if lines else 0)


def _diff_stores(left: str, right: str, *, as_json: bool) -> None:
    from opscore.runs.upkeep import store_differences

    found = store_differences(left, right)
    if as_json:
        print_json({
            "only_left": found.only_left, "only_right": found.only_right,
            "differing": found.differing, "equal": found.equal,
        })  # fmt: skip
    else:
        lines = [f"only in {left}: {name}" for name in found.only_left]
        lines += [f"only in {right}: {name}" for name in found.only_right]
        lines += [f"{name}: {what}" for name, each in found.differing.items() for what in each]
        for line in [*lines, f"{found.equal} runs are equal"]:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if found.same else DIFFERENT)


@app.command()
def export(
    runs: StoreOption = Path("runs"),
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv or parquet; else as the file's name ends, or csv."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; else stdout.", dir_okay=False)
    ] = None,
) -> None:
    """Results and settings without times, in a fixed order: equal work gives equal bytes."""
    from opscore.data.files import atomic_write, writable_file
    from opscore.runs.reading import export_bytes

    written = _form_of(out, form)
    path = None if out is None else writable_file(out)
    if path is None and written == "parquet" and sys.stdout.isatty():
        raise UserError("a Parquet file is not for the terminal: name a file with --out")
    content = export_bytes(runs, written)
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    print_written([path])


def _form_of(out: Path | None, asked: str | None) -> str:
    """The format of an export; UserError for one that is not the file's."""
    if asked is not None and asked not in _FORMS:
        raise unknown("format", asked, _FORMS)
    ending = "" if out is None else out.suffix.lower().removeprefix(".")
    if asked is not None and ending in _FORMS and ending != asked:
        raise UserError(f"--format {asked} does not fit the file {out}")
    return asked or (ending if ending in _FORMS else _FORMS[0])


@app.command()
def sync(
    source: Annotated[Path, typer.Argument(help="Store to take from; it stays as it is.")],
    target: Annotated[Path, typer.Argument(help="Store that takes over what it lacks.")],
    both: Annotated[
        bool, typer.Option("--both", help="Also the other way, so that both have everything.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge two stores: TARGET takes over what SOURCE has; exit code 1 if results differ."""
    from opscore.runs.upkeep import merge

    done = [merge(source, target), *([merge(target, source)] if both else [])]
    if as_json:
        names = ("copied", "there", "differing", "damaged")
        print_json({name: sorted({n for m in done for n in getattr(m, name)}) for name in names})
    else:
        for merged, into in zip(done, (target, source), strict=False):
            line = f"{into}: {len(merged.copied)} runs taken over, {len(merged.there)} were there"
            console.print(line, markup=False, highlight=False)
        for name in sorted({n for m in done for n in m.differing}):
            line = f"{name}: both stores have it, with other results; each keeps its own"
            console.print(line, style="red", markup=False)
        for name in sorted({n for m in done for n in m.damaged}):
            console.print(f"{name}: damaged, left out", style="red", markup=False)
    raise typer.Exit(DIFFERENT if any(m.differing or m.damaged for m in done) else 0)


@app.command()
def clean(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs to remove; none: failed and damaged ones."),
    ] = None,
    runs: StoreOption = Path("runs"),
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Also unfinished runs and the pieces of searches."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove runs: those that are named, or else the failed and damaged ones.

    Finished runs are removed only by name. No other process should be at work in the store when
    unfinished ones are removed: it would lose their pieces.
    """
    from opscore.runs.upkeep import SPOILED
    from opscore.runs.upkeep import clean as clean_store

    statuses = (*SPOILED, *(("unfinished", "pieces") if unfinished else ()))
    removed = clean_store(runs, names or [], statuses=statuses, dry_run=dry_run)
    if as_json:
        print_json({"removed": [run.name for run in removed], "dry_run": dry_run})
        return
    for run in removed:
        console.print(f"{run.name} ({run.status})", markup=False, highlight=False)
    word = "would be removed" if dry_run else "removed"
    console.print(f"{len(removed)} runs {word}", highlight=False)
