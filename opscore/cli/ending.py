"""How a command ends: an exit code, and one line on stderr where something went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

import typer

from opscore.data.files import REFUSALS, reason_of
from opscore.errors import OpscoreError, UserError

#: Exit code for bad input.
BAD_INPUT = 2

#: Exit code of a command whose input was right, and that could not be done all the same.
FAILED = 1

#: Exit code of a command that was interrupted.
INTERRUPTED = 130

#: Typer may carry its own copy of click, so its base error is found through a class it shows.
_CLICK_ERRORS: tuple[type[BaseException], ...] = tuple(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)

#: Words of errors about what a command no longer takes, and what to use now.
_GONE = {
    ("batch", "--out"): "the run store is named by --runs",
    ("batch", "--backend"): "workers are processes of this machine, --jobs; on several: --shard",
    ("report", "extra argument"): "the run store is named by --runs",
    ("runs", "'diff'"): "compare what 'opscore runs export' gives of each store",
}

_MEMORY = "there is not enough memory; use a smaller --batch-size, --image-size or --size"


def ended(command: Callable[[], object]) -> int:
    """Run a command and say in one line why it could not be done; returns its exit code.

    What is no error of the input, the system or the memory is raised: it is a fault of this
    package.
    """
    try:
        code = command()
        sys.stdout.flush()  # here a full disk is an error of the command; later, of nobody
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        found = _explained(error)
        if found is None:
            raise
        message, code = found
        if message.strip():  # there is none after a help text
            sys.stderr.write(f"opscore: {' '.join(message.split())}\n")
    if code == INTERRUPTED:  # typer makes it of an interrupt
        sys.stderr.write("stopped; what was finished is kept: the same command goes on from it\n")
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> tuple[str, int] | None:
    """What is said of an error, and the exit code; None for a fault of this package."""
    if isinstance(error, UserError):
        return str(error), BAD_INPUT
    if isinstance(error, _CLICK_ERRORS):
        told = error.format_message() if hasattr(error, "format_message") else str(error)
        command = getattr(getattr(error, "ctx", None), "info_name", None)
        now = [hint for (name, word), hint in _GONE.items() if name == command and word in told]
        return "; ".join([told.rstrip(".") if now else told, *now]), BAD_INPUT
    if isinstance(error, typer.Abort):
        return "the input ended early, where an answer was expected", BAD_INPUT
    if isinstance(error, OpscoreError):
        return str(error), FAILED
    if isinstance(error, OSError):
        return _why(error), FAILED
    return (_MEMORY, FAILED) if ran_out_of_memory(error) else None


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch has a class for GPUs' only."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return "DefaultCPUAllocator" in str(error)


def _why(error: OSError) -> str:
    """An error of the system, with the file that it is about.

    Nothing where who reads the output has read enough, as head does: that is no error.
    """
    if error.filename is not None:
        return f"{error.filename}: {reason_of(error)}"
    _leave_stdout()
    if isinstance(error, BrokenPipeError):
        return ""
    return f"cannot write: {reason_of(error)}" if error.errno in REFUSALS else reason_of(error)


def _leave_stdout() -> None:
    """What is still to be written to stdout goes nowhere, so that the interpreter ends quietly."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
