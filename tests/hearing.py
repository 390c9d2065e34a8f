"""Hearing what a computation says, and stopping it where it says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from opscore import progress
from opscore.progress import Event


@contextmanager
def heard() -> Iterator[list[Event]]:
    """What is said inside, as one unit."""
    events: list[Event] = []
    with progress.listening(events.append), progress.unit("heard"):
        yield events


@contextmanager
def stopped_at(what: str, done: int, where: str = "") -> Iterator[None]:
    """KeyboardInterrupt when so many of these steps are done, in these outer steps."""

    def stop(event: Event) -> None:
        if (event.what, event.done) == (what, done) and event.where.startswith(where):
            raise KeyboardInterrupt

    with progress.listening(stop), progress.unit("stopped"):
        yield


def steps_done(events: list[Event], what: str) -> list[Event]:
    """The events that say that one more of these steps is done."""
    return [
        event
        for before, event in pairwise(e for e in events if e.what == what)
        if event.where == before.where and event.done == before.done + 1
    ]
