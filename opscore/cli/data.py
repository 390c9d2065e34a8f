"""``opscore data``: the files behind the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from opscore.cli.common import (
    DataDirOption,
    JsonOption,
    console,
    print_json,
    progress_console,
)
from opscore.errors import UserError

if TYPE_CHECKING:
    from opscore.data.catalogue import DataFile

app = typer.Typer(
    no_args_is_help=True,
    help="List, check, fetch and add data files. They are looked for in --data-dir, "
    "$OPSCORE_DATA, ./data and the user cache.",
)


@app.command("list")
def list_files(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """What there is: purpose, size, licence, and whether it is here."""
    rows = _rows(data_dir)
    if as_json:
        print_json({"files": rows})
        return
    table = Table("name", "here", "size", "licence", "purpose", "how to get it")
    for row in rows:
        size = f"{row['size'] / 1e6:,.1f} MB" if row["size"] else "-"
        how = row["advice"] if row["url"] is None else f"opscore data fetch {row['name']}"
        here = "no" if row["status"] == "missing" else "yes"
        table.add_row(row["name"], here, size, row["licence"], row["purpose"], how)
    console.print(table)


@app.command()
def verify(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check the sha256 of every file that is here; exit code 2 if one is corrupted."""
    rows = _rows(data_dir)
    if as_json:
        print_json({"files": rows})
    else:
        table = Table("name", "status", "file")
        for row in rows:
            table.add_row(row["name"], row["status"], row["found"] or "-")
        console.print(table)
    corrupted = [row["name"] for row in rows if row["status"] == "corrupted"]
    if corrupted:
        raise UserError(f"corrupted: {', '.join(corrupted)}; delete the file and fetch it again")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from 'opscore data list'.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a file, verified; a benchmark table is converted at once."""
    from opscore.data.catalogue import DATA_FILES
    from opscore.data.fetch import fetch as fetch_file

    with _DownloadBar(DATA_FILES[name]) as progress:
        path = fetch_file(name, data_dir, progress=progress)
    _say_where(path, as_json)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A benchmark file or folder that you have.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a file that you have; official benchmark files become one small table."""
    from opscore.data.convert import add as add_file

    _say_where(add_file(file, data_dir), as_json)


def _say_where(path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path)})
    else:
        console.print(f"ready: {path}", highlight=False)


def _rows(data_dir: Path | None) -> list[dict[str, Any]]:
    from opscore.data import find
    from opscore.data.catalogue import DATA_FILES

    rows = []
    for name in DATA_FILES:
        file = DATA_FILES[name]
        found = find(file.path, data_dir)
        rows.append(
            {
                "name": name,
                "status": file.status(data_dir),
                "found": None if found is None else str(found),
                "purpose": file.purpose,
                "licence": file.licence,
                "size": file.size,
                "sha256": file.sha256,
                "url": file.url,
                "advice": file.advice,
            }
        )
    return rows


class _DownloadBar:
    """What pooch wants of a progress bar, drawn by rich on stderr; silent off a terminal."""

    def __init__(self, file: DataFile) -> None:
        self.total = file.size or 0
        self._bar = Progress(
            TextColumn(file.name),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=progress_console,
            transient=True,
            disable=not progress_console.is_terminal,
        )
        self._task = self._bar.add_task(file.name, total=file.size)

    def __enter__(self) -> _DownloadBar:
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def update(self, count: int) -> None:
        """``count`` more bytes have come."""
        self._bar.advance(self._task, count)

    def reset(self) -> None:
        """Pooch calls this before its last update."""
        self._bar.reset(self._task)

    def close(self) -> None:
        """The download has ended."""
