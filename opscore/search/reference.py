"""Ends of the scale: the best by a proxy of everything, the largest network, the true best."""

from __future__ import annotations

from typing import Any

from opscore.errors import UserError
from opscore.proxies import get_proxy
from opscore.search.architecture_scores import SCORED, every_architecture
from opscore.search.base import (
    METHODS,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchSettings,
    SearchTask,
)
from opscore.search.sampling import ScoredMethod, Scorer, outcome, strongest
from opscore.search.score_record import uses_record
from opscore.spaces import State
from opscore.supernets import build_network


class Exhaustive(ScoredMethod):
    """The best of all architectures by P, from the record: where more samples would lead."""

    family = "exhaustive"

    def key(self, settings: SearchSettings) -> dict[str, Any]:
        """Everything is scored, however many evaluations are allowed."""
        return self.piece_key(settings)

    def piece_key(self, settings: SearchSettings) -> dict[str, Any]:
        """See :meth:`Method.piece_key`."""
        key = super().key(settings)
        del key["evaluations"]
        return key

    def search(self, task: SearchTask) -> SearchOutcome:
        """UserError where there is no record to read."""
        if not uses_record(self.proxy.name, task.settings):
            raise UserError(
                f"{self.name} reads the record of all architectures, which is of nasbench201 at "
                f"size paper with CIFAR-10 and has {', '.join(SCORED)}"
            )
        scorer = Scorer(self.proxy.name, task)
        scorer(every_architecture())
        return outcome(scorer.scored, strongest(scorer.scored, self.name), scorer.cost)


class MaxParams(Method):
    """The architecture with the most parameters, each edge by itself: on NAS-Bench-201, 3x3
    convolutions everywhere. Parameters are counted without building or drawing anything else.
    """

    name = "max-params"
    uses = ("size",)
    seeded = False

    def search(self, task: SearchTask) -> SearchOutcome:
        """Edge by edge and stage by stage: keep what has the most parameters, the first on ties."""
        state = task.context.space.initial_state()
        while state.next_edges:
            edge = state.next_edges[0]
            kept = max(
                state.possible_choices(edge),
                key=lambda choice: self._parameters(state, edge, choice, task),
            )
            state = state.discretize(edge, state.space.choices[edge][kept])
        return outcome({state: float("nan")}, state, Cost())

    @staticmethod
    def _parameters(state: State, edge: int, choice: int, task: SearchTask) -> int:
        """Of the stand-alone network with this choice, and on open edges the first one."""
        first = [state.possible_choices(other)[0] for other in range(len(state.mask))]
        first[edge] = choice
        network = build_network(state.space.architecture(first), task.settings.size)
        return sum(parameter.numel() for parameter in network.parameters())


class Optimum(Method):
    """The oracle's best architecture, by mean accuracy over its trainings."""

    name = "optimum"
    uses = ("oracle",)
    seeded = False

    def search(self, task: SearchTask) -> SearchOutcome:
        oracle = task.context.oracle
        best = dict(oracle.top(10))
        chosen = next(iter(best))
        return outcome(best, chosen, Cost(queries=oracle.space.size - oracle.n_missing))


METHODS.add(
    "exhaustive",
    MethodFamily(Exhaustive, "the best by P of all architectures", check_argument=get_proxy),
)
METHODS.add(MaxParams.name, MethodFamily(lambda _: MaxParams(), "the largest network"))
METHODS.add(Optimum.name, MethodFamily(lambda _: Optimum(), "the best there is, by the oracle"))
