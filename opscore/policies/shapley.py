"""What an operation is worth on the way from all of them to one on each edge.

    shapley-zc(P):                argmax_o  mean over orders pi of  S(before o leaves) - S(after)
    shapley-acc(reduce=mean):     the same with a trained supernet's accuracy in the place of S
    shapley-acc(reduce=mean-std): minus the standard deviation over orders

An order pi lists the operations of all open edges, and they leave in that order; one that would
leave its edge empty stays, and that order says nothing of it. zc-pt and disc-zc are the two ends:
the first to leave does so from A_t, the last one from an edge with two. Orders are drawn from the
run's seed in antithetic pairs, each with its reverse (Castro et al. 2009; Mitchell et al. 2022);
the scatter over pairs gives the standard error of a mean.

shapley-acc is the score of Shapley-NAS (Xiao et al., CVPR 2022, mean-std), where an order is broken
off once less than half of the accuracy is left, and who has not left by then loses nothing. There
it is computed again in every epoch and moves the architecture parameters, by ten orders that end
with no operation at all, each on images of its own; here it is read once from the trained supernet,
from :data:`ORDERS` orders that leave one on each edge, on the same images.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from opscore.errors import UserError
from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.policies.trained import accuracy_of
from opscore.policies.zero_cost import ProxyPolicy, scores_of
from opscore.proxies import Score, get_proxy
from opscore.proxies.score import OK, may_pass
from opscore.rng import numpy_generator
from opscore.spaces import State

#: Orders of a score; half of them are the reverses of the others.
ORDERS = 8

#: An order of shapley-acc is broken off below this share of the accuracy of all operations.
LEAST = 0.5

#: What is made of the losses in accuracy over the orders.
REDUCTIONS = ("mean", "mean-std")

#: An operation of an edge.
Place = tuple[int, int]

#: What S loses when an operation leaves, by the number of the order.
Losses = dict[Place, dict[int, float]]


def reduction_of(argument: str) -> str:
    """What 'reduce=mean' or 'reduce=mean-std' says; UserError for anything else."""
    name, _, reduction = argument.partition("=")
    if name != "reduce" or reduction not in REDUCTIONS:
        known = " or ".join(f"'shapley-acc(reduce={each})'" for each in REDUCTIONS)
        raise UserError(f"the form is {known}; got 'shapley-acc({argument})'")
    return reduction


@register_policy(
    "shapley-zc",
    summary="what a zero-cost proxy loses with the operation, mean over "
    f"{ORDERS} orders of removal",
    check_argument=get_proxy,
    source="xiao2022",
)
class ShapleyPolicy(ProxyPolicy):
    """Mean over orders of what S loses when an operation leaves."""

    uses = frozenset({*ProxyPolicy.uses, "draws"})

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each edge; all open edges take part in the orders.

        Where a proxy fails on one of the states of an order, that step is left out; an operation
        without any step is a failure, and so is one with a failure that may pass.
        """
        paths = [path(state, order) for order in antithetic_orders(state, self.context.seed)]
        states = list(dict.fromkeys(each for steps in paths for each, _ in steps))
        found = scores_of(self.proxy, self.context, states)
        known = dict(zip(states, found, strict=True))
        losses: Losses = defaultdict(dict)
        failed: dict[Place, str] = {}
        for order, one in enumerate(paths):
            for (before, _), (after, left) in pairwise(one):
                step = Score.together(
                    known[before].value - known[after].value, [known[before], known[after]]
                )
                if step.status == OK:
                    losses[left][order] = step.value
                elif not may_pass(failed.get(left, OK)):
                    failed[left] = step.status
        return _scores(state, edges, losses, sum(score.seconds for score in found), failed)


@register_policy(
    "shapley-acc",
    summary=f"what a trained supernet's accuracy loses with the operation, over {ORDERS} orders",
    check_argument=reduction_of,
    argument="reduce=mean|mean-std",
    source="xiao2022",
)
class ShapleyAccuracyPolicy(Policy):
    """Mean over orders of what the trained supernet's accuracy loses when an operation leaves."""

    uses = frozenset({"trained", "seed", "draws"})
    higher_is_better = True

    def __init__(self, context: Context, argument: str) -> None:
        self.reduction = reduction_of(argument)
        self.context = context

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of each edge, in percent accuracy; all open edges take part in the orders."""
        supernet = self.context.trained_supernet
        start = time.perf_counter()
        whole = accuracy_of(self.context, supernet, state)
        losses: Losses = defaultdict(dict)
        for order, places in enumerate(antithetic_orders(state, self.context.seed)):
            before = whole
            for after, left in path(state, places)[1:]:
                losses[left][order] = 0.0
                if before >= LEAST * whole:
                    now = accuracy_of(self.context, supernet, after)
                    losses[left][order] = before - now
                    before = now
        seconds = time.perf_counter() - start
        return _scores(state, edges, losses, seconds, reduction=self.reduction)


def _scores(
    state: State,
    edges: Sequence[int],
    losses: Losses,
    seconds: float,
    failed: Mapping[Place, str] | None = None,
    reduction: str = "mean",
) -> EdgeScores:
    """A score for each operation, with its standard error where it is a mean."""
    each = seconds / max(len(losses), 1)

    def score(place: Place) -> Score:
        own = losses.get(place, {})
        why = (failed or {}).get(place, "it left in none of the orders")
        if not own or may_pass(why):
            return Score(math.nan, why, each)
        values = list(own.values())
        if reduction == "mean-std":
            return Score.of(float(np.mean(values) - np.std(values)), each)
        return replace(Score.of(float(np.mean(values)), each), error=standard_error(own))

    return {edge: [score((edge, op)) for op in state.remaining(edge)] for edge in edges}


def standard_error(losses: Mapping[int, float]) -> float:
    """Of a mean over antithetic orders: an order and its reverse are one draw; NaN for one pair."""
    pairs: dict[int, list[float]] = defaultdict(list)
    for order, value in losses.items():
        pairs[order // 2].append(value)
    means = [np.mean(values) for values in pairs.values()]
    return float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.nan


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
