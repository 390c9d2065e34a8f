"""What was heard of a computation, how fast it is, and how long the rest will take."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opscore.progress.base import Step


@dataclass
class _Loop:
    """The innermost loop of a unit, since it began."""

    since: float
    begin: float
    step: Step


@dataclass
class _Unit:
    """A unit that is being computed; a part of it, ``begin``, was there before."""

    since: float
    begin: float = 0.0
    share: float = 0.0
    where: str = ""
    loop: _Loop | None = None


#: Units that last less say nothing about other units: they looked something up.
_INSTANT = 0.5


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

    def planned(self, units: Sequence[str]) -> None:
        """These units are to come."""
        with self._lock:
            self._planned.update(units)

    def started(self, unit: str) -> None:
        """The unit is running now."""
        with self._lock:
            self._take(unit)
            self._running[unit] = _Unit(self._clock())

    def reached(self, unit: str, share: float, where: str, step: Step) -> None:
        """So much of the unit is done."""
        with self._lock:
            running = self._running.get(unit)
            if running is None:
                return
            loop = running.loop
            if loop is None:
                running.begin = share
            running.share, running.where = max(running.share, share), where
            if loop is None or step[1:] != loop.step[1:] or step.done < loop.step.done:
                running.loop = _Loop(self._clock(), step.done, step)
            else:
                loop.step = step

    def finished(self, unit: str, *, found: bool) -> None:
        """The unit is done."""
        with self._lock:
            running = self._running.pop(unit, None)
            if running is None:
                self._take(unit)
            elif not found:
                self._lasted.setdefault(_kind(unit), []).append(self._clock() - running.since)
            self.done += 1

    def stopped(self, unit: str) -> None:
        """The unit failed and does not run any more."""
        with self._lock:
            self._running.pop(unit, None)

    @property
    def total(self) -> int:
        """Units done, running and to come."""
        with self._lock:
            return self.done + len(self._running) + self._planned.total()

    @property
    def share(self) -> float:
        """Of all units, counting the parts of those that are running."""
        with self._lock:
            if not self.total:
                return 0.0
            return (self.done + sum(unit.share for unit in self._running.values())) / self.total

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._start

    def running(self) -> str:
        """The unit that is running, and how many more there are."""
        with self._lock:
            names = list(self._running)
        if not names:
            return ""
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

    def position(self) -> str:
        """Where the first running unit is: '37 of 150 states'; empty when it did not say."""
        with self._lock:
            unit = next((unit for unit in self._running.values() if unit.loop is not None), None)
            if unit is None or unit.loop is None:
                return ""
            step = unit.loop.step
            steps = f"{step.done:,.0f} of {step.total:,.0f} {step.what}" if step.what else ""
            return ", ".join(filter(None, (unit.where, steps)))

    def rate(self) -> str:
        """How fast the first running unit is: '2.1 states/s'; empty while it is not known."""
        with self._lock:
            loop = self._loop()
            if loop is None or loop.step.done <= loop.begin or not loop.step.what:
                return ""
            seconds = self._clock() - loop.since
            if seconds <= 0:
                return ""
            each = (loop.step.done - loop.begin) / seconds
            what = loop.step.what
            if each >= 0.1:
                return f"{each:,.1f} {what}/s"
            return f"{each * 60:,.1f} {what}/min"

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
            known = [seconds for seconds in lasting.values() if seconds >= _INSTANT]
            left = 0.0
            for name, unit in self._running.items():
                whole = lasting.get(_kind(name), _mean(known))
                if whole is None:
                    return None
                left += max(whole * (1 - unit.begin) - (now - unit.since), 0.0)
            for name, count in self._planned.items():
                whole = lasting.get(_kind(name), _mean(known))
                if whole is None:
                    return None
                left += whole * count
            return left / max(len(self._running), 1)

    def _loop(self) -> _Loop | None:
        return next((unit.loop for unit in self._running.values() if unit.loop is not None), None)

    def _take(self, unit: str) -> None:
        if self._planned[unit] > 1:
            self._planned[unit] -= 1
        else:
            del self._planned[unit]


def clock_text(seconds: float) -> str:
    """'0:07', '12:30', '1:02:03'."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kind(unit: str) -> str:
    return unit.partition(", seed ")[0]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
