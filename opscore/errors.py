"""The one exception family that a user is meant to read: a line, never a traceback."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T", bound=str)


class OpscoreError(Exception):
    """Base of the errors this package raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the line that the command line prints."""
        return [f"{type(self).__name__}: {self}"]


class UserError(OpscoreError, ValueError):
    """Bad input. The message is one line: what was wrong, what is allowed, what is nearest.

    The command line prints it and exits with code 2.
    """

    def __init__(self, message: object = "") -> None:
        # It may quote what somebody typed or a file holds, line breaks and all.
        text = str(message)
        if not text.isprintable():
            text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        super().__init__(text)


class WriteError(OpscoreError, OSError):
    """A file cannot be written: the disk is full, or the system does not allow it.

    The message is one line with the file's name; the command line exits with code 1.
    """

    def __init__(self, number: int | None, reason: str | None, path: str) -> None:
        super().__init__(number, reason, path)

    def __str__(self) -> str:
        return f"cannot write {self.filename}: {self.strerror}"


class Note(UserWarning):
    """What a user should know although nothing is wrong; the command line prints it as a line."""


def note(message: str) -> None:
    """Say something to the user that is no error, as a warning of the kind :class:`Note`."""
    warnings.warn(message, Note, stacklevel=3)


def in_a_line(error: BaseException) -> str:
    """An error of somebody else's code on one line: its kind, and what it says if anything."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def whole_number(value: object, what: str, least: int | None = None) -> int:
    """A number as the int it is, whatever type it came in: 1, np.int64(1) and 1.0 are one number.

    UserError when it is no whole number, or below ``least``; True and False are none.
    """
    try:
        found = int(value)  # type: ignore[call-overload]
        whole = bool(found == value) and type(value).__name__ not in {"bool", "bool_"}
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise UserError(f"{what} is a whole number, got {value!r}")
    if least is not None and found < least:
        raise UserError(f"{what} is {least} or more, got {found}")
    return int(found)


_kept: ContextVar[list[str] | None] = ContextVar("kept", default=None)


@contextmanager
def keeping_notes() -> Iterator[list[str]]:
    """A block; gives the notes for the record that are made in it, each once.

    A block around it gets them too.
    """
    found: list[str] = []
    token = _kept.set(found)
    try:
        yield found
    finally:
        _kept.reset(token)
        for message in found:
            note_for_record(message)


def note_for_record(message: str) -> None:
    """What the record of a result has to say of how its numbers were made."""
    found = _kept.get()
    if found is not None and message not in found:
        found.append(message)


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """A UserError for a name that is not known, which lists the near ones, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} '{name}'; {hint}")


def one_of(kind: str, name: str, known: Iterable[T]) -> T:
    """The known name that a text is; a UserError as :func:`unknown` says where it is none."""
    names = list(known)
    for each in names:
        if name == each:
            return each
    raise unknown(kind, name, names)
