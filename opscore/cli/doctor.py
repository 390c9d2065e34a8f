"""``opscore doctor``: whether the main job can run here, what is missing, and how to get it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JsonOption,
    console,
    print_json,
    progress_console,
)

if TYPE_CHECKING:
    from opscore.doctor import Check

#: Exit code when the main job cannot run.
CANNOT_RUN = 1

_STYLES = {"ok": "green", "missing": "dim", "warning": "yellow", "problem": "red"}


def doctor(
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    runs: Annotated[Path, typer.Option(help="Folder of finished runs.")] = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for tables and figures.")
    ] = None,
) -> None:
    """Look whether the main job can run here, what is missing, and how to get it.

    Versions, threads, devices, folders and free disk, data found and verified; and at the end the
    main job itself, at its smallest. Exit code 0 only if it can run, 1 if not.
    """
    from opscore.data import search_path
    from opscore.doctor import can_run, examine
    from opscore.experiments.settings import check_device_name
    from opscore.runs.store import provenance

    if data_dir is not None:
        search_path(data_dir)  # a folder that is named here and is none is bad input
    check_device_name(device)  # likewise; one that this machine lacks is a finding
    found: list[Check] = []
    table = Table("what", "status", box=None, pad_edge=False)
    table.add_column("found", overflow="fold")
    with nullcontext() if as_json else progress_console.status("looking"):
        for check in examine(runs=runs, out=out, data_dir=data_dir, device=device):
            _add(table, check, new=not found or found[-1].area != check.area)
            found.append(check)
    works = can_run(found)
    if as_json:
        asked = {"data_dir": data_dir, "device": device, "runs": runs, "out": out}
        print_json(
            {"can_run": works, "checks": [vars(check) for check in found],
             "settings": {**asked, **provenance()}}
        )  # fmt: skip
    else:
        console.print(table)
        _close(found, works=works)
    if not works:
        raise typer.Exit(CANNOT_RUN)


def _add(table: Table, check: Check, *, new: bool) -> None:
    """A row for a finding, under the name of its area where that is new."""
    if new:
        table.add_row(Text(check.area, style="bold"))
    style = _STYLES[check.status]
    found = Text(check.detail, style="dim" if check.status == "missing" else "")
    if check.remedy:
        found.append(f"\n{check.remedy}", style="cyan")
    table.add_row(Text(f"  {check.name}"), Text(check.status, style=style), found)


def _close(found: list[Check], *, works: bool) -> None:
    """What it comes to, in a line."""
    counts = {
        status: sum(check.status == status for check in found)
        for status in ("missing", "warning", "problem")
    }
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    line = "the main job can run here" if works else "the main job cannot run here"
    console.print(f"{line}{f' ({told})' if told else ''}", style="green" if works else "red")
