"""What the commands share: options, consoles, progress, JSON, lists in text."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from opscore import rng
from opscore.data.files import try_to_write
from opscore.errors import Note, UserError
from opscore.settings import ArithmeticSettings, ImageSettings, SearchSettings, Settings
from opscore.typed import helps_of


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


DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help=helps_of(ImageSettings)["data_dir"].text)
]
DeviceOption = Annotated[
    str, typer.Option("--device", help=helps_of(ArithmeticSettings)["device"].text)
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress; nor is any shown with --json.")
]
LiveOption = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Compute now what is measured, with the settings below; without it what comes with "
        "the package is shown.",
    ),
]

#: Human-readable results go to stdout, everything about progress to stderr. Tables that go to a
#: file or a pipe are wide enough not to be cut.
console = Console(width=None if sys.stdout.isatty() else 120)
progress_console = Console(stderr=True)


def parse_lengths(text: str) -> tuple[int, ...]:
    """Numbers of edges from '1-4' or '1,3', each once; UserError for anything else."""
    ranges = rng.parse_ranges(text, "lengths")
    if any(last >= rng.MOST_SEEDS for _, last in ranges):
        raise UserError(f"bad lengths '{text}': {rng.MOST_SEEDS:,} or more edges")
    return tuple(dict.fromkeys(n for first, last in ranges for n in range(first, last + 1)))


def print_written(paths: Iterable[Path]) -> None:
    """The files that a command has written."""
    for path in paths:
        console.print(f"wrote {path}", highlight=False)


def say_if_no_truth(settings: Settings) -> None:
    """Say, before anything is computed, that nothing will be compared with a truth.

    UserError for settings that are wrong: that is all there is to say then.
    """
    from opscore.experiments.settings import no_truth, resolve
    from opscore.oracles import has_oracle
    from opscore.search import resolve_search

    if not settings.oracle.known or not has_oracle(settings.space, settings.oracle.source):
        with warnings.catch_warnings():  # the call that computes has the same notes
            warnings.simplefilter("ignore", Note)
            if isinstance(settings, SearchSettings):
                resolve_search(settings)
            else:
                resolve(settings)
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
