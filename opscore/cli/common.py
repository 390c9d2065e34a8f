"""What the commands share: options, consoles, progress, JSON, lists in text."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console

from opscore import rng, schema
from opscore.data.files import try_to_write
from opscore.errors import Note, UserError

if TYPE_CHECKING:
    from opscore.experiments import ScoringSettings
    from opscore.search import SearchSettings


def writable(folder: Path | None) -> Path | None:
    """The folder, when files can be written there; UserError before anything is computed, if not.

    Nothing is left behind.
    """
    if folder is None:
        return None
    try:
        try_to_write(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write into the folder {folder}: {reason}") from None
    return folder


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
FinishedOption = Annotated[
    str,
    typer.Option(
        help="Runs that were tried before: only-missing computes those without a result, always "
        "computes all again, never leaves failed ones too, only-cache computes nothing."
    ),
]
RetriesOption = Annotated[
    int, typer.Option(help="How often a run that failed is tried again at once.")
]
RunsOption = Annotated[Path, typer.Option(help="Folder of finished runs.", callback=writable)]
PoliciesOption = Annotated[
    str, typer.Option(help="Policies, as the paper names them, separated by commas.")
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for tables (Parquet, CSV) and figures.", callback=writable),
]

#: Human-readable results go to stdout, everything about progress to stderr. Tables that go to a
#: file or a pipe are wide enough not to be cut.
console = Console(width=None if sys.stdout.isatty() else 120)
progress_console = Console(stderr=True)


#: Seeds from a text such as '0-3', for commands.
parse_seeds = rng.parse_seeds


def parse_lengths(text: str) -> tuple[int, ...]:
    """Numbers of edges from '1-4' or '1,3', each once; UserError for anything else."""
    ranges = rng.parse_ranges(text, "lengths")
    if any(last >= rng.MOST_SEEDS for _, last in ranges):
        raise UserError(f"bad lengths '{text}': {rng.MOST_SEEDS:,} or more edges")
    return tuple(dict.fromkeys(n for first, last in ranges for n in range(first, last + 1)))


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


def say_if_no_truth(settings: ScoringSettings | SearchSettings) -> None:
    """Say, before anything is computed, that nothing will be compared with a truth.

    UserError for settings that are wrong: that is all there is to say then.
    """
    from opscore.experiments.settings import no_truth
    from opscore.oracles import NO_TRUTH, has_oracle

    if settings.oracle.source == NO_TRUTH or not has_oracle(settings.space):
        with warnings.catch_warnings():  # the call that computes has the same notes
            warnings.simplefilter("ignore", Note)
            settings.resolved()
        progress_console.print(
            f"no truth: {no_truth(settings.space)}; error, rank and correlations with it stay "
            "empty",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )


@contextmanager
def notes_as_lines() -> Iterator[None]:
    """Notes are lines on stderr that begin as messages do; other warnings stay as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Note)
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, Note):
                sys.stderr.write(f"opscore: {' '.join(str(message).split())}\n")
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
