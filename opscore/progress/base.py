"""Saying how far a computation is.

The listener is the one thing that is not handed from call to call: it changes no number, and the
code that has something to say (a loop over states deep inside a proxy) has no other business with
the code that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Step(NamedTuple):
    """How far a loop is.

    Attributes:
        done: steps that are done.
        total: all of them.
        what: what they are, in the plural, such as 'states'; may be empty.
    """

    done: float
    total: float
    what: str


class Listener(Protocol):
    """Hears how far a computation is. Units are told apart by their names."""

    def planned(self, units: Sequence[str]) -> None:
        """These units will be found or computed, beside those that were planned before."""

    def started(self, unit: str) -> None:
        """The unit is being computed now."""

    def reached(self, unit: str, share: float, where: str, step: Step) -> None:
        """So much of the unit is done.

        Args:
            unit: the unit's name.
            share: of the whole unit, between 0 and 1; never less than before. The first time it is
                what was there before the unit was started.
            where: the steps of the outer loops, such as 'iteration 2 of 6'; may be empty.
            step: of the innermost loop.
        """

    def finished(self, unit: str, *, found: bool) -> None:
        """The unit is done; ``found`` when it was there already and cost nothing."""

    def stopped(self, unit: str) -> None:
        """The unit failed."""


class _Loop:
    """One of the loops that are running, one inside the other."""

    def __init__(self, total: float, what: str, done: float) -> None:
        self.total = total
        self.what = what
        self.done = done
        self.note = ""
        self.by_share = not what

    def __str__(self) -> str:
        if self.note or not self.what:
            return self.note
        number = min(self.done + 1, self.total)
        return f"{self.what.removesuffix('s')} {number:.0f} of {self.total:.0f}"


class _Running:
    """The unit that this thread is at, and the loops inside it."""

    def __init__(self, listener: Listener, name: str) -> None:
        self.listener = listener
        self.name = name
        self.loops: list[_Loop] = []
        self._share = 0.0

    def say(self) -> None:
        """Tell the listener; a loop inside another one fills one step of it."""
        share = 0.0
        for loop in reversed(self.loops):
            inside = 0.0 if loop.by_share else share
            share = min((loop.done + inside) / loop.total, 1.0) if loop.total > 0 else 0.0
        self._share = max(self._share, share)
        *outer, inner = self.loops
        where = ", ".join(filter(None, map(str, outer)))
        step = Step(inner.done, inner.total, inner.what)
        self.listener.reached(self.name, self._share, where, step)


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_decided: ContextVar[bool] = ContextVar("decided", default=False)
_outlined: ContextVar[bool] = ContextVar("outlined", default=False)
_running: ContextVar[_Running | None] = ContextVar("running", default=None)


def current() -> Listener | None:
    """The listener of this context; None when nobody listens."""
    return _listener.get()


def is_decided() -> bool:
    """Whether somebody said who listens here, which may be nobody."""
    return _decided.get()


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Everything computed inside is heard by this listener, or by nobody."""
    before, decided = _listener.set(listener), _decided.set(True)
    running = _running.set(None)
    try:
        yield
    finally:
        _running.reset(running)
        _decided.reset(decided)
        _listener.reset(before)


def label(name: str, seed: int | None) -> str:
    """The usual name of a unit; units that differ in nothing but the seed take about as long."""
    return name if seed is None else f"{name}, seed {seed}"


def plan(units: Sequence[str]) -> None:
    """Say which units will be found or computed next; inside a unit it says nothing."""
    listener = _listener.get()
    if listener is not None and _running.get() is None and not _outlined.get():
        listener.planned(units)


@contextmanager
def outline(units: Sequence[str]) -> Iterator[None]:
    """Plan the units of several run loops at once; what each of them plans inside is known."""
    plan(units)
    before = _outlined.set(True)
    try:
        yield
    finally:
        _outlined.reset(before)


def found(name: str) -> None:
    """Say that a unit was there already."""
    listener = _listener.get()
    if listener is not None and _running.get() is None:
        listener.finished(name, found=True)


@contextmanager
def unit(name: str) -> Iterator[None]:
    """Compute one unit; a unit within a unit is a part of the outer one and says nothing."""
    listener = _listener.get()
    if listener is None or _running.get() is not None:
        yield
        return
    before = _running.set(_Running(listener, name))
    listener.started(name)
    try:
        yield
    except BaseException:
        listener.stopped(name)
        raise
    finally:
        _running.reset(before)
    listener.finished(name, found=False)


@contextmanager
def steps(total: float, what: str = "", done: float = 0.0) -> Iterator[None]:
    """A loop of so many steps, one of them done with each :func:`advance`.

    ``done`` steps were done before, by a run that was stopped. Without ``what`` only :func:`reach`
    moves the loop, and loops inside it do not.
    """
    running = _running.get()
    if running is None:
        yield
        return
    running.loops.append(_Loop(total, what, done))
    try:
        running.say()
        yield
    finally:
        running.loops.pop()


def advance(count: float = 1) -> None:
    """So many more steps of the innermost loop are done."""
    running = _running.get()
    if running is not None and running.loops:
        loop = running.loops[-1]
        loop.done = min(loop.done + count, loop.total)
        running.say()


def reach(share: float, note: str) -> None:
    """Of the outermost loop so large a share is done, and this was its last piece.

    For work that knows its share better than its number of steps.
    """
    running = _running.get()
    if running is not None and running.loops:
        loop = running.loops[0]
        loop.done, loop.note = share * loop.total, note
        running.say()


def each(items: Sequence[T], what: str = "") -> Iterator[T]:
    """The items one after the other, each of them a step."""
    with steps(len(items), what):
        for item in items:
            yield item
            advance()
