"""``opscore runs``: what a run store has; exporting, merging and cleaning stores."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import print_written
from opscore.cli.present import answering
from opscore.errors import UserError, unknown

if TYPE_CHECKING:
    from opscore.runs.reading import StoredRun

app = typer.Typer(no_args_is_help=True, help="Finished runs: list, show, export, sync, clean.")

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

_LISTED = (
    Column("run"),
    Column("space", missing=""),
    Column("policy", "policy or method"),
    Column("seed", kind="whole", form="d"),
    Column("status", kind="status"),
    Column("seconds", kind="number", form=".1f"),
    Column("ended", "finished at"),
)
_FORMS = ("csv", "parquet")


@app.command(name="list")
@answering()
def list_(
    runs: StoreOption = Path("runs"),
    kind: KindOption = None,
    space: SpaceOption = None,
    policy: PolicyOption = None,
    status: StatusOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also read every table and compare its checksum.")
    ] = False,
) -> Answer:
    """The runs of a store, with their status, and how long they took."""
    from opscore.runs.reading import as_records, pick, stored_runs, table_of

    found = pick(
        stored_runs(runs, check=check), kind=kind, space=space, policy=policy, status=status
    )
    frame = table_of(found)
    rows = as_records(frame)
    counts = frame["status"].value_counts()
    told = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no runs"
    hints = [f"{told}; {frame['seconds'].sum():,.0f} s of work"]
    if (counts.get("failed", 0) or counts.get("damaged", 0)) and len(frame):
        hints.append(
            "opscore runs show RUN says why; the call that asked for a run computes it again"
        )
    ended = frame["date"].str[:16].str.replace("T", " ")
    table = Table("", _LISTED, frame.assign(ended=ended))
    return Listing([table], {"runs": rows}, then=hints)


@app.command()
@answering()
def show(
    run: Annotated[str, typer.Argument(help="Name of a run, or the beginning of it.")],
    runs: StoreOption = Path("runs"),
) -> Answer:
    """One run: its settings, what it gave, versions and machine; why it failed, if it did."""
    from opscore.runs.reading import find_run

    found = find_run(runs, run)
    why = [found.error] if found.error else []
    why += str(found.record.get("traceback", "")).splitlines()
    columns = Column("name"), Column("value")
    frame = pd.DataFrame(_told(found), columns=[column.name for column in columns])
    values = {
        **found.row(),
        "settings": dict(found.key),
        "record": dict(found.record),
        "files": [str(path) for path in found.files],
    }
    return Listing([Table("", columns, frame, look="bare")], values, said=why)


def _told(run: StoredRun) -> list[tuple[str, str]]:
    """What there is to say of a run, pairs of a name and a text."""
    told = [("run", str(run.folder)), ("status", run.status)]
    told += [("date", str(run.record["date"]))] if "date" in run.record else []
    if run.seconds is not None:
        told.append(("seconds", f"{run.seconds:.1f}"))
    for name, value in run.key.items():
        told.append((name, value if isinstance(value, str) else json.dumps(value)))
    told += [(name, json.dumps(value)) for name, value in run.record.get("facts", {}).items()]
    versions = run.record.get("versions", {})
    told.append(("versions", ", ".join(f"{name} {own}" for name, own in versions.items())))
    told += [(n, str(run.record[n])) for n in ("python", "machine", "git") if n in run.record]
    return [*told, ("files", ", ".join(path.name for path in run.files))]


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
@answering(formats=False)
def sync(
    source: Annotated[Path, typer.Argument(help="Store to take from; it stays as it is.")],
    target: Annotated[Path, typer.Argument(help="Store that takes over what it lacks.")],
    both: Annotated[
        bool, typer.Option("--both", help="Also the other way, so that both have everything.")
    ] = False,
) -> Answer:
    """Merge two stores: TARGET takes over what SOURCE has; exit code 1 if results differ."""
    from opscore.runs.upkeep import merge

    done = [merge(source, target), *([merge(target, source)] if both else [])]
    names = ("copied", "there", "differing", "damaged")
    values = {name: sorted({n for m in done for n in getattr(m, name)}) for name in names}
    lines = [
        f"{into}: {len(merged.copied)} runs taken over, {len(merged.there)} were there"
        for merged, into in zip(done, (target, source), strict=False)
    ]
    lines += [
        f"{name}: both stores have it, with other results; each keeps its own"
        for name in values["differing"]
    ]
    lines += [f"{name}: damaged, left out" for name in values["damaged"]]
    spoiled = values["differing"] or values["damaged"]
    return Listing([], values, said=lines, wrong="" if spoiled else None)


@app.command()
@answering(formats=False)
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
) -> Answer:
    """Remove runs: those that are named, or else the failed and damaged ones.

    Finished runs are removed only by name. No other process should be at work in the store when
    unfinished ones are removed: it would lose their pieces.
    """
    from opscore.runs.upkeep import SPOILED
    from opscore.runs.upkeep import clean as clean_store

    statuses = (*SPOILED, *(("unfinished", "pieces") if unfinished else ()))
    removed = clean_store(runs, names or [], statuses=statuses, dry_run=dry_run)
    lines = [f"{run.name} ({run.status})" for run in removed]
    word = "would be removed" if dry_run else "removed"
    values = {"removed": [run.name for run in removed], "dry_run": dry_run}
    return Listing([], values, said=[*lines, f"{len(removed)} runs {word}"])
