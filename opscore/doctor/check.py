"""A finding, and keeping one of whatever goes wrong while something is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from opscore.errors import UserError

#: 'missing' is what may be there and is not; 'problem' alone keeps the main job from running.
Status = Literal["ok", "missing", "warning", "problem"]

#: One row per finding (:func:`table_of`).
CHECKS = {
    "area": "str",  # versions, threads, devices, folders, data, main job
    "name": "str",  # what was looked at
    "status": "str",  # ok, missing, warning, problem
    "detail": "str",  # what was found
    "remedy": "str",  # what to do about it; '' where nothing is to be done
}


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Attributes:
        area: what the thing belongs to.
        name: the thing.
        status: see :data:`Status`.
        detail: what was found.
        remedy: what to do about it; '' where nothing is to be done.
    """

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""


def can_run(checks: Iterable[Check]) -> bool:
    """Whether the main job can run: no finding is a problem."""
    return all(check.status != "problem" for check in checks)


def table_of(checks: Sequence[Check]) -> pd.DataFrame:
    """One row for each finding (columns: :data:`CHECKS`)."""
    rows = [asdict(check) for check in checks]
    return pd.DataFrame(rows, columns=list(CHECKS)).astype(CHECKS)


def guarded(area: str, name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """What ``look`` finds; an error that it stumbles over is a problem, and ends it."""
    try:
        yield from look()
    except UserError as error:
        yield Check(area, name, "problem", str(error))
    except Exception as error:  # whatever is broken here is what is looked for
        text = " ".join(f"{type(error).__name__}: {error}".split())
        yield Check(area, name, "problem", text)
