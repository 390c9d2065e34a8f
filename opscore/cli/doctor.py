"""``opscore doctor``: whether the main job can run here, what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import DataDirOption, DeviceOption, progress_console
from opscore.cli.present import answering

if TYPE_CHECKING:
    from opscore.doctor import Check

_COLUMNS = (
    Column("name", "what"),
    Column("status", "status", "status"),
    Column("detail", "found", below="remedy"),
)


@answering()
def doctor(
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    runs: Annotated[Path, typer.Option(help="Folder of finished runs.")] = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for tables and figures.")
    ] = None,
    golden: Annotated[
        bool,
        typer.Option("--golden", help="Also compute ten known scores: how far off is this?"),
    ] = False,
) -> Answer:
    """Look whether the main job can run here, what is missing, and how to get it.

    Versions, threads, devices, folders and free disk, data found and verified; and at the end the
    main job itself, at its smallest. Exit code 0 only if it can run, 1 if not.
    """
    from opscore.data import search_path
    from opscore.doctor import can_run, examine, guarded
    from opscore.experiments.settings import check_device_name
    from opscore.runs.store import provenance

    if data_dir is not None:
        search_path(data_dir)  # a folder that is named here and is none is bad input
    check_device_name(device)  # likewise; one that this machine lacks is a finding
    with progress_console.status("looking"):
        found = list(examine(runs=runs, out=out, data_dir=data_dir, device=device))
        known: list[pd.DataFrame] = []
        if golden:
            found += guarded("golden scores", "ten scores", lambda: _golden(device, known))
    works = can_run(found)
    asked = {"data_dir": data_dir, "device": device, "runs": runs, "out": out}
    return Listing(
        [Table("", _COLUMNS, pd.DataFrame(_rows(found)), look="bare")],
        {
            "can_run": works,
            "checks": [vars(check) for check in found],
            **dict(zip(["golden"], known, strict=False)),
            "settings": {**asked, **provenance()},
        },
        said=[_close(found, works=works)],
        wrong=None if works else "",
    )


def _golden(device: str, known: list[pd.DataFrame]) -> Iterator[Check]:
    """A finding for each known score; the table of them is added to a list."""
    from opscore.doctor import golden_checks, golden_scores
    from opscore.experiments.settings import resolve_device

    known.append(golden_scores(resolve_device(device)))
    return golden_checks(known[0])


def _rows(found: list[Check]) -> Iterator[dict[str, str]]:
    """A row for each finding, under the name of its area where that is new."""
    area = ""
    for check in found:
        if check.area != area:
            yield {"name": check.area, "status": "", "detail": "", "remedy": ""}
        area = check.area
        yield {**vars(check), "name": f"  {check.name}"}


def _close(found: list[Check], *, works: bool) -> str:
    """What it comes to, in a line."""
    counts = {
        status: sum(check.status == status for check in found)
        for status in ("missing", "warning", "problem")
    }
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    line = "the main job can run here" if works else "the main job cannot run here"
    return f"{line}{f' ({told})' if told else ''}"
