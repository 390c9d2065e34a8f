"""``opscore report``: one page of a run store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.cli.common import DataDirOption, JsonOption, console, print_json, print_written


def report(
    store: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of finished runs.")] = Path(
        "runs"
    ),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File to write; else report.html in the folder.", dir_okay=False
        ),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page of a run store: what was run and with what, tables, figures, failures.

    The page needs no other file and no connection. What the paper published stands beside what was
    measured on the same space and truth.
    """
    from opscore.report.page import summary_of, write_report

    path, found = write_report(store, out, data_dir=data_dir)
    if as_json:
        print_json({"written": path, "bytes": path.stat().st_size, **summary_of(found)})
        return
    counts = ", ".join(f"{count} {status}" for status, count in found.counts.items())
    number = len(found.sections)
    runs = f"{counts} run{'' if len(found.runs) == 1 else 's'}"
    studies = "study" if number == 1 else "studies"
    console.print(f"{number} {studies} of {runs}", highlight=False)
    print_written([path])
