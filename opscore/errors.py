"""The one exception family that a user is meant to read: a line, never a traceback."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable


class OpscoreError(Exception):
    """Base of the errors this package raises on purpose."""


class UserError(OpscoreError, ValueError):
    """Bad input. The message is one line: what was wrong, what is allowed, what is nearest.

    The command line prints it and exits with code 2.
    """


class Note(UserWarning):
    """What a user should know although nothing is wrong; the command line prints it as a line."""


def note(message: str) -> None:
    """Say something to the user that is no error, as a warning of the kind :class:`Note`."""
    warnings.warn(message, Note, stacklevel=3)


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """A UserError for a name that is not known, which lists the near ones, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} '{name}'; {hint}")
