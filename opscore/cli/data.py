"""``opscore data``: which files there are, and getting, adding and checking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from opscore.cli.common import DataDirOption, JsonOption, console, print_json, progress_console

if TYPE_CHECKING:
    from opscore.data import Added

app = typer.Typer(no_args_is_help=True, help="Data files: list, verify, fetch, add.")

_STYLES = {"ok": "green", "missing": "dim", "unchecked": "yellow", "corrupted": "red"}


@app.command(name="list")
def list_(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """The files that opscore knows, what each is for, and where they are."""
    from opscore.data import FILES, find, search_path

    found = {name: find(name, data_dir) for name in FILES}
    if as_json:
        print_json(
            {
                "files": [{**asdict(FILES[name]), "found": found[name]} for name in FILES],
                "search_path": search_path(data_dir),
            }
        )
        return
    table = Table("name", "here", show_lines=True)
    table.add_column("what for, licence, how to get it", overflow="fold")
    for name in FILES:
        file = FILES[name]
        here = "[green]yes[/green]" if found[name] else "no"
        how = "" if found[name] else f"\n[cyan]{file.how}[/cyan]"
        table.add_row(name, here, f"{file.purpose}\n[dim]licence: {file.licence}[/dim]{how}")
    console.print(table)
    folders = ", ".join(str(folder) for folder in search_path(data_dir))
    console.print(f"looked in: {folders}", style="dim", highlight=False, markup=False)


@app.command()
def verify(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Check the files that are here; exit code 1 if one is corrupted."""
    from opscore import data

    frame = data.verify(data_dir)
    if as_json:
        print_json({"files": frame})
    else:
        table = Table("name", "status")
        table.add_column("detail", overflow="fold")
        table.add_column("path", overflow="fold")
        rows = frame.astype(object).where(frame.notna(), "")
        for name, status, detail, path in rows[["name", "status", "detail", "path"]].to_numpy():
            style = _STYLES[status]
            table.add_row(name, f"[{style}]{status}[/{style}]", detail, path)
        console.print(table)
    if (frame["status"] == "corrupted").any():
        raise typer.Exit(1)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Short name of a file; see 'opscore data list'.")],
    url: Annotated[str | None, typer.Option(help="Download it from here instead.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Download a file, check it, and make it ready for use."""
    from opscore import data

    file = data.get_file(name)
    with _progress(f"fetching {name}", DownloadColumn(binary_units=True)) as progress:
        path = data.fetch(name, url=url, data_dir=data_dir, progress=progress)
    added = None
    if file.source_only and data.find("nasbench201", data_dir) is None:
        added = data.add(path, data_dir=data_dir)
    if as_json:
        print_json({"name": name, "path": path, "added": asdict(added) if added else None})
        return
    console.print(f"{name}: {path}", highlight=False, markup=False, soft_wrap=True)
    if added is not None:
        _report(added)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A file or folder that you have.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a table made of another file.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Recognise a file that you have, and convert or copy it once and for all.

    Known are the official NAS-Bench-201 file, NATS-Bench's topology file or folder, the authors'
    accuracy table, the CIFAR-10 python archive, and a nasbench201.parquet.
    """
    from opscore import data

    with _progress(f"reading {file.name}", MofNCompleteColumn()) as progress:
        added = data.add(file, data_dir=data_dir, overwrite=overwrite, progress=progress)
    if as_json:
        print_json(asdict(added))
    else:
        _report(added)


def _report(added: Added) -> None:
    what = "" if added.n_architectures is None else f" ({added.n_architectures:,} architectures)"
    line = f"{added.kind} -> {added.path}{what}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)
    if added.columns:
        console.print(f"columns: {', '.join(added.columns)}", style="dim", highlight=False)
    if added.note:
        console.print(added.note, style="yellow", highlight=False, markup=False)


@contextmanager
def _progress(what: str, amount: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; silent when stderr is not a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(
        *columns,
        console=progress_console,
        transient=True,
        disable=not progress_console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
