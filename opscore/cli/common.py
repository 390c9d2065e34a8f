"""What the commands share: options, consoles, progress, JSON, lists in text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from opscore import schema
from opscore.errors import UserError

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder to look for data in, before $OPSCORE_DATA and ./data."),
]
SeedsOption = Annotated[str, typer.Option("--seeds", help="Run seeds, such as 0-3 or 0,2,5.")]
SizeOption = Annotated[str, typer.Option(help="Supernet size: paper, cpu or smoke.")]
BatchSizeOption = Annotated[int, typer.Option(help="Images in the minibatch.")]
ImagesOption = Annotated[
    str, typer.Option(help="cifar10, digits, noise; auto is the best there is.")
]
OracleSourceOption = Annotated[
    str,
    typer.Option(
        help="Which table is the truth; auto is the best there is, none does without a truth."
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress; nor is any shown with --json.")
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="cpu, cuda, cuda:1, ...; auto is a GPU if there is one.")
]
JobsOption = Annotated[int, typer.Option(help="Worker processes.")]
RunsOption = Annotated[Path, typer.Option(help="Folder of finished runs.")]
PoliciesOption = Annotated[
    str, typer.Option(help="Policies, as the paper names them, separated by commas.")
]
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


def parse_reduction(text: str) -> str | int:
    """How the oracle's training seeds are reduced: a name, or the index of one."""
    return int(text) if text.isdigit() else text


def parse_policies(text: str) -> list[str]:
    """Policy names from a comma-separated list; UserError when there is none."""
    from opscore.policies import split_names

    names = split_names(text)
    if not names:
        raise UserError("no policy was asked for; for instance --policies 'zc-pt(nwot)'")
    return names


def print_json(payload: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(schema.dumps(payload) + "\n")


def print_notes(notes: Iterable[str]) -> None:
    """What the numbers rest on, a line each in small print; brackets in them are no markup."""
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)


def print_written(paths: Iterable[Path]) -> None:
    """The files that a command has written."""
    for path in paths:
        console.print(f"wrote {path}", highlight=False)
