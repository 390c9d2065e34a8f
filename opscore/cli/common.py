"""What the commands share: options, consoles, progress, JSON."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from opscore import schema
from opscore.errors import UserError

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder to look for data in, before $OPSCORE_DATA and ./data."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="cpu, cuda, cuda:1, ...; auto is a GPU if there is one.")
]
SeedsOption = Annotated[str, typer.Option("--seeds", help="Run seeds, such as 0-3 or 0,2,5.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for tables (Parquet, CSV) and figures.")
]

#: Human-readable results go to stdout, everything about progress to stderr. Tables that go to a
#: file or a pipe are wide enough not to be cut.
console = Console(width=None if sys.stdout.isatty() else 120)
progress_console = Console(stderr=True)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from '0-3', '0,2,5' or a mixture; UserError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if match is None:
            raise UserError(f"bad seeds '{text}'; the form is 0-3 or 0,2,5")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"bad seeds '{text}': {first}-{last} runs backwards")
        seeds.extend(range(first, last + 1))
    return tuple(dict.fromkeys(seeds))


def print_json(payload: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(schema.dumps(payload) + "\n")


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Progress]:
    """A progress bar on stderr with one task; silent when stderr is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns,
        console=progress_console,
        transient=True,
        disable=not progress_console.is_terminal,
    ) as progress:
        progress.add_task(what, total=total)
        yield progress
