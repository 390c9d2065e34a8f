"""The validation stage of one search: all candidates, by all workers, in a race if there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.experiments import ScoringContext
from opscore.progress import reach
from opscore.proxies import Proxy, get_proxy
from opscore.search.base import SearchTask
from opscore.search.race import level, looks, survivors
from opscore.search.validation import (
    first_minibatches,
    joined,
    minibatches_in,
    read_values,
    score_minibatches,
    write_values,
)
from opscore.spaces import State

#: Minibatches of one candidate that a worker scores in one call, and that are kept together. Few
#: enough that workers end at the same time and little is lost when a search is stopped; enough
#: that building the network does not count.
TOGETHER = 5


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
        found = self._task.each(_block, asked)
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
        sign = 1.0 if self._proxy.higher_is_better else -1.0
        values = [first_minibatches(self._values[place], count)["value"] for place in places]
        return np.stack([sign * value.to_numpy(dtype=np.float64) for value in values])


def _block(
    context: ScoringContext, proxy: str, candidate: State, numbers: range, weights: str
) -> pd.DataFrame:
    return score_minibatches(context, get_proxy(proxy), candidate, numbers, weights)
