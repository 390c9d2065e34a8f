"""``opscore report``: one page of a run store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer, Listing
from opscore.cli.common import DataDirOption
from opscore.cli.options import PluginOption
from opscore.cli.present import answering
from opscore.cli.runs import StoreOption
from opscore.user_code import load_file


@answering(formats=False, doing="writing the page")
def report(
    runs: StoreOption = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File to write; else report.html in the folder.", dir_okay=False
        ),
    ] = None,
    checklist: Annotated[
        bool,
        typer.Option(
            "--checklist",
            help="Print what reviewers ask (seeds, hardware, ...) instead, and write nothing.",
        ),
    ] = False,
    data_dir: DataDirOption = None,
    plugin: PluginOption = None,
) -> Answer:
    """Write one HTML page of a run store: what was run and with what, tables, figures, failures.

    The page needs no other file and no connection. What the paper published stands beside what was
    measured on the same space and truth.
    """
    from opscore.report.checklist import checklist as answered
    from opscore.report.page import write_report
    from opscore.runs.studies import NONE_HERE

    if checklist:
        return answered(runs)
    for file in plugin or ():
        load_file(file)
    path, found = write_report(runs, out, data_dir=data_dir)
    counts = ", ".join(f"{count} {status}" for status, count in found.counts.items())
    number = len(found.sections)
    told = f"{counts} run{'' if len(found.runs) == 1 else 's'}"
    studies = "study" if number == 1 else "studies"
    values = {"written": path, "bytes": path.stat().st_size, **found.summary()}
    why = [NONE_HERE] * (number == 0 < len(found.runs))
    return Listing([], values, said=[f"{number} {studies} of {told}", *why, f"wrote {path}"])
