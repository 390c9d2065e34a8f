"""What scoring one state gives: a number, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opscore.errors import OpscoreError

OK = "ok"

#: What the status of a failure says that may pass: the same may succeed the next time.
_OF_THE_MOMENT = (
    "OutOfMemoryError", "MemoryError", "OSError", "PermissionError", "TimeoutError",
    "out of memory", "can't allocate memory", "CUDA error", "No space left",
)  # fmt: skip


def may_pass(status: str) -> bool:
    """Whether a failure may be of the moment, such as memory that ran out: it is no result."""
    return status != OK and any(words in status for words in _OF_THE_MOMENT)


def passing_failure(statuses: Iterable[str]) -> str | None:
    """The first failure that may pass: what is made of the other scores alone is no result."""
    return next(filter(may_pass, statuses), None)


def refuse_passing(what: str, statuses: Iterable[str]) -> None:
    """OpscoreError, so that it is tried again, where one of these failures may pass."""
    reason = passing_failure(statuses)
    if reason is not None:
        raise OpscoreError(f"{what}: {reason}")


def failed_now(statuses: Iterable[str]) -> str | None:
    """A line where scores failed for a reason that may pass; None where none did."""
    every = list(statuses)
    failed = [status for status in every if may_pass(status)]
    if not failed:
        return None
    return (
        f"{len(failed)} of {len(every)} rows failed for a reason that may pass ({failed[0]}); "
        "their runs are not kept as finished: the same command tries again"
    )


@dataclass(frozen=True)
class Score:
    """One number, or the reason why there is none.

    Attributes:
        value: the number; NaN unless ``status`` is 'ok'.
        status: 'ok', or what went wrong.
        seconds: wall time spent on it.
        error: standard error of the number, where what it is a mean of tells; NaN elsewhere.
    """

    value: float
    status: str = OK
    seconds: float = math.nan
    error: float = math.nan

    @classmethod
    def of(cls, value: float, seconds: float = math.nan, undefined: str = "") -> Score:
        """A score of this value; a NaN or an infinity is a failure, never a number.

        undefined: what an infinite value or NaN means, for the status.
        """
        if math.isfinite(value):
            return cls(float(value), OK, seconds)
        why = f": {undefined}" if undefined else ""
        return cls(math.nan, f"not finite ({value}){why}", seconds)

    @classmethod
    def together(cls, value: float, parts: Sequence[Score]) -> Score:
        """A number made of several scores; the first failure among these is its own."""
        seconds = sum(part.seconds for part in parts)
        bad = next((part for part in parts if part.status != OK), None)
        return cls.of(value, seconds) if bad is None else cls(math.nan, bad.status, seconds)
