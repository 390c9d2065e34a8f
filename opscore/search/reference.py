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
from opscore.spaces import NASBENCH201


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
    """The architecture with the most parameters: 3x3 convolutions on every edge."""

    name = "max-params"
    uses = ("size",)
    seeded = False

    def search(self, task: SearchTask) -> SearchOutcome:
        """UserError for a space whose operations are not known."""
        if task.settings.space != NASBENCH201.name:
            raise UserError(f"max-params knows nasbench201, not {task.settings.space}")
        largest = NASBENCH201.architecture(["nor_conv_3x3"] * len(NASBENCH201.edges))
        return outcome({largest: float("nan")}, largest, Cost())


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
