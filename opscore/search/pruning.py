"""te-nas: a supernet pruned by trainability and expressivity (Chen et al. 2021).

From a supernet without 'none', every round removes one operation from every edge. Removing (e, o)
changes two numbers of the network, each a mean over fresh draws of its weights:

    dk = (k - k_(e,o)) / k,    dr = (r - r_(e,o)) / r

with k the condition number of the neural tangent kernel and r the number of linear regions. All
pairs are ranked, dk falling and dr rising, equal values sharing a rank; on each edge the operation
with the lowest sum of ranks goes: without it the network trains best and expresses most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.experiments.settings import place
from opscore.progress import reach, steps
from opscore.proxies import How, get_proxy
from opscore.proxies.linear_regions import count_regions
from opscore.proxies.score import refuse_passing
from opscore.rng import torch_generator
from opscore.runs.store import Pieces
from opscore.search.base import (
    METHODS,
    TRACE,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchTask,
)
from opscore.search.sampling import outcome
from opscore.settings import SearchSettings
from opscore.spaces import State
from opscore.supernets import SUPERNETS, Family, Size, StateNetwork, Supernet, build_supernet
from opscore.supernets.measure import one_thread

#: One operation of one edge.
Pair = tuple[int, int]


@dataclass(frozen=True)
class TENASSettings:
    """The original's own numbers for NAS-Bench-201.

    Attributes:
        repeats: draws of weights.
        images: images of the tangent kernel; fewer when the search's minibatch is smaller.
        size: of the supernet of the tangent kernel; the family's own reduced size when None.
        samples: inputs on which linear regions are counted, 1,000 at a time.
        digits: significant digits to which changes are rounded before they are ranked.
    """

    repeats: int = 3
    images: int = 72
    size: Size | None = None
    samples: int = 3000
    digits: int = 3


class TENAS(Method):
    """The original TE-NAS, on the reduced networks that it uses."""

    name = "te-nas"
    uses = ("batch_size", "images", "meaning", "dtype", "device")

    def __init__(self, settings: TENASSettings | None = None) -> None:
        self.settings = settings or TENASSettings()

    def key(self, settings: SearchSettings) -> dict[str, Any]:
        """Networks in another precision than float32 once computed in it all the same."""
        key = super().key(settings)
        return key if settings.dtype == "float32" else {**key, "steps": 2}

    @steps(1)
    def search(self, task: SearchTask) -> SearchOutcome:
        """Each round is a piece."""
        start = time.perf_counter()
        state = without_none(task.context.space.initial_state())
        keeps = state.space.keeps
        sizes = {edge: len(state.remaining(edge)) for edge in state.open_edges}
        rounds = max(size - keeps[edge] for edge, size in sizes.items())
        # States of each round: the whole, and one for each operation of each open edge.
        states = [
            1 + sum(size - done for edge, size in sizes.items() if size - done > keeps[edge])
            for done in range(rounds)
        ]
        passes, traces = 0, []
        images = min(self.settings.images, task.settings.minibatch)
        measure = _Measure(self.settings, task.context, images)
        for number in range(rounds):
            pairs = [(edge, op) for edge in state.open_edges for op in state.remaining(edge)]
            sums = _read(task.pieces, number, state, pairs)
            if sums is None:
                sums = measure.rank_sums(state, pairs, number)
                kept = pd.DataFrame({"score": sums}).assign(state=str(state))
                task.pieces.put(f"round-{number}", kept)
            passes += (1 + len(pairs)) * measure.passes
            pruned = prune(state, pairs, sums)
            traces.append(_trace(number, state, pruned, pairs, sums))
            state = pruned
            reach(sum(states[: number + 1]) / sum(states), f"round {number + 1}")
        perturbations = sum(len(trace) for trace in traces)
        cost = Cost(perturbations, passes, seconds=time.perf_counter() - start)
        found = outcome({state: math.nan}, state, cost)
        trace = pd.concat(traces, ignore_index=True).astype(TRACE)
        return SearchOutcome(state, found.candidates, trace, cost)


class _Measure:
    """Condition numbers and region counts of states, over repeated draws of weights."""

    def __init__(self, own: TENASSettings, context: ScoringContext, images: int) -> None:
        self.own = own
        self.context = context
        self.n_images = images
        #: Evaluations of a network on a minibatch, for one state.
        self.passes = own.repeats * (1 + -(-own.samples // 1000))

    @property
    def _family(self) -> Family:
        return SUPERNETS[self.context.settings.space]

    @cached_property
    def _sizes(self) -> tuple[Size, Size]:
        """Sizes for condition numbers and for regions."""
        smallest = self._family.sizes["smoke"]
        first, second = self._family.reduced or (smallest, smallest)
        return self.own.size or first, second

    def rank_sums(self, state: State, pairs: Sequence[Pair], number: int) -> list[float]:
        """The sum of ranks of each pair; the lowest of an edge is the one to prune."""
        from scipy.stats import rankdata

        states = [state, *(state.perturb(edge, op) for edge, op in pairs)]
        draws = range(self.own.repeats)
        with one_thread():
            k = np.mean([self._conditions(states, number, draw) for draw in draws], axis=0)
            r = np.mean([self._regions(states, number, draw) for draw in draws], axis=0)
        dk, dr = (relative_changes(values, self.own.digits) for values in (k, r))
        return [float(s) for s in rankdata(-dk, "dense") + rankdata(dr, "dense")]

    def _conditions(self, states: Sequence[State], number: int, draw: int) -> list[float]:
        """k of each state; infinite for a singular kernel."""
        context = self.context
        supernet = self._supernet(self._sizes[0], 3, "fan_out", number, draw)
        batch = context.images.minibatch(
            self.n_images, context.seed, "search", "te-nas", number, draw
        ).to(context.settings.device, supernet.alphas.dtype)
        weights = [supernet.weights(state, survivors="renormalized") for state in states]
        how = How(context.how.meaning)
        scores = get_proxy("ntk").scores_under(supernet, weights, batch, how)
        refuse_passing(TENAS.name, (score.status for score in scores))
        return [score.value if score.status == "ok" else math.inf for score in scores]

    def _regions(self, states: Sequence[State], number: int, draw: int) -> list[float]:
        """r of each state; one where no rectifier is left."""
        context = self.context
        supernet = self._supernet(self._sizes[1], 1, "fan_in", number, draw)
        purpose = ("search", "te-nas", number, draw)
        patches = context.images.patches(self.own.samples, context.seed, *purpose)
        inputs = patches.images.to(supernet.alphas)
        found = []
        for state in states:
            weights = supernet.weights(state, survivors="renormalized")
            body = self._family.body or StateNetwork
            cell = body(supernet, weights).train()
            try:
                found.append(float(count_regions(cell, inputs)))
            except ArithmeticError:
                found.append(1.0)
        return found

    def _supernet(self, size: Size, channels: int, mode: str, number: int, draw: int) -> Supernet:
        """A supernet with Kaiming-normal weights, the same for all states of a round."""
        context = self.context
        supernet = build_supernet(
            context.settings.space,
            size,
            seed=context.seed,
            in_channels=channels,
            n_classes=context.images.n_classes,
        )
        generator = torch_generator(context.seed, "search", "te-nas", mode, number, draw)
        for module in supernet.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                kaiming_normal(module.weight, mode, generator)
        return place(context.settings, supernet)


@torch.no_grad()
def kaiming_normal(weight: Tensor, mode: str, generator: torch.Generator) -> None:
    """N(0, 2 / fan) in place, fan by mode: 'fan_in' or 'fan_out'."""
    area = weight[0, 0].numel() if weight.ndim > 2 else 1
    fan = area * weight.shape[1 if mode == "fan_in" else 0]
    draw = torch.randn(weight.shape, generator=generator)
    weight.copy_(draw * math.sqrt(2 / fan))


def relative_changes(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """(v_0 - v_i) / v_0 of the values after the first, to so many significant digits.

    Minus infinity where v_i is infinite; zero where only v_0 is, for then nothing got worse that
    could be told apart.
    """
    first, rest = values[0], values[1:]
    if not math.isfinite(first):
        return np.where(np.isfinite(rest), 0.0, -np.inf)
    return np.array([float(f"{(first - value) / first:.{digits}g}") for value in rest])


def without_none(state: State) -> State:
    """A state without the operation 'none'."""
    for edge in state.open_edges:
        names = state.space.operations[edge]
        if "none" in names and names.index("none") in state.remaining(edge):
            none = names.index("none")
            state = state.prune(edge, none)
    return state


def prune(state: State, pairs: Sequence[Pair], sums: Sequence[float]) -> State:
    """The state without the operation of the lowest sum on every open edge, the first on ties.

    An edge that is decided stays as it is.
    """
    by_pair = dict(zip(pairs, sums, strict=True))
    pruned = state
    for edge in state.open_edges:
        weakest = min(state.remaining(edge), key=lambda op: by_pair[edge, op])
        pruned = pruned.prune(edge, weakest)
    return pruned


def _trace(
    number: int, state: State, pruned: State, pairs: Sequence[Pair], sums: Sequence[float]
) -> pd.DataFrame:
    rows = [
        {
            "proposal": 0,
            "step": number,
            "state": str(state),
            "edge": edge,
            "op": state.space.operations[edge][op],
            "score": score,
            "status": "ok",
            "pass": 1,
            "decided": edge not in pruned.open_edges and op in pruned.remaining(edge),
        }
        for (edge, op), score in zip(pairs, sums, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(TRACE))


def _read(pieces: Pieces, number: int, state: State, pairs: Sequence[Pair]) -> list[float] | None:
    frame = pieces.get(f"round-{number}", {"score": "float64", "state": "str"})
    if frame is None:
        return None
    if len(frame) != len(pairs) or set(frame["state"]) != {str(state)}:
        raise UserError(f"{pieces.folder} has round {number} of another run; delete that folder")
    return frame["score"].tolist()


METHODS.add(
    "te-nas",
    MethodFamily(lambda _: TENAS(), "pruning by tangent kernel and regions"),
    source="chen2021",
)
