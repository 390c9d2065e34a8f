"""How a command shows its answer: in one of several forms, into a folder, with an exit code."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from opscore.answers import FORMS, Answer, render
from opscore.answers.look import Look, looking
from opscore.answers.text import show
from opscore.cli.common import QuietOption, console, print_written, writable
from opscore.cli.options import grouped, parameter, signed
from opscore.errors import UserError, unknown
from opscore.progress import shown

FormOption = Annotated[
    str,
    typer.Option("--format", help=f"{', '.join(FORMS)}; all but text print nothing else."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout: short for --format json.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for tables (Parquet, CSV) and figures.", callback=writable),
]

StyleOption = Annotated[
    str,
    typer.Option(help="Of figures: paper (8 pt at print size), screen, or talk, with larger type."),
]
WidthOption = Annotated[str, typer.Option(help="Of figures: column or page.")]
FiguresOption = Annotated[
    str, typer.Option("--figures", help="What figures are written as: png, pdf, svg, with commas.")
]

#: How the figures of an answer look that is written into a folder.
_LOOK = (
    ("style", StyleOption, "paper"),
    ("width", WidthOption, "page"),
    ("figures", FiguresOption, "png,pdf"),
)


def answering(
    *, saves: bool = False, out: Path | None = None, formats: bool = True, doing: str = ""
) -> Callable[[Callable[..., Answer | None]], Callable[..., None]]:
    """A command that returns an answer, with the options for what becomes of it.

    The answer is saved and printed, and what went wrong with it said; then the exit code is 1.

    Args:
        saves: whether answers can be written into a folder.
        out: the folder where none is named; None writes nothing then.
        formats: whether there is ``--format``: not where answers have no tables, nor where the
            command has an option of that name.
        doing: what it computes, whose progress is shown; then there is ``--quiet``.
    """

    def decorate(command: Callable[..., Answer | None]) -> Callable[..., None]:
        asking = grouped(command)

        @wraps(asking)
        def run(
            *, form: str = "text", as_json: bool = False, out: Path | None = None, **given: Any
        ) -> None:
            form = _form(form, as_json)
            look = _look(*(given.pop(name) for name, _, _ in _LOOK)) if saves else Look()
            given |= {} if saves or not own_out else {"out": out}
            quiet = given.pop("quiet", False) or form == "json"
            with shown(doing, quiet=quiet) if doing else nullcontext():
                answer = asking(**given)
            # A group of commands answers nothing itself where one of them is called.
            if answer is not None:
                with looking(look):
                    present(answer, form, out if saves else None)

        own = inspect.signature(asking)
        own_out = "out" in own.parameters
        options: list[tuple[str, Any, Any]] = [
            *([("out", FolderOption, out), *_LOOK] if saves else []),
            *([("quiet", QuietOption, False)] if doing else []),
            *([("form", FormOption, "text")] if formats else []),
            ("as_json", JsonOption, False),
        ]
        return signed(run, [*own.parameters.values(), *(parameter(*each) for each in options)])

    return decorate


def _look(style: str, width: str, figures: str) -> Look:
    """How figures are to look; UserError for a name that is unknown."""
    return Look(style, width, tuple(name for part in figures.split(",") if (name := part.strip())))


def _form(form: str, as_json: bool) -> str:
    """The form that is asked for in one way or the other."""
    if form not in FORMS:
        raise unknown("format", form, FORMS)
    if as_json and form not in ("text", "json"):
        raise UserError(f"--json and --format {form} ask for two forms; give one of them")
    return "json" if as_json else form


def present(answer: Answer, form: str, out: Path | None = None) -> None:
    """Write an answer into a folder, print it, and say what went wrong with it."""
    written = [] if out is None else answer.save(out)
    if form == "text":
        show(answer, console)
        print_written(written)
    else:
        sys.stdout.write(render(answer, form))
    if (why := answer.trouble()) is not None:
        sys.stderr.write(f"opscore: {why}\n" if why else "")
        raise typer.Exit(1)
