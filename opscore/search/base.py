"""What a search method is: settings in, an architecture with everything that led to it out."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar, get_args

import pandas as pd

from opscore.errors import UserError, note, whole_number
from opscore.experiments import ScoringContext
from opscore.experiments.settings import no_truth, resolve
from opscore.registry import Registry, look_up
from opscore.runs.store import Pieces
from opscore.runs.workers import in_workers
from opscore.search.race import check_race
from opscore.settings import SearchSettings
from opscore.spaces import State
from opscore.typed import types_of

R = TypeVar("R")

_CHOICES = types_of(SearchSettings)

#: Edge orders of section 4.2, defined in orders.py.
ORDERS: tuple[str, ...] = get_args(_CHOICES["order"])

#: How often a candidate's weights are drawn in validation.
WEIGHTS: tuple[str, ...] = get_args(_CHOICES["validation_weights"])

#: 'paper' orders edges as section 4.2 defines it, 'authors' as their code does.
ORDER_MEANINGS: tuple[str, ...] = get_args(_CHOICES["orders"])

#: One row per candidate architecture that a method considered at its end.
CANDIDATES = {
    "architecture": "str",  # the benchmark's own string
    "proposals": "int64",  # how many proposals ended on it
    "score": "float64",  # what the final choice compared; missing when nothing was compared
    "status": "str",  # 'ok'; 'dropped' by a race; or why there is no score
    "chosen": "bool",
    "minibatches": "Int64",  # that the score is the sum of; missing where it is not a sum
}

#: One row per operation that was looked at on the way.
TRACE = {
    "proposal": "int64",
    "step": "int64",  # decisions taken before this one in the proposal
    "state": "str",  # A_t that was scored
    "edge": "int64",
    "op": "str",
    "score": "float64",
    "status": "str",
    "pass": "int64",  # 0: scores that found the edge; 1: scores of that edge alone, to decide it
    "decided": "bool",  # this operation was kept on this edge at this step
}


def resolve_search(settings: SearchSettings) -> SearchSettings:
    """The same settings with every 'auto' decided and every name checked.

    A method that does not fit these settings is left out with a note, when others do.
    Raises UserError for the first thing that is wrong.
    """
    if not settings.methods:
        raise UserError("no search method was asked for; for instance 'zero-cost-pt(nwot)'")
    for method in settings.methods:
        find_method(method)
    check_race(settings.race)
    for name, least in (("proposals", 1), ("validation", 0), ("evaluations", 1)):
        whole_number(getattr(settings, name), name, least)
    return _of_fitting_methods(resolve(settings))


def _of_fitting_methods(settings: SearchSettings) -> SearchSettings:
    """Settings without methods they are not for; UserError when they are for none."""
    unfit: dict[str, UserError] = {}
    for method in settings.methods:
        try:
            find_method(method).check(settings)
        except UserError as error:
            unfit[method] = error
    if len(unfit) == len(settings.methods):
        raise next(iter(unfit.values()))
    for method, reason in unfit.items():
        note(f"{method} is left out: {reason}")
    return replace(settings, methods=tuple(m for m in settings.methods if m not in unfit))


@dataclass(frozen=True)
class Cost:
    """What a search spent.

    Attributes:
        perturbations: states scored in proposal stages, A - (e, o) or A + (e, o).
        forward_passes: evaluations of one network on one minibatch, however they were shared.
        training_steps: minibatches that supernets were trained on.
        queries: architectures whose true accuracy was asked for.
        seconds: wall time here.
    """

    perturbations: int = 0
    forward_passes: int = 0
    training_steps: int = 0
    queries: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class SearchOutcome:
    """Where one search with one seed ended, and how it got there.

    Attributes:
        architecture: what the method returns, one operation on every edge.
        candidates: a frame with columns :data:`CANDIDATES`.
        trace: a frame with columns :data:`TRACE`; empty for methods without decisions on edges.
        cost: what was spent.
    """

    architecture: State
    candidates: pd.DataFrame
    trace: pd.DataFrame
    cost: Cost


@dataclass(frozen=True)
class SearchTask:
    """One search to make.

    Attributes:
        settings: resolved settings.
        context: networks, minibatches and oracle of the seed.
        pieces: where finished pieces are kept and found, as checked tables, so that a search that
            was stopped goes on.
        jobs: worker processes that the search may use; its result does not depend on it.
        token: names this search among all; its workers keep its networks and images by it.
    """

    settings: SearchSettings
    context: ScoringContext
    pieces: Pieces = field(default_factory=Pieces)
    jobs: int = 1
    token: str = field(default_factory=lambda: uuid.uuid4().hex, repr=False, compare=False)

    @classmethod
    def of(
        cls, settings: SearchSettings, seed: int | None, pieces: Pieces, jobs: int = 1
    ) -> SearchTask:
        """The search with these settings; seed: None for a method without draws."""
        return cls(settings, ScoringContext(settings, seed or 0), pieces, jobs)

    @property
    def seed(self) -> int:
        """Of weights, minibatches and draws."""
        return self.context.seed

    def each(self, work: Callable[..., R], asked: Sequence[tuple[Any, ...]]) -> Iterator[R]:
        """The work for each of the arguments, in their order, by the task's workers.

        Args:
            work: a function of a module; its first argument is the task's context.
            asked: its other arguments, for each call.
        """
        jobs = min(self.jobs, len(asked))
        if jobs <= 1:
            yield from (work(self.context, *arguments) for arguments in asked)
            return
        # Settings and seed say everything, so the workers get no networks and no images.
        bare = ScoringContext(self.context.settings, self.context.seed)
        calls = [(self.token, bare, work, *arguments) for arguments in asked]
        yield from in_workers(jobs, _with_kept_context, calls, in_order=True)


#: The context of the search that this worker process serves, by the search's token. A worker gets
#: many calls of one search, and would load the images and build the supernet for each.
_KEPT: dict[str, ScoringContext] = {}


def _with_kept_context(
    token: str, context: ScoringContext, work: Callable[..., R], *arguments: Any
) -> R:
    """The work, in a worker, with the context that earlier calls of the same search have filled."""
    if token not in _KEPT:
        _KEPT.clear()
        _KEPT[token] = context
    return work(_KEPT[token], *arguments)


class Method(ABC):
    """A search method; one object serves any number of seeds.

    Attributes:
        name: as the paper names it, argument included.
    """

    #: Fields of :class:`SearchSettings`, beside space and seed, that the result depends on;
    #: they name the run. 'images' stands for the pixels too.
    uses: ClassVar[tuple[str, ...]] = ()

    #: Whether the seed matters; methods without draws run once.
    seeded: ClassVar[bool] = True

    #: Whether it stands for the best there is, which is another architecture on each dataset.
    optimal: ClassVar[bool] = False

    name: str

    @abstractmethod
    def search(self, task: SearchTask) -> SearchOutcome:
        """Search once; UserError where the settings do not fit the method."""

    def check(self, settings: SearchSettings) -> None:
        """UserError for settings that are not for this method.

        Only some score in bf16, and some need the truth.
        """
        if "oracle" in self.uses and not settings.oracle.known:
            raise UserError(f"method '{self.name}' needs a truth: {no_truth(settings.space)}")
        if settings.precision != "full" and "dtype" in self.key(settings):
            raise UserError(
                f"method '{self.name}' has no {settings.precision}; zero-cost-pt and "
                "zero-cost-disc have"
            )

    def key(self, settings: SearchSettings) -> dict[str, Any]:
        """What the result depends on, as plain values."""
        return {name: getattr(settings, name) for name in self.uses}

    def piece_key(self, settings: SearchSettings) -> dict[str, Any]:
        """What the finished pieces of a search depend on; searches that agree share them."""
        return self.key(settings)


@dataclass(frozen=True)
class MethodFamily:
    """A kind of search method in the registry.

    Attributes:
        build: makes the method from the text between the parentheses of its name.
        summary: one line for lists.
        check_argument: raises UserError for a bad argument; None when the family takes none.
        version: what stored results know it by, instead of its source and the present values of
            what that reads (:mod:`opscore.fingerprint`).
    """

    build: Callable[[str], Method]
    summary: str
    check_argument: Callable[[str], object] | None = None
    version: str | None = None


#: Method families by name; other packages add theirs through the entry-point group.
METHODS: Registry[MethodFamily] = Registry("search method", entry_points="opscore.search")


def find_method(name: str) -> Method:
    """The method of a name such as 'zero-cost-pt(nwot)'.

    UserError when the family or its argument is unknown, missing, or not wanted.
    """
    family, argument = look_up(METHODS, name, kind="method", form="METHOD")
    return family.build(argument)
