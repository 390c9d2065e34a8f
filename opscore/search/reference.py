"""Ends of the scale: the best by a proxy of everything, the largest network, the true best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.policies import make_policy
from opscore.proxies import get_proxy
from opscore.search.base import METHODS, Cost, Method, MethodFamily, SearchOutcome, SearchTask
from opscore.search.perturbation import ZeroCostSearch
from opscore.search.sampling import ArchitectureScorer, ScoredMethod, outcome
from opscore.search.score_record import SCORED, SPACE, uses_record
from opscore.settings import SearchSettings
from opscore.spaces import SearchSpace, State, get_space
from opscore.supernets import SUPERNETS


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
                f"{self.name} reads the record of all architectures, which is of {SPACE} at "
                f"size paper with CIFAR-10 and has {', '.join(SCORED)}"
            )
        scorer = ArchitectureScorer(self.proxy.name, task)
        scorer(list(task.context.space.initial_state().completions()))
        return scorer.outcome(self.name)


class MaxParams(Method):
    """The architecture with the most parameters: on NAS-Bench-201 3x3 convolutions everywhere.

    Edge after edge takes the choice with which the stand-alone network has most, the first on
    ties, until none changes any more. Where edges do not depend on each other that is the largest
    network; where they do, one that no single change makes larger.
    """

    name = "max-params"
    uses = ("size",)
    seeded = False

    def search(self, task: SearchTask) -> SearchOutcome:
        """Parameters are counted without drawing any."""
        space = task.context.space
        choices = [count - 1 for count in space.choice_counts]
        before: list[int] = []
        while before != choices:
            before = list(choices)
            for edge, count in enumerate(space.choice_counts):
                changed = [[*choices[:edge], one, *choices[edge + 1 :]] for one in range(count)]
                choices = max(changed, key=lambda each: self._parameters(space, each, task))
        largest = space.architecture(choices)
        return outcome({largest: float("nan")}, largest, Cost())

    @staticmethod
    def _parameters(space: SearchSpace, choices: Sequence[int], task: SearchTask) -> int:
        architecture = space.architecture(choices)
        if not space.is_valid(architecture):
            return -1
        family = SUPERNETS[space.name]
        with torch.device("meta"):
            network = family.network(architecture, **family.arguments(task.settings.size))
        return sum(parameter.numel() for parameter in network.parameters())


class MaxParamsInputs(ZeroCostSearch):
    """The operation with the most parameters on every edge, inputs by Zero-Cost-PT.

    The authors' max-param: on DARTS sep_conv_5x5 everywhere (their space s6), whose networks all
    have the most parameters there are, whatever they read.
    """

    def __init__(self, proxy: str) -> None:
        super().__init__("max-params-inputs", "zc-pt", proxy)

    def check(self, settings: SearchSettings) -> None:
        """UserError also where all edges are decided in one stage."""
        super().check(settings)
        if len(get_space(settings.space).stages) == 1:
            raise UserError(
                f"{self.name} chooses inputs, and a network of {settings.space} has none to "
                "choose; its largest is what 'max-params' finds"
            )

    def start(self, context: ScoringContext) -> State:
        """The first stage is decided by the operations' own parameters.

        Edges with the same operations are decided as the first of them.
        """
        state, policy = context.space.initial_state(), make_policy("op-params", context)
        largest: dict[tuple[str, ...], int | tuple[int, ...]] = {}
        for edge in state.next_edges:
            offered = context.space.operations[edge]
            if offered not in largest:
                largest[offered] = policy.pick(state, edge, policy.scores(state, [edge])[edge])
            state = state.discretize(edge, largest[offered])
        return state


class Optimum(Method):
    """The best architecture, by mean accuracy over its trainings.

    A result shows the best one of each dataset; what the search itself returns is that of the
    truth's own dataset.
    """

    name = "optimum"
    uses = ("oracle",)
    seeded = False
    optimal = True

    def search(self, task: SearchTask) -> SearchOutcome:
        oracle = task.context.oracle
        best = dict(oracle.top(10))
        chosen = next(iter(best))
        return outcome(best, chosen, Cost(queries=oracle.n_places))


METHODS.add(
    "exhaustive",
    MethodFamily(Exhaustive, "the best by P of all architectures", check_argument=get_proxy),
)
METHODS.add(MaxParams.name, MethodFamily(lambda _: MaxParams(), "the largest network"))
METHODS.add(
    "max-params-inputs",
    MethodFamily(
        MaxParamsInputs,
        "the largest operations, inputs by zc-pt(P): the authors' max-param on DARTS",
        check_argument=get_proxy,
    ),
    source="xiang2023",
)
METHODS.add(Optimum.name, MethodFamily(lambda _: Optimum(), "the best there is, by the oracle"))
