"""``opscore records``: what ships as measured, and how it is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from opscore.cli.common import (
    DataDirOption,
    JobsOption,
    JsonOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    console,
    parse_seeds,
    print_json,
    print_written,
)
from opscore.errors import UserError


def records(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="RECORD", help="With --make: which.")
    ] = None,
    make: Annotated[
        bool, typer.Option("--make", help="Compute these records, hours for some, and write them.")
    ] = False,
    seeds: SeedsOption = "0-3",
    out: Annotated[
        Path | None, typer.Option("--out", help="With --make: folder; else the package's own.")
    ] = None,
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List what ships as measured, with what it rests on; --make computes it anew.

    Finished pieces are found again in --runs, so that what was stopped goes on.
    """
    from opscore.paper.records import describe_records
    from opscore.progress import shown

    if make:
        with shown("making records", quiet=quiet or as_json):
            written = _make(names or [], parse_seeds(seeds), out, jobs, runs, data_dir)
        if as_json:
            print_json({"written": written})
        else:
            print_written(written)
        return
    if names:
        raise UserError("records are named to make them: add --make, or name none for the list")
    table = describe_records()
    if as_json:
        print_json({"records": table})
        return
    short = table.drop(columns="rests on")
    listed = Table(*short.columns, title="Measured by this project, in the package")
    for row in short.to_dict("records"):
        listed.add_row(*map(str, row.values()))
    console.print(listed)


def _make(
    names: list[str],
    seeds: tuple[int, ...],
    out: Path | None,
    jobs: int,
    runs: Path,
    data_dir: Path | None,
) -> list[Path]:
    from opscore.data.records import FOLDER
    from opscore.paper.records import MAKERS, RecordSettings, make_record

    if not names:
        raise UserError(f"--make needs the names of records; there are: {', '.join(MAKERS)}")
    making = RecordSettings(runs, jobs, data_dir, out or FOLDER)
    return [path for name in names for path in make_record(name, making, seeds)]
