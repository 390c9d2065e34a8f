"""What was heard of a computation, how fast it is, and how long the rest will take."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opscore.progress.base import Event

#: Units that last less say nothing about other units: they looked something up.
_INSTANT = 0.5


@dataclass
class _Unit:
    """A unit that is being computed since some time; a part of it, ``begin``, was there before."""

    since: float
    begin: float = 0.0
    at: Event | None = None

    @property
    def share(self) -> float:
        return 0.0 if self.at is None else self.at.share


class Tally:
    """A listener that counts; safe to ask from another thread.

    Units whose names differ in the seed only are taken to last equally long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._start = clock()
        self._planned: Counter[str] = Counter()  # by name: how often it is still to come
        self._running: dict[str, _Unit] = {}
        self._lasted: dict[str, list[float]] = {}  # by kind
        self.done = 0

    def __call__(self, event: Event) -> None:
        """Take in what was said."""
        with self._lock:
            now, name = self._clock(), event.unit
            if event.kind == "planned":
                self._planned[name] += 1
                if event.share:
                    self._lasted.setdefault(_kind(name), [0.0])
            elif event.kind == "started":
                self._planned -= Counter([name])
                self._running[name] = _Unit(now)
            elif event.kind == "found":
                self._planned -= Counter([name])
                self.done += 1
            elif (unit := self._running.get(name)) is None:
                return
            elif event.kind == "reached":
                unit.begin = event.share if unit.at is None else unit.begin
                unit.at = event
            else:
                del self._running[name]
                if event.kind == "finished":
                    self._lasted.setdefault(_kind(name), []).append(now - unit.since)
                    self.done += 1

    @property
    def total(self) -> int:
        """Units done, running and to come."""
        with self._lock:
            return self.done + len(self._running) + self._planned.total()

    @property
    def share(self) -> float:
        """Of all units, counting the parts of those that are running."""
        with self._lock:
            done = self.done + sum(unit.share for unit in self._running.values())
            return done / self.total if self.total else 0.0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._start

    def running(self) -> str:
        """The unit that is running, and how many more there are."""
        with self._lock:
            names = list(self._running)
        return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)

    def position(self) -> str:
        """Where the first running unit is: '37 of 150 states'; empty when it did not say."""
        with self._lock:
            at = next((unit.at for unit in self._running.values() if unit.at is not None), None)
        if at is None:
            return ""
        steps = f"{at.done:,.0f} of {at.total:,.0f} {at.what}" if at.what else ""
        return ", ".join(filter(None, (at.where, steps)))

    def seconds_left(self) -> float | None:
        """An estimate; None while nothing is known that it could rest on."""
        with self._lock:
            if not self.total:
                return None
            now = self._clock()
            lasting = {kind: sum(times) / len(times) for kind, times in self._lasted.items()}
            for name, unit in self._running.items():
                if unit.share > unit.begin:
                    lasting[_kind(name)] = (now - unit.since) / (unit.share - unit.begin)
            usual = _mean([seconds for seconds in lasting.values() if seconds >= _INSTANT])
            left = 0.0
            for name, count in self._planned.items():
                whole = lasting.get(_kind(name), usual)
                if whole is None:
                    return None
                left += whole * count
            for name, unit in self._running.items():
                whole = lasting.get(_kind(name), usual)
                if whole is None:
                    return None
                left += max(whole * (1 - unit.begin) - (now - unit.since), 0.0)
            return left / max(len(self._running), 1)


def clock_text(seconds: float) -> str:
    """'0:07', '12:30', '1:02:03'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kind(unit: str) -> str:
    return unit.partition(", seed ")[0]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
