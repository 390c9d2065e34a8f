"""Saying how far a computation is.

The listener is the one thing that is not handed from call to call: it changes no number, and the
code that has something to say (a loop over states deep inside a proxy) has no other business with
the code that shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Event(NamedTuple):
    """Something that a computation says.

    Attributes:
        kind: 'planned', 'found' (it was there already), 'started', 'reached', 'finished' or
            'stopped' (it failed).
        unit: the name of the unit; units are told apart by their names.
        share: of the whole unit that is done, between 0 and 1; never less than before. The first
            time it is what was there before the unit was started. Of a planned unit 1 where it
            takes no time to speak of.
        where: the steps of the outer loops, such as 'iteration 2 of 6', or the piece of
            :func:`reach`; may be empty.
        done: steps of the innermost loop that are done.
        total: all of them.
        what: what they are, in the plural, such as 'states'; may be empty.
    """

    kind: str
    unit: str
    share: float = 0.0
    where: str = ""
    done: float = 0.0
    total: float = 0.0
    what: str = ""


#: Hears what a computation says. What it raises stops a computation of this process; one of
#: workers goes on unheard.
Listener = Callable[[Event], object]


@dataclass
class _Loop:
    """One of the loops that are running, one inside the other."""

    total: float
    what: str
    done: float
    note: str = ""

    def __str__(self) -> str:
        if self.note or not self.what:
            return self.note
        number = min(self.done + 1, self.total)
        return f"{self.what.removesuffix('s')} {number:.0f} of {self.total:.0f}"

    def share(self, inside: float) -> float:
        """The share that is done, when so much of the step is that it is at."""
        done = self.done + (inside if self.what else 0.0)
        return min(done / self.total, 1.0) if self.total > 0 else 0.0


@dataclass
class _Unit:
    """The unit that this thread is at, and the loops inside it."""

    listener: Listener
    name: str
    loops: list[_Loop] = field(default_factory=list)
    share: float = 0.0

    def say(self) -> None:
        """Tell the listener; a loop inside another one fills one step of it."""
        share = 0.0
        for loop in reversed(self.loops):
            share = loop.share(share)
        self.share = max(self.share, share)
        *outer, inner = self.loops
        where = ", ".join(filter(None, [*map(str, outer), inner.note]))
        steps = (inner.done, inner.total, inner.what)
        self.listener(Event("reached", self.name, self.share, where, *steps))


@dataclass(frozen=True)
class _Context:
    """Who listens here, which may be nobody, and to what."""

    listener: Listener | None
    outlined: bool = False
    unit: _Unit | None = None

    def say(self, kind: str, unit: str, share: float = 0.0) -> None:
        """Tell the listener of a unit; one within a unit is a part of it and says nothing."""
        if self.listener is not None and self.unit is None:
            self.listener(Event(kind, unit, share))


_UNDECIDED = _Context(None)
_context: ContextVar[_Context] = ContextVar("progress", default=_UNDECIDED)


def current() -> Listener | None:
    """The listener of this context; None when nobody listens."""
    return _context.get().listener


def is_decided() -> bool:
    """Whether somebody said who listens here, which may be nobody."""
    return _context.get() is not _UNDECIDED


@contextmanager
def _inside(context: _Context) -> Iterator[None]:
    before = _context.set(context)
    try:
        yield
    finally:
        _context.reset(before)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Everything computed inside is heard by this listener, or by nobody."""
    with _inside(_Context(listener)):
        yield


def label(name: str, seed: int | None) -> str:
    """The usual name of a unit; units that differ in nothing but the seed take about as long."""
    return name if seed is None else f"{name}, seed {seed}"


def plan(units: Sequence[str], light: Collection[str] = ()) -> None:
    """Say which units will be found or computed next; inside a unit it says nothing.

    light: those of them that take no time to speak of.
    """
    context = _context.get()
    if not context.outlined:
        for name in units:
            context.say("planned", name, 1.0 if name in light else 0.0)


@contextmanager
def outline(units: Sequence[str]) -> Iterator[None]:
    """Plan the units of several run loops at once; what each of them plans inside is known."""
    plan(units)
    context = _context.get()
    with _inside(replace(context, outlined=True) if is_decided() else context):
        yield


def found(name: str) -> None:
    """Say that a unit was there already."""
    _context.get().say("found", name)


@contextmanager
def unit(name: str) -> Iterator[None]:
    """Compute one unit; a unit within a unit is a part of the outer one and says nothing."""
    context = _context.get()
    if context.listener is None or context.unit is not None:
        yield
        return
    context.say("started", name)
    try:
        with _inside(replace(context, unit=_Unit(context.listener, name))):
            yield
    except BaseException:
        context.say("stopped", name)
        raise
    context.say("finished", name)


@contextmanager
def steps(total: float, what: str = "", done: float = 0.0) -> Iterator[None]:
    """A loop of so many steps, one of them done with each :func:`advance`.

    ``done`` steps were done before, by a run that was stopped. Without ``what`` only :func:`reach`
    moves the loop, and loops inside it do not.
    """
    running = _context.get().unit
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
    running = _context.get().unit
    if running is not None and running.loops:
        loop = running.loops[-1]
        loop.done = min(loop.done + count, loop.total)
        running.say()


def reach(share: float, note: str) -> None:
    """Of the outermost loop so large a share is done, and this was its last piece.

    For work that knows its share better than its number of steps.
    """
    running = _context.get().unit
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
