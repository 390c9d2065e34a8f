"""Eq. 1 and 2 with a zero-cost proxy in the place of accuracy.

    best-zc(P)     max over the completions of A_t + (e, o) of S
    avg-zc(P)      their mean
    median-zc(P)   their median

Where such a policy fails, the proxy is wrong about architectures; where it does better than zc-pt
and disc-zc of the same proxy, it is operation scoring that loses what the proxy knows. S is that of
the supernet discretized to one operation on each edge. Where a state has more than
:data:`SAMPLES` completions so many are drawn from the run's seed, each operation of an edge
equally often, and the same ones for all edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import numpy as np

from opscore.policies.base import POLICIES, Context, EdgeScores, PolicyFamily
from opscore.policies.zero_cost import ProxyPolicy, scores_of
from opscore.proxies import Score, get_proxy
from opscore.proxies.score import OK, passing_failure
from opscore.rng import numpy_generator
from opscore.spaces import State

#: The most completions of a state that are scored.
SAMPLES = 500

#: What is made of the scores of the completions, by the family's name.
REDUCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "best-zc": max,
    "avg-zc": lambda values: float(np.mean(values)),
    "median-zc": lambda values: float(np.median(values)),
}


class CompletionPolicy(ProxyPolicy):
    """A proxy's best, mean or median over the completions that have an operation."""

    uses = frozenset({*ProxyPolicy.uses, "draws"})

    def __init__(self, family: str, context: Context, proxy: str) -> None:
        super().__init__(context, proxy)
        self._reduce = REDUCTIONS[family]

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """One number for each remaining operation, from the same completions for all of them."""
        completions = drawn_completions(state, self.context.seed)
        found = scores_of(self.proxy, self.context, completions)
        scored = list(zip(completions, found, strict=True))
        return {
            edge: [
                self._reduced([score for each, score in scored if op in each.remaining(edge)])
                for op in state.remaining(edge)
            ]
            for edge in edges
        }

    def _reduced(self, scores: list[Score]) -> Score:
        """Failed completions are left out; all of them failed, or none drawn, is a failure.

        So is one that failed for a reason that may pass.
        """
        known = [score.value for score in scores if score.status == OK]
        seconds = sum(score.seconds for score in scores)
        passing = passing_failure(score.status for score in scores)
        if known and passing is None:
            best = self._reduce if self.higher_is_better else _turned(self._reduce)
            return Score.of(best(known), seconds)
        why = scores[0].status if scores else f"none of {SAMPLES} completions drawn has it"
        return Score(math.nan, passing or why, seconds)


def drawn_completions(state: State, seed: int) -> list[State]:
    """All completions of a state, or :data:`SAMPLES` of them, each operation equally often."""
    if state.n_completions <= SAMPLES:
        return [each for each in state.completions() if state.space.is_valid(each)]
    draw = numpy_generator(seed, "completions", str(state))
    columns = []
    for edge in range(len(state.space.edges)):
        choices = state.possible_choices(edge)
        rounds = math.ceil(SAMPLES / len(choices))
        columns.append(np.concatenate([draw.permutation(len(choices)) for _ in range(rounds)]))
    rows = zip(*columns, strict=False)
    found = [
        state.space.architecture(
            [state.possible_choices(edge)[place] for edge, place in enumerate(row)]
        )
        for row in islice(rows, SAMPLES)
    ]
    return [each for each in found if state.space.is_valid(each)]


def _turned(reduce: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], float]:
    """The same for a proxy whose smaller values are better."""
    return lambda values: -reduce([-value for value in values])


for _family, _what in (("best-zc", "best"), ("avg-zc", "mean"), ("median-zc", "median")):
    POLICIES.add(
        _family,
        PolicyFamily(
            partial(CompletionPolicy, _family),
            CompletionPolicy,
            f"{_what} of a zero-cost proxy over the completions of the discretized model",
            check_argument=get_proxy,
        ),
    )
