"""The validation stage: each candidate on its own, scored on V minibatches (section 4.1).

A candidate is built as a stand-alone network with fresh weights of its own, and its score is the
sum of the proxy's values over V minibatches, the same ones for every candidate. The largest sum
wins, or the smallest for a proxy of which smaller is better; ties go to the candidate that was
proposed first. A candidate whose proxy fails on a minibatch is left out, with the reason.

The weights are drawn once for all minibatches, as the authors do, or redrawn for each minibatch:
then the sum is over V draws of weights too, and no single draw decides between two candidates.

A combination such as tenas ranks candidates against each other: on each minibatch its proxies are
measured for every candidate, the candidates are ranked, and the combined ranks are summed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from opscore import schema
from opscore.experiments import ScoringContext
from opscore.experiments.settings import place as placed
from opscore.images import Batch
from opscore.progress import reach
from opscore.proxies import Combination, Proxy, get_proxy, may_pass
from opscore.proxies.score import OK
from opscore.rng import derive_seed
from opscore.runs.store import Pieces
from opscore.search.base import SearchTask
from opscore.search.race import level, looks, survivors
from opscore.spaces import State
from opscore.supernets import build_network

#: Status of a candidate that a race has dropped.
DROPPED = "dropped"

#: One row per minibatch and proxy of a candidate; a file holds one candidate's.
VALUES = {
    "batch": "int64",
    "proxy": "str",
    "value": "float64",
    "status": "str",
    "seconds": "float64",
}


#: Minibatches of one candidate that a worker scores in one call, and that are kept together. Few
#: enough that workers end at the same time and little is lost when a search is stopped; enough
#: that building the network does not count.
TOGETHER = 5


@dataclass(frozen=True)
class Verdict:
    """A candidate's total.

    Attributes:
        score: the sum over the candidate's minibatches; NaN when the proxy failed on one.
        status: 'ok'; 'dropped' when the candidate left a race; or the reason of the first failure.
        minibatches: how many the sum is over.
    """

    score: float
    status: str = OK
    minibatches: int = 0


def parts_of(proxy: Proxy) -> tuple[Proxy, ...]:
    """The proxies that are measured on a network: those of a combination, or the proxy itself."""
    return proxy.proxies if isinstance(proxy, Combination) else (proxy,)


def candidate_network(
    context: ScoringContext, architecture: State, draw: int | None = None
) -> nn.Module:
    """The stand-alone network of a candidate; its weights depend on the seed and on itself.

    draw: the number of the draw where weights are redrawn; None is the draw for all minibatches.
    """
    settings = context.settings
    name = architecture.space.format(architecture)
    purpose = (name,) if draw is None else (name, "draw", draw)
    network = build_network(
        architecture,
        settings.size,
        seed=derive_seed(context.seed, "search", "candidate", *purpose),
        n_classes=context.images.n_classes,
    )
    return placed(settings, network)


def validation_batch(context: ScoringContext, number: int) -> Batch:
    """The minibatch of this number."""
    return context.redrawn("search", "validation", number).batch


def score_minibatches(
    context: ScoringContext,
    proxy: Proxy | str,
    architecture: State,
    numbers: Sequence[int],
    weights: str = "once",
) -> pd.DataFrame:
    """Values of one candidate on the minibatches of these numbers, a frame with columns VALUES.

    They depend on the seed, the candidate and the number alone, not on what is scored with them.
    proxy: what is measured, or its name; the parts of a combination each by itself. weights: drawn
    'once' for all, or 'redrawn' for each.
    """
    parts = parts_of(get_proxy(proxy) if isinstance(proxy, str) else proxy)
    context.images  # noqa: B018 - loaded once, for all the draws
    network = candidate_network(context, architecture) if weights == "once" else None
    rows = []
    for number in numbers:
        drawn = network or candidate_network(context, architecture, number)
        batch = validation_batch(context, number)
        for part in parts:
            score = part.score_network(drawn, batch, context.how)
            rows.append((number, part.name, score.value, score.status, score.seconds))
    return schema.table(rows, VALUES)


def joined(known: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """A candidate's values with those of further minibatches after them."""
    return added if known.empty else pd.concat([known, added], ignore_index=True)


def minibatches_in(values: pd.DataFrame) -> int:
    """How many minibatches a candidate's values are of: 0, 1, 2, ... without gaps."""
    return 0 if values.empty else int(values["batch"].max()) + 1


def first_minibatches(values: pd.DataFrame, count: int) -> pd.DataFrame:
    """A candidate's values on its first minibatches."""
    return values[values["batch"] < count].reset_index(drop=True)


def total(proxy: Proxy, values: Sequence[pd.DataFrame]) -> list[Verdict]:
    """The candidates' sums over minibatches.

    values: for each candidate a frame with columns VALUES; those of a combination all of the same
    minibatches.
    """
    failures = [_first_failure(frame) for frame in values]
    usable = [frame for frame, status in zip(values, failures, strict=True) if status == OK]
    sums = iter(_sums(proxy, usable))
    return [
        Verdict(next(sums) if status == OK else math.nan, status, minibatches_in(frame))
        for status, frame in zip(failures, values, strict=True)
    ]


def best(proxy: Proxy, verdicts: Sequence[Verdict]) -> int | None:
    """The place of the winner, the first one on ties; None when every candidate failed.

    Candidates that were dropped have lost.
    """
    strengths = np.array([proxy.sign * v.score if v.status == OK else math.nan for v in verdicts])
    return None if np.isnan(strengths).all() else int(np.nanargmax(strengths))


def _sums(proxy: Proxy, values: Sequence[pd.DataFrame]) -> list[float]:
    if not values:
        return []
    if not isinstance(proxy, Combination):
        return [math.fsum(frame["value"]) for frame in values]
    names = [part.name for part in proxy.proxies]
    tables = [
        frame.pivot_table(index="batch", columns="proxy", values="value")[names].to_numpy()
        for frame in values
    ]
    signs = np.array([part.sign for part in proxy.proxies])
    strengths = np.stack(tables, axis=-1) * signs[:, None]  # minibatches, proxies, candidates
    combined = np.sum(
        [proxy.combine(strengths[number]) for number in range(len(strengths))], axis=0
    )
    return [float(value) for value in combined]


def _first_failure(frame: pd.DataFrame) -> str:
    failed = frame[frame["status"] != OK]
    if failed.empty:
        return OK
    number, status = failed[["batch", "status"]].iloc[0]
    return f"minibatch {number}: {status}"


def read_values(pieces: Pieces, architecture: State, weights: str) -> pd.DataFrame:
    """A candidate's finished minibatches, a frame with columns VALUES; empty when there are none.

    UserError when they are not what was written.
    """
    found = pieces.get(_name(architecture, weights), VALUES)
    return schema.table([], VALUES) if found is None else found


def write_values(pieces: Pieces, architecture: State, weights: str, values: pd.DataFrame) -> None:
    """Keep a candidate's finished minibatches, whole or not at all.

    Those before one whose failure may pass are kept, and the others computed again.
    """
    passing = values.loc[values["status"].map(may_pass), "batch"]
    kept = values if passing.empty else values[values["batch"] < passing.min()]
    pieces.put(_name(architecture, weights), kept)


def _name(architecture: State, weights: str) -> str:
    choices = "-".join(map(str, architecture.architecture_indices))
    return f"candidate-{choices}" + ("" if weights == "once" else f"-{weights}")


class ValidationStage:
    """The values of candidates on minibatches, known and computed.

    Args:
        task: the search; its settings say how many minibatches, which weights, and which race.
        proxy: what is measured.
        candidates: distinct architectures, in the order in which they were proposed.
        before: the share of the search's work that was done before this stage.
    """

    def __init__(
        self, task: SearchTask, proxy: Proxy, candidates: Sequence[State], before: float
    ) -> None:
        self._task = task
        self._proxy = proxy
        self._candidates = candidates
        self._before = before
        self._rounds = task.settings.validation
        self._weights = task.settings.validation_weights
        self._done = 0.0  # share of the minibatches that there would be without a race
        self._values = [read_values(task.pieces, each, self._weights) for each in candidates]

    def run(self) -> tuple[list[pd.DataFrame], set[int]]:
        """Score the candidates until the winner is known.

        Returns:
            The values of each candidate on the minibatches that count for it, frames with columns
            :data:`opscore.search.validation.VALUES`; and the places of those that stayed in the
            race, which have all the same minibatches.
        """
        racing = list(range(len(self._candidates)))
        counts = [self._rounds] * len(racing)
        confidence = self._task.settings.race
        error = 0.0 if confidence is None else level(confidence, self._rounds, len(racing))
        for count in [] if confidence is None else looks(self._rounds):
            self._complete(racing, count)
            stay = survivors(self._strengths(racing, count), self._rounds, error)
            left = [place for place, stays in zip(racing, stay, strict=True) if stays]
            for place in set(racing) - set(left) if len(left) > 1 else racing:
                counts[place] = count
            racing = left
            if len(racing) <= 1:
                break
        else:
            self._complete(racing, self._rounds)
        if self._done < 1:
            reach(1.0, "validation finished")
        values = zip(self._values, counts, strict=True)
        return [first_minibatches(frame, count) for frame, count in values], set(racing)

    def _complete(self, places: Sequence[int], count: int) -> None:
        """Compute what is missing of these candidates' first minibatches, and keep it."""
        blocks = [
            (place, range(start, min(start + TOGETHER, count)))
            for place in places
            for start in range(minibatches_in(self._values[place]), count, TOGETHER)
        ]
        blocks.sort(key=lambda block: block[1].start)
        asked = [
            (self._proxy.name, self._candidates[place], numbers, self._weights)
            for place, numbers in blocks
        ]
        done = sum(min(minibatches_in(v), self._rounds) for v in self._values)
        found = self._task.each(score_minibatches, asked)
        for (place, numbers), added in zip(blocks, found, strict=True):
            self._values[place] = joined(self._values[place], added)
            write_values(
                self._task.pieces, self._candidates[place], self._weights, self._values[place]
            )
            done += len(numbers)
            self._done = done / (self._rounds * len(self._candidates))
            share = self._before + (1 - self._before) * self._done
            reach(share, f"candidate {place}, minibatch {numbers[-1]}")

    def _strengths(self, places: Sequence[int], count: int) -> NDArray[np.float64]:
        """[candidates, minibatches], larger is better; NaN where the proxy failed."""
        values = [first_minibatches(self._values[place], count)["value"] for place in places]
        return np.stack([self._proxy.sign * value.to_numpy(dtype=np.float64) for value in values])
