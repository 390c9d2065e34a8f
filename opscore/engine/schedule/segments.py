"""The steps of a state, cut where little lies between what is done and what is to do.

Images do not see each other, so they go through the network in pieces that fit the cache, and from
one narrow place to the next. There the pieces are put together, and cut anew to the
resolution that follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from opscore.engine.schedule.steps import Step, last_uses, ordered

#: A segment has at least so many steps, and at most so many where a wider place will do.
SHORTEST, LONGEST = 4, 150

#: The most steps that may lie across a narrow place.
WIDEST = 3


@dataclass
class Segment:
    """Steps that a piece of the batch goes through together.

    Attributes:
        steps: in order.
        sources: what they read that others computed.
        outputs: what others read.
    """

    steps: list[Step]
    sources: list[Step] = field(default_factory=list)
    outputs: list[Step] = field(default_factory=list)

    @cached_property
    def last(self) -> dict[Step, int]:
        """The place of the last step that reads each."""
        return last_uses(self.steps)

    @cached_property
    def viewed(self) -> set[Step]:
        """What others may be views of: what is computed of them may share their memory."""
        return {source for step in self.steps if step.kind == "call" for source in step.inputs}


@dataclass
class Schedule:
    """How a state is computed from what earlier ones left.

    Attributes:
        steps: in order.
        counted: rectified values whose signs are counted here.
        keep: what must be there afterwards, for states that follow.
    """

    steps: list[Step]
    counted: set[Step]
    keep: set[Step] = field(default_factory=set)

    @cached_property
    def sources(self) -> set[Step]:
        """What is read but not computed."""
        made = set(self.steps)
        return {source for step in self.steps for source in step.inputs if source not in made}

    @cached_property
    def last(self) -> dict[Step, int]:
        """The place of the last step that reads each."""
        return last_uses(self.steps)

    def segments(self) -> list[Segment]:
        """The steps from one narrow place to the next."""
        widths = self._widths()
        for width in range(1, WIDEST + 1):
            parts = self._cut(widths, width)
            if max(map(len, parts), default=0) <= LONGEST:
                break
        place, found = 0, []
        for steps in parts:
            place += len(steps)
            made = set(steps)
            read = dict.fromkeys(s for step in steps for s in step.inputs if s not in made)
            outputs = [s for s in steps if self.last.get(s, -1) >= place or s in self.keep]
            found.append(Segment(steps, list(read), outputs))
        return found

    def _widths(self) -> list[int]:
        """How many outputs are still to be read after each step."""
        alive = set(self.sources)
        widths = []
        for place, step in enumerate(self.steps):
            alive.add(step)
            alive = {s for s in alive if self.last.get(s, -1) > place}
            widths.append(len(alive))
        return widths

    def _cut(self, widths: Sequence[int], width: int) -> list[list[Step]]:
        found: list[list[Step]] = [[]]
        for step, here in zip(self.steps, widths, strict=True):
            found[-1].append(step)
            if here <= width and len(found[-1]) >= SHORTEST:
                found.append([])
        return [part for part in found if part]


def schedules(states: Iterable[Sequence[Step]]) -> list[Schedule]:
    """How each of several states is computed after the one before it.

    states: for each the rectified values whose signs count.
    """
    found: list[Schedule] = []
    known: set[Step] = set()
    counted: set[Step] = set()
    for wanted in states:
        whole = set(ordered(wanted))
        new = [step for step in wanted if step not in counted]
        # What was computed and not counted is computed again, to count it.
        found.append(Schedule(ordered(new, (known & whole).difference(new)), set(new)))
        known, counted = whole, set(wanted)
    later: set[Step] = set()
    for before, schedule in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        later = later.difference(schedule.steps) | schedule.sources
        before.keep = set(later)
    return found
