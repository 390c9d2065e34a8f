"""What a zero-cost proxy is, and how a supernet's states are scored with one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from opscore import progress
from opscore.engine import Claim, doubt, read_once, reading, shared_networks, tell
from opscore.errors import UserError, one_of, unknown
from opscore.images import Batch
from opscore.isolation import isolated, seed_generators
from opscore.proxies.common import seed_of
from opscore.proxies.failures import attempt, reason_of, unfit
from opscore.proxies.memo import Memo
from opscore.proxies.score import OK, Score, may_pass
from opscore.registry import Registry
from opscore.spaces import State
from opscore.supernets import SURVIVORS, StateNetwork, Supernet, Survivors
from opscore.supernets.copying import copy_network

N = TypeVar("N", bound=nn.Module)

#: 'faithful' does what made the published numbers; 'clean' does what the equations say.
Meaning = Literal["faithful", "clean"]
MEANINGS: tuple[Meaning, ...] = ("faithful", "clean")

#: 'full' is the network's own; 'bf16' has the fast path's convolutions in bfloat16.
Precision = Literal["full", "bf16"]
#: Precisions, and the type of the forward pass in each; None is that of the images.
PRECISIONS: dict[Precision, torch.dtype | None] = {"full": None, "bf16": torch.bfloat16}

Mode = Literal["eval", "train"]
MODES: tuple[Mode, ...] = get_args(Mode)

#: What networks are asked for: states, tables of weights, or None for one that has no choice.
Asked = TypeVar("Asked")
#: (network, what is asked for, minibatch) -> scores; None where there is no such way.
Way = Callable[[Any, Sequence[Asked], Batch], "list[Score] | None"]

ProxyFunction = Callable[[nn.Module, Batch], float]
#: (supernet, states, batch, meaning) -> values, or None where this supernet has no fast path. It
#: weighs the survivors of an edge as the proxy itself does in this meaning.
#: That of a proxy with more precisions than 'full' also takes ``dtype``, of :data:`PRECISIONS`.
EngineFunction = Callable[..., "list[float] | None"]
#: What states share for the sake of a function that allows it; see :class:`Proxy`.
Sharing = Literal["shared", "gradient", "unaltered"]
#: (network, batch, meaning) -> a value, or None where this network has no fast path; ``dtype`` as
#: above.
NetworkEngine = Callable[..., "float | None"]


@dataclass(frozen=True)
class Ways(Generic[Asked]):
    """A fast and a plain way to the same scores."""

    fast: Way[Asked]
    plain: Callable[[Any, Sequence[Asked], Batch], list[Score]]


@dataclass(frozen=True)
class Proxy:
    """A zero-cost proxy S: what it computes, and what the user must know about it.

    Attributes:
        name: the name in tables and on the command line.
        function: (network, batch) -> number. The network is a copy that the function may alter.
        higher_is_better: whether a larger value predicts a better network.
        source: the paper or code that defines it.
        mode: the mode that the network is in when the function is called.
        needs: what it uses, of 'labels', 'gradients', 'per-sample gradients', 'double'.
        clean: the function of the clean meaning, where that differs.
        survivors: what, in the faithful meaning, the operations weigh that are left on an edge
            which lost others (:data:`opscore.supernets.Survivors`); 'theta' in the clean one.
        engine: a fast path over many states at once that gives the same numbers, if there is one;
            'shared' for a function that looks at nothing but logits, convolution and linear
            modules, and does not alter them, so that it may be given the same network computed
            with less work, its weights shared by all states; 'gradient'
            for one that besides takes one gradient of a forward pass, and looks at layers'
            outputs by :func:`opscore.proxies.common.channel_effects` if at all; 'unaltered' for a
            function that leaves the modules of the network as they were: all states share one
            copy of them.
        engine_meanings: the meanings in which it gives the same numbers.
        network_engine: a fast path for one network with the weights and batch norms that it has,
            such as a stand-alone one, that gives the same number; it may not alter the network.
        precisions: what the engines can compute in, of :data:`PRECISIONS`.
        undefined: what it means when the value is infinite or NaN; failures say it.
        limits: on which networks it has no value, or always the same one; '' where there are none.
        grouped: whether states that are asked for together are ranked against each other.
        version: what stored results know the function by, instead of its source and the present
            values of what that reads (:mod:`opscore.fingerprint`).
    """

    grouped: ClassVar[bool] = False

    name: str
    function: ProxyFunction
    higher_is_better: bool
    source: str
    mode: Mode = "eval"
    needs: frozenset[str] = frozenset()
    clean: ProxyFunction | None = None
    survivors: Survivors = "theta"
    engine: EngineFunction | Sharing | None = None
    engine_meanings: frozenset[Meaning] = frozenset(MEANINGS)
    network_engine: NetworkEngine | None = None
    precisions: frozenset[Precision] = frozenset({"full"})
    undefined: str = ""
    limits: str = ""
    version: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise unknown("mode", str(self.mode), MODES)
        check_survivors(self.survivors)

    def variant(self, **changes: Any) -> Proxy:
        """A proxy like this one with other fields, without the engines that no longer fit.

        Engines stand for one computation. Where that changes (:data:`COMPUTATION`) the variant has
        none, and no precision but 'full', unless the changes say otherwise.
        """
        if COMPUTATION & changes.keys():
            changes = {**_NO_ENGINE, **changes}
        return replace(self, **changes)

    def weighs(self, meaning: Meaning) -> Survivors:
        """What the survivors of an edge weigh in a meaning, where nobody says otherwise."""
        return self.survivors if meaning == "faithful" else "theta"

    def require_precision(self, precision: Precision) -> None:
        """UserError when the proxy has no fast path in this precision."""
        if precision not in self.precisions:
            have = [name for name in PROXIES if precision in PROXIES[name].precisions]
            raise UserError(
                f"proxy '{self.name}' has no fast path in {precision}; "
                f"those that have one: {', '.join(have) or 'none'}"
            )

    @isolated()
    def score_network(
        self,
        network: nn.Module,
        batch: Batch,
        *,
        meaning: Meaning = "faithful",
        fast: bool = True,
        precision: Precision = "full",
    ) -> Score:
        """The score of a network on a minibatch, with failures as a status.

        The network itself is neither run nor altered: all work is done on a copy, in the proxy's
        mode. ``fast=False`` is the plain path. The score depends on the weights and the batch: what
        draws from global random generators, such as dropout, draws from seeds that the batch's
        images give, and the caller's generators stay as they are.

        UserError for a precision that there is no fast path in, and for a network that cannot be
        copied or has no weights yet.
        """
        self.require_precision(precision)
        reason = unfit(network, batch)
        if reason is not None:
            return Score(math.nan, reason, 0.0)
        if not fast or self.network_engine is None or isinstance(network, StateNetwork | Supernet):
            if precision != "full":
                raise UserError(f"'{self.name}' has no {precision} for this network")
            return self._score_network(network, batch, meaning)
        (score,) = self._either_way(
            network,
            (None,),
            (None,),
            batch,
            lambda precision: Ways(
                partial(self._by_network_engine, meaning=meaning, precision=precision),
                lambda own, _, few: [self._score_network(own, few, meaning)],
            ),
            (f"meaning '{meaning}'",),
            precision,
        )
        return score

    def _score_network(self, network: nn.Module, batch: Batch, meaning: Meaning) -> Score:
        """The score by the function itself, on a copy."""
        own, seed = batch.own(), self._seed(batch)

        def compute() -> float:
            copied = self._own(network)
            seed_generators(seed)
            return self._function(meaning)(copied, own)

        return attempt(self.name, compute, self.undefined)

    def _by_network_engine(
        self,
        network: nn.Module,
        _: Sequence[None],
        batch: Batch,
        *,
        meaning: Meaning,
        precision: Precision,
    ) -> list[Score] | None:
        engine, start = self.network_engine, time.perf_counter()
        assert engine is not None
        seed_generators(self._seed(batch))
        value = engine(network, batch.own(), meaning, **_dtype_option(precision))
        return None if value is None else [Score.of(value, _since(start), self.undefined)]

    def _either_way(
        self,
        network: nn.Module,
        asked: Sequence[Asked],
        some: Sequence[Asked],
        batch: Batch,
        ways: Callable[[Precision], Ways[Asked]],
        key: tuple[str, ...],
        precision: Precision = "full",
        *,
        reads: bool = True,
    ) -> list[Score]:
        """Scores the fast way where that proves itself (:mod:`opscore.engine.proof`), else plainly.

        Args:
            network: left as it is; the fast way gets a copy, one for all that is asked for.
            asked: what it is asked for.
            some: what it is asked for in a proof.
            batch: the minibatch.
            ways: the two ways, in a precision.
            key: what they depend on beside proxy, network, batch and precision.
            precision: of the fast way.
            reads: whether the fast way reads the network.
        """
        taken, proved = ways(precision), ways("full")
        claim = Claim(
            (self, precision, *key), _values(proved.fast), _values(proved.plain), reads=reads
        )
        own = self._own(network)
        found: list[Score] | None = None
        with read_once():
            reason = doubt(own, some, batch, claim)
            if reason is None:
                try:
                    found = taken.fast(own, asked, batch)
                except Exception as error:  # an error of the user's code, the plain way raises too
                    if may_pass(reason_of(error)):
                        return [Score(math.nan, reason_of(error))] * len(asked)
                    reason = f"cannot be computed the fast way ({reason_of(error)})"
        if found is not None:
            return found
        if precision != "full":
            why = "" if reason is None else f": it {reason}"
            raise UserError(
                f"{precision} is a precision of the fast path, which '{self.name}' does not "
                f"take here (a {type(network).__name__}, {', '.join(key)}){why}"
            )
        scores = taken.plain(network, asked, batch)
        if reason is not None and any(score.status == OK for score in scores):
            tell(network, self.name, reason)
        return scores

    def _function(self, meaning: Meaning) -> ProxyFunction:
        return self.clean if meaning == "clean" and self.clean is not None else self.function

    def _own(self, network: N) -> N:
        """A copy to compute on: in the proxy's mode, with frozen weights as weights."""
        own = copy_network(network).train(self.mode == "train")
        for parameter in own.parameters():
            if parameter.is_floating_point() or parameter.is_complex():
                parameter.requires_grad_()
        return own

    def _seed(self, batch: Batch) -> int:
        """Seed of what a function, or a forward pass in it, draws from global generators."""
        return seed_of(batch, "score", self.name)

    @isolated()
    def scores(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        *,
        meaning: Meaning = "faithful",
        fast: bool = True,
        precision: Precision = "full",
        survivors: Survivors | None = None,
        memo: Memo | None = None,
    ) -> list[Score]:
        """A score for each state of the supernet, in the order given.

        ``fast=False`` is the plain path: one forward of the supernet's modules for each state.
        ``survivors``: what the operations weigh that are left on an edge which lost others; None is
        the proxy's own way (:meth:`weighs`). An engine knows that one only.
        Equal states are scored once; where work is shared its time is split evenly. A score that
        the memo knows is not computed again and costs nothing: its ``seconds`` are zero.

        UserError for a precision that the fast path has not, for this proxy or this supernet.
        """
        self.require_precision(precision)
        known: dict[State, Score] = {}
        if memo is not None:
            now = reading(supernet, batch.images.shape[1:])
            known = memo.table(supernet, batch, self, meaning, precision, survivors, fast, now)
        by_state = {state: replace(known[state], seconds=0.0) for state in states if state in known}
        missing = [state for state in dict.fromkeys(states) if state not in known]
        if missing:
            with progress.steps(len(missing), "states"):
                found = self._computed(
                    supernet, missing, batch, meaning, fast, precision, survivors
                )
            by_state.update(zip(missing, found, strict=True))
            # A failure may be of the moment, such as memory that ran out.
            known.update(
                {state: by_state[state] for state in missing if by_state[state].status == OK}
            )
        return [by_state[state] for state in states]

    @isolated()
    def scores_under(
        self,
        supernet: Supernet,
        weights: Sequence[Tensor],
        batch: Batch,
        *,
        meaning: Meaning = "faithful",
        fast: bool = True,
    ) -> list[Score]:
        """A score for each table of operation weights [edges, operations], by the function itself.

        Where the function allows it (:attr:`engine`), and unless ``fast=False``, it is given
        networks that are computed with less work, and equal ones once.
        """
        reason = unfit(supernet, batch, weights)
        if reason is not None:
            return [Score(math.nan, reason, 0.0)] * len(weights)
        shares = isinstance(self.engine, str) and meaning in self.engine_meanings
        if not fast or not shares or not weights:
            return self._plain_scores(supernet, weights, batch, meaning)
        return self._either_way(
            supernet,
            weights,
            (supernet.weights(supernet.space.initial_state()), min(weights, key=_present)),
            batch,
            lambda _: Ways(
                partial(self._by_sharing, meaning=meaning),
                partial(self._plain_scores, meaning=meaning),
            ),
            (f"meaning '{meaning}'", str(self.engine)),
            reads=self.engine != "unaltered",
        )

    def _by_sharing(
        self, supernet: Supernet, weights: Sequence[Tensor], batch: Batch, meaning: Meaning
    ) -> list[Score] | None:
        """Scores of networks that are computed with less work; None where they cannot be read."""
        networks: Iterable[tuple[Sequence[int], nn.Module]] | None
        if self.engine == "unaltered":
            networks = (
                ([place], StateNetwork(supernet, table, run_removed=meaning == "faithful"))
                for place, table in enumerate(weights)
            )
        else:
            networks = shared_networks(
                supernet, weights, batch.images.shape[1:], first_order=self.engine == "gradient"
            )
        return None if networks is None else self._shared_scores(networks, batch, meaning)

    def _plain_scores(
        self, supernet: Supernet, weights: Sequence[Tensor], batch: Batch, meaning: Meaning
    ) -> list[Score]:
        """Scores by the function itself, one network after the other."""
        found = []
        for table in weights:
            network = StateNetwork(supernet, table, run_removed=meaning == "faithful")
            found.append(self._score_network(network, batch, meaning))
            progress.advance()
        return found

    def _shared_scores(
        self,
        networks: Iterable[tuple[Sequence[int], nn.Module]],
        batch: Batch,
        meaning: Meaning,
    ) -> list[Score]:
        """Scores by position, from distinct networks with the positions of each."""
        function, own, seed = self._function(meaning), batch.own(), self._seed(batch)
        found: dict[int, Score] = {}
        for positions, network in networks:
            network.training = self.mode == "train"
            seed_generators(seed)
            score = attempt(self.name, partial(function, network, own), self.undefined)
            # A function that takes gradients of the images leaves none to the next one.
            own.images.requires_grad_(False).grad = None
            share = replace(score, seconds=score.seconds / len(positions))
            found |= dict.fromkeys(positions, share)
            progress.advance(len(positions))
        return [found[place] for place in range(len(found))]

    def _computed(
        self,
        supernet: Supernet,
        states: list[State],
        batch: Batch,
        meaning: Meaning,
        fast: bool,
        precision: Precision,
        survivors: Survivors | None,
    ) -> list[Score]:
        own = self.weighs(meaning)
        weighed = survivors or own
        reason = unfit(supernet, batch)
        if reason is not None:
            return [Score(math.nan, reason, 0.0)] * len(states)
        engine = callable(self.engine) and meaning in self.engine_meanings
        if fast and engine and weighed == own:
            return self._either_way(
                supernet,
                states,
                (supernet.space.initial_state(), min(states, key=_present_in)),
                batch,
                lambda precision: Ways(
                    partial(self._engine_scores, meaning=meaning, precision=precision),
                    partial(self._plainly, meaning=meaning, survivors=weighed),
                ),
                (f"meaning '{meaning}'",),
                precision,
            )
        if precision != "full":
            raise UserError(
                f"{precision} is a precision of the fast path, which '{self.name}' does not "
                f"take here (a supernet of '{supernet.space.name}', meaning '{meaning}', "
                f"survivors '{weighed}')"
            )
        return self._plainly(supernet, states, batch, meaning, weighed, fast=fast)

    def _plainly(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        meaning: Meaning,
        survivors: Survivors,
        *,
        fast: bool = False,
    ) -> list[Score]:
        """Scores by the function itself."""
        weights = [supernet.weights(state, survivors=survivors) for state in states]
        return self.scores_under(supernet, weights, batch, meaning=meaning, fast=fast)

    def _engine_scores(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        *,
        meaning: Meaning,
        precision: Precision,
    ) -> list[Score] | None:
        """Those of an engine of the proxy's own; None where it has none for this supernet."""
        assert callable(self.engine)
        start = time.perf_counter()
        seed_generators(self._seed(batch))
        values = self.engine(supernet, states, batch.own(), meaning, **_dtype_option(precision))
        if values is None:
            return None
        seconds = _since(start) / max(len(states), 1)
        return [Score.of(value, seconds, self.undefined) for value in values]


#: Fields that say what is computed, which an engine computes by another way.
COMPUTATION = frozenset({"function", "clean", "mode", "needs", "survivors"})
_NO_ENGINE = {
    "engine": None,
    "engine_meanings": frozenset(MEANINGS),
    "network_engine": None,
    "precisions": frozenset({"full"}),
}

#: Proxies by name; other packages add theirs through the entry-point group.
PROXIES: Registry[Proxy] = Registry("proxy", entry_points="opscore.proxies")


def register_proxy(  # noqa: PLR0913 - one for each thing that can be said of a proxy
    name: str,
    *,
    higher_is_better: bool,
    source: str,
    mode: Mode = "eval",
    needs: Sequence[str] = (),
    clean: ProxyFunction | None = None,
    survivors: Survivors = "theta",
    engine: EngineFunction | Sharing | None = None,
    engine_meanings: Sequence[Meaning] = MEANINGS,
    network_engine: NetworkEngine | None = None,
    precisions: Sequence[Precision] = ("full",),
    undefined: str = "",
    limits: str = "",
    version: str | None = None,
) -> Callable[[ProxyFunction], ProxyFunction]:
    """Register a function (network, batch) -> number as a proxy; see :class:`Proxy`.

    ::

        @register_proxy("l2_norm", higher_is_better=True, source="Abdelfattah et al. 2021")
        def l2_norm(network, batch):
            return sum(float(p.norm()) for p in network.parameters() if p.ndim > 1)
    """

    def decorate(function: ProxyFunction) -> ProxyFunction:
        proxy = Proxy(
            name=name,
            function=function,
            higher_is_better=higher_is_better,
            source=source,
            mode=mode,
            needs=frozenset(needs),
            clean=clean,
            survivors=survivors,
            engine=engine,
            engine_meanings=frozenset(engine_meanings),
            network_engine=network_engine,
            precisions=frozenset(precisions),
            undefined=undefined,
            limits=limits,
            version=version,
        )
        PROXIES.add(name, proxy)
        return function

    return decorate


def unregister_proxy(name: str) -> None:
    """Take a registered proxy back; UserError with the near names when there is none."""
    PROXIES[name]
    PROXIES.remove(name)


def check_meaning(meaning: str) -> Meaning:
    """The meaning of this name; UserError when there is none."""
    return one_of("meaning", meaning, MEANINGS)


def check_survivors(survivors: str) -> Survivors:
    """The way to weigh survivors of this name; UserError when there is none."""
    return one_of("weight of survivors", survivors, SURVIVORS)


def check_precision(precision: str) -> Precision:
    """The precision of this name; UserError when there is none."""
    return one_of("precision", precision, PRECISIONS)


def _dtype_option(precision: Precision) -> dict[str, torch.dtype | None]:
    """What an engine is told: nothing, or the type of its forward pass."""
    return {} if precision == "full" else {"dtype": PRECISIONS[precision]}


def _present(table: Tensor) -> int:
    """How many operations have a weight."""
    return int((table != 0).sum())


def _present_in(state: State) -> int:
    """How many operations remain."""
    return sum(map(sum, state.mask))


def _values(way: Way[Any]) -> Callable[[Any, Sequence[Any], Batch], list[float] | None]:
    """A way that gives numbers; NaN where there is none."""

    def values(network: Any, asked: Sequence[Any], batch: Batch) -> list[float] | None:
        scores = way(network, asked, batch)
        return None if scores is None else [score.value for score in scores]

    return values


def _since(start: float) -> float:
    return time.perf_counter() - start
