"""Search by drawing architectures: one at random, or the best of many by a zero-cost proxy.

NASWOT (Mellor et al. 2021): draw n architectures with replacement, score each, keep the best. As
the authors of Zero-Cost-PT run it, the draws take the place of proposals, and validation scores
them: each is a network of its own with fresh weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from opscore import schema
from opscore.engine import CannotTraceError, tell
from opscore.errors import UserError
from opscore.experiments.evaluate import KeptValues
from opscore.progress import advance, steps
from opscore.proxies import How, Score, get_proxy, may_pass
from opscore.proxies.architectures import nwot_of_architectures
from opscore.proxies.score import OK, refuse_passing
from opscore.rng import numpy_generator
from opscore.runs.store import Pieces
from opscore.search.base import (
    CANDIDATES,
    METHODS,
    TRACE,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchTask,
)
from opscore.search.score_record import SPACE, record_hash, recorded_strengths, uses_record
from opscore.search.validation import score_minibatches, total
from opscore.settings import SearchSettings
from opscore.spaces import SearchSpace, State

#: Best architectures that a method's table of candidates keeps.
KEPT = 10

#: Status of a candidate without a strength; all of them where a method scores nothing.
NOT_SCORED = "not scored"

#: Architectures that are scored together, and then written.
TOGETHER = 50

#: What a score that is computed, not looked up, depends on.
COMPUTED = ("size", "batch_size", "images", "meaning", "dtype", "device")

#: Proxies that are counted from the architecture and run nothing.
COUNTED = ("params", "flops")


class ArchitectureScorer:
    """Strengths of architectures by one proxy, looked up or computed; larger is better.

    On the space of the record nwot is NASWOT's, looked up or not (scripts/architecture_scores.py),
    and every other proxy is measured on one-hot states of the context's supernet. On other spaces
    each architecture is a candidate on validation's first minibatch. What is computed is kept while
    the block of a scorer lasts, and when it ends.

    Attributes:
        scored: strength of every architecture that was asked for; NaN for a failure.
        failed: the reasons of failures that may pass.
        seconds: wall time that each of them took when it was computed; none where it is looked up.
    """

    def __init__(self, proxy: str, task: SearchTask) -> None:
        self.proxy = get_proxy(proxy)
        self.context = task.context
        self._task = task
        self.scored: dict[State, float] = {}
        self.failed: dict[State, str] = {}
        self.seconds: dict[State, float] = {}
        self._recorded = uses_record(self.proxy.name, task.settings)
        self._kept = KeptValues(self.proxy, Pieces() if self._recorded else task.pieces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.save()

    def outcome(self, method: str) -> SearchOutcome:
        """The strongest of all that were scored; UserError when none could be.

        OpscoreError where that is for a reason that may pass.
        """
        if all(map(math.isnan, self.scored.values())):
            refuse_passing(method, self.failed.values())
        chosen = strongest(self.scored, method)
        return outcome(self.scored, chosen, self.cost, self.failed)

    @property
    def cost(self) -> Cost:
        """Each different architecture is one network on one minibatch, looked up or not."""
        passes = 0 if self.proxy.name in COUNTED else len(self.scored)
        return Cost(forward_passes=passes, seconds=math.fsum(self.seconds.values()))

    def __call__(self, architectures: Sequence[State]) -> list[float]:
        """A strength for each architecture; equal ones are scored once."""
        architectures = [a.space.canonical(a) for a in architectures]
        missing = [a for a in dict.fromkeys(architectures) if a not in self.scored]
        if self._recorded:
            self.scored.update({a: self._table[a.architecture_indices] for a in missing})
        elif self.proxy.grouped:
            # A combination ranks what it is given against each other: all of it, at once.
            self._take(missing, self._compute(missing))
        else:
            self._find_or_compute({self.context.space.format(a): a for a in missing})
        return [self.scored[architecture] for architecture in architectures]

    @cached_property
    def _table(self) -> Mapping[tuple[int, ...], float]:
        return recorded_strengths(self.proxy.name, self.context.seed)

    def _find_or_compute(self, missing: Mapping[str, State]) -> None:
        known = [name for name in missing if name in self._kept]
        self._take([missing[name] for name in known], map(self._kept.score, known))
        todo = [name for name in missing if name not in self._kept]
        with steps(len(missing), "architectures", len(known)):
            for start in range(0, len(todo), TOGETHER):
                names = todo[start : start + TOGETHER]
                part = [missing[name] for name in names]
                scores = self._compute(part)
                for name, score in zip(names, scores, strict=True):
                    self._kept.add(name, score)
                self._take(part, scores)
                advance(len(part))

    def _take(self, architectures: Sequence[State], scores: Iterable[Score]) -> None:
        for state, score in zip(architectures, scores, strict=True):
            self.scored[state] = self.proxy.sign * score.value
            self.seconds[state] = 0.0 if math.isnan(score.seconds) else score.seconds
            if may_pass(score.status):
                self.failed[state] = score.status

    def _compute(self, architectures: Sequence[State]) -> list[Score]:
        start = time.perf_counter()
        scores = self._scores(architectures)
        each = (time.perf_counter() - start) / max(len(architectures), 1)
        return [replace(Score.of(s.value) if s.status == OK else s, seconds=each) for s in scores]

    def _scores(self, architectures: Sequence[State]) -> list[Score]:
        if stand_alone(self._task.settings):
            asked = [(self.proxy.name, architecture, (0,)) for architecture in architectures]
            found = total(self.proxy, list(self._task.each(score_minibatches, asked)))
            return [Score(verdict.score, verdict.status) for verdict in found]
        supernet, batch, how = self.context.supernet, self.context.batch, self.context.how
        if self.proxy.name == "nwot":
            try:
                values = nwot_of_architectures(supernet, architectures, batch.images)
                return [Score(value) for value in values]
            except CannotTraceError as error:
                tell(supernet, "forms", f"cannot be scored as many networks at once: {error}")
        return self.proxy.scores(supernet, architectures, batch, How(how.meaning))


class ScoredMethod(Method):
    """A method that compares architectures by a proxy P."""

    family: ClassVar[str]

    def __init__(self, proxy: str) -> None:
        self.proxy = get_proxy(proxy)
        self.name = f"{self.family}({self.proxy.name})"

    def key(self, settings: SearchSettings) -> dict[str, Any]:
        """The number of evaluations, and the record that was read or what computed scores."""
        key: dict[str, Any] = {"evaluations": settings.evaluations}
        if uses_record(self.proxy.name, settings):
            return key | {"record": record_hash()}
        key |= {name: getattr(settings, name) for name in COMPUTED}
        return key | ({"scored": "alone"} if stand_alone(settings) else {})

    def piece_key(self, settings: SearchSettings) -> dict[str, Any]:
        """Scores that were computed do not depend on how many are asked for."""
        key = self.key(settings)
        del key["evaluations"]
        return key


def stand_alone(settings: SearchSettings) -> bool:
    """Whether architectures are scored as networks of their own, not as states of one supernet.

    On the space of the record they are scored as the record's were.
    """
    return settings.space != SPACE


def reads_record(method: Method, settings: SearchSettings) -> bool:
    """Whether a method's scores are looked up in what the package ships."""
    return isinstance(method, ScoredMethod) and uses_record(method.proxy.name, settings)


class RandomArchitecture(Method):
    """One architecture, every one as likely as the others; nothing is looked at."""

    name = "random"

    def search(self, task: SearchTask) -> SearchOutcome:
        draw = numpy_generator(task.seed, "search", "random")
        (architecture,) = draw_architectures(task.context.space, 1, draw)
        return outcome({architecture: math.nan}, architecture, Cost())


class BestOfSample(ScoredMethod):
    """NASWOT: the best by P of so many architectures drawn with replacement.

    The draws are the same for every P, so that proxies are compared on the same samples.
    """

    family = "naswot"

    def search(self, task: SearchTask) -> SearchOutcome:
        """UserError when no architecture could be scored."""
        draw = numpy_generator(task.seed, "search", "naswot")
        drawn = draw_architectures(task.context.space, task.settings.evaluations, draw)
        with ArchitectureScorer(self.proxy.name, task) as scorer:
            scorer(drawn)
        return scorer.outcome(self.name)


def draw_architectures(space: SearchSpace, count: int, draw: np.random.Generator) -> list[State]:
    """So many valid architectures, uniform and with replacement."""
    found: list[State] = []
    counts = np.array(space.choice_counts)
    while len(found) < count:
        choices = draw.integers(counts, size=(count - len(found), len(counts)))
        states = (space.architecture([int(choice) for choice in row]) for row in choices)
        found += [state for state in states if space.is_valid(state)]
    return found


def strongest(strengths: Mapping[State, float], name: str) -> State:
    """The first architecture of the largest strength; UserError when none has a strength."""
    usable = {state: value for state, value in strengths.items() if not math.isnan(value)}
    if not usable:
        raise UserError(f"{name}: none of {len(strengths)} architectures could be scored")
    return max(usable, key=lambda state: usable[state])


def outcome(
    strengths: Mapping[State, float],
    chosen: State,
    cost: Cost,
    failed: Mapping[State, str] | None = None,
) -> SearchOutcome:
    """The result of a method without decisions on edges.

    The candidates are the :data:`KEPT` strongest, the chosen one first, and those that failed for a
    reason that may pass, which is their status.
    """
    reasons = failed or {}

    def place(state: State) -> tuple[bool, bool, float]:
        return state != chosen, math.isnan(strengths[state]), -strengths[state]

    rows = [
        {
            "architecture": state.space.format(state),
            "proposals": 1,
            "score": strengths[state],
            "status": reasons.get(state, NOT_SCORED) if math.isnan(strengths[state]) else OK,
            "chosen": state == chosen,
            "minibatches": pd.NA,
        }
        for state in dict.fromkeys([*sorted(strengths, key=place)[:KEPT], *reasons])
    ]
    return SearchOutcome(chosen, schema.table(rows, CANDIDATES), schema.table([], TRACE), cost)


METHODS.add(
    "random", MethodFamily(lambda _: RandomArchitecture(), "one architecture drawn uniformly")
)
METHODS.add(
    "naswot",
    MethodFamily(BestOfSample, "the best by P of random architectures", check_argument=get_proxy),
    source="mellor2021",
)
