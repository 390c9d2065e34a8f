"""shapley-zc: what an operation is worth on the way from all of them to one on each edge.

    shapley-zc(P): argmax_o  mean over orders pi of  S(before o leaves) - S(after)

An order pi lists the operations of all open edges, and they leave in that order; one that would
leave its edge empty stays, and that order says nothing of it. zc-pt and disc-zc are the two ends:
the first to leave does so from A_t, the last one from an edge with two. Orders are drawn from the
run's seed in antithetic pairs, each with its reverse (Castro et al. 2009; Mitchell et al. 2022).
With accuracy in the place of S it is Shapley-NAS (Xiao et al., CVPR 2022).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.policies.zero_cost import scores_of
from opscore.proxies import Proxy, Score, get_proxy
from opscore.proxies.score import OK
from opscore.rng import numpy_generator
from opscore.spaces import State

#: Orders of a score; half of them are the reverses of the others.
ORDERS = 8

#: An operation of an edge.
Place = tuple[int, int]


class ShapleyPolicy(Policy):
    """Mean over orders of what S loses when an operation leaves."""

    uses = frozenset({"supernet", "batch", "seed"})

    def __init__(self, proxy: Proxy, context: Context) -> None:
        self.name = f"shapley-zc({proxy.name})"
        self.proxy = proxy
        self.context = context

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """As the proxy's: what it loses is what the operation is worth."""
        return self.proxy.higher_is_better

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each edge; all open edges take part in the orders.

        Where a proxy fails on one of the states of an order, that step is left out; an operation
        without any step is a failure.
        """
        paths = [path(state, order) for order in antithetic_orders(state, self.context.seed)]
        states = list(dict.fromkeys(each for steps in paths for each, _ in steps))
        found = scores_of(self.proxy, self.context, states)
        known = dict(zip(states, found, strict=True))
        steps: dict[Place, list[float]] = defaultdict(list)
        failed: dict[Place, str] = {}
        for one in paths:
            for (before, _), (after, left) in pairwise(one):
                bad = next((known[s] for s in (before, after) if known[s].status != OK), None)
                if bad is None:
                    steps[left].append(known[before].value - known[after].value)
                else:
                    failed[left] = bad.status
        seconds = sum(score.seconds for score in found) / max(len(steps), 1)

        def score(place: Place) -> Score:
            if steps[place]:
                return Score.of(float(np.mean(steps[place])), seconds)
            return Score(math.nan, failed.get(place, "it left in none of the orders"), seconds)

        return {edge: [score((edge, op)) for op in state.remaining(edge)] for edge in edges}


def antithetic_orders(state: State, seed: int) -> list[list[Place]]:
    """:data:`ORDERS` orders of the operations of all open edges, each beside its reverse."""
    places = [(edge, op) for edge in state.open_edges for op in state.remaining(edge)]
    draw = numpy_generator(seed, "shapley", str(state))
    found = []
    for _ in range(ORDERS // 2):
        order = [places[index] for index in draw.permutation(len(places))]
        found += [order, order[::-1]]
    return found


def path(state: State, order: Sequence[Place]) -> list[tuple[State, Place]]:
    """The states on the way, each with the operation that has just left; the first has none."""
    found = [(state, (-1, -1))]
    for edge, op in order:
        before = found[-1][0]
        if len(before.remaining(edge)) > state.space.keeps[edge]:
            found.append((before.perturb(edge, op), (edge, op)))
    return found


def _build(context: Context, argument: str) -> Policy:
    return ShapleyPolicy(get_proxy(argument), context)


POLICIES.add(
    "shapley-zc",
    PolicyFamily(
        _build,
        ShapleyPolicy,
        f"what a zero-cost proxy loses with the operation, mean over {ORDERS} orders of removal",
        check_argument=get_proxy,
    ),
    source="xiao2022",
)
