"""Regularised (aging) evolution (Real et al. 2019), by a zero-cost proxy or by true accuracy.

A population of P architectures is drawn. Then, until the evaluations are used up, S members are
drawn with replacement, the best of them is copied with one edge's operation changed, the child is
scored and joins, and the oldest member leaves. The best architecture ever scored is returned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from opscore.errors import UserError
from opscore.progress import reach, steps
from opscore.proxies import get_proxy
from opscore.rng import numpy_generator
from opscore.search.base import METHODS, Cost, Method, MethodFamily, SearchOutcome, SearchTask
from opscore.search.sampling import (
    TOGETHER,
    ArchitectureScorer,
    ScoredMethod,
    draw_architectures,
    outcome,
    strongest,
)
from opscore.spaces import State

#: A strength for each architecture, larger is better.
Fitness = Callable[[Sequence[State]], list[float]]


@dataclass(frozen=True)
class AgingEvolution:
    """The algorithm's own settings; those of Ying et al. 2019 for a tabular benchmark.

    Attributes:
        population: members alive at any time.
        tournament: members that compete to be the parent.
    """

    population: int = 50
    tournament: int = 10

    def run(
        self, start: Sequence[State], fitness: Fitness, children: int, draw: np.random.Generator
    ) -> None:
        """Let so many children be born from a first population; ``fitness`` sees them all.

        A member without a fitness never wins a tournament with one that has it.
        """
        alive = deque(zip(start, fitness(start), strict=True), maxlen=self.population)
        for born in range(1, children + 1):
            places = draw.integers(len(alive), size=self.tournament)
            parent = max((alive[int(place)] for place in places), key=_usable)[0]
            child = mutate(parent, draw)
            alive.append((child, fitness([child])[0]))  # a full population loses its oldest
            if born % TOGETHER == 0:
                seen = len(start) + born
                reach(seen / (len(start) + children), str(seen))


def mutate(architecture: State, draw: np.random.Generator) -> State:
    """A valid architecture with another choice on one edge, each edge as likely as the others."""
    space, counts = architecture.space, architecture.space.choice_counts
    edges = [edge for edge, count in enumerate(counts) if count > 1]
    while True:
        choices = list(architecture.architecture_indices)
        edge = edges[int(draw.integers(len(edges)))]
        choices[edge] = (choices[edge] + int(draw.integers(1, counts[edge]))) % counts[edge]
        child = space.architecture(choices)
        if space.is_valid(child):
            return child


def _usable(member: tuple[State, float]) -> float:
    return -np.inf if np.isnan(member[1]) else member[1]


class ProxyEvolution(ScoredMethod):
    """Zero-Cost-EVO: fitness is a zero-cost proxy of the whole architecture."""

    family = "evolution"

    def search(self, task: SearchTask) -> SearchOutcome:
        """UserError when no architecture could be scored, or the proxy only ranks candidates."""
        if self.proxy.grouped:
            raise UserError(f"{self.proxy.name} ranks candidates; evolution needs a value of each")
        with ArchitectureScorer(self.proxy.name, task) as scorer:
            evolve(scorer, task)
        return scorer.outcome(self.name)


class AccuracyEvolution(Method):
    """Fitness is the oracle's accuracy: what a search that trains every architecture would find."""

    name = "regularized-evolution"
    uses = ("evaluations", "oracle")

    def search(self, task: SearchTask) -> SearchOutcome:
        asked: dict[State, float] = {}

        def fitness(architectures: Sequence[State]) -> list[float]:
            architectures = [a.space.canonical(a) for a in architectures]
            for architecture in architectures:
                if architecture not in asked:
                    asked[architecture] = task.context.oracle.accuracy(architecture)
            return [asked[architecture] for architecture in architectures]

        evolve(fitness, task)
        return outcome(asked, strongest(asked, self.name), Cost(queries=len(asked)))


@steps(1)
def evolve(fitness: Fitness, task: SearchTask) -> None:
    """Aging evolution over ``settings.evaluations`` architectures, repeats included."""
    evolution, evaluations = AgingEvolution(), task.settings.evaluations
    draw = numpy_generator(task.seed, "search", "evolution")
    first = min(evolution.population, evaluations)
    start = draw_architectures(task.context.space, first, draw)
    evolution.run(start, fitness, evaluations - first, draw)


METHODS.add(
    "evolution",
    MethodFamily(ProxyEvolution, "aging evolution by P (Zero-Cost-EVO)", check_argument=get_proxy),
    source="real2019",
)
METHODS.add(
    AccuracyEvolution.name,
    MethodFamily(lambda _: AccuracyEvolution(), "aging evolution by the oracle's accuracy"),
    source="real2019",
)
