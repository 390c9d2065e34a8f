"""What a zero-cost proxy is, and how a supernet's states are scored with one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from opscore import progress
from opscore.engine import CannotTraceError, Claim, doubt, read_once, reading, tell
from opscore.errors import UserError, one_of
from opscore.images import Batch
from opscore.isolation import isolated, seed_generators
from opscore.proxies.common import seed_of
from opscore.proxies.engines import ENGINES, NO_CHOICE, Engine, state_networks
from opscore.proxies.failures import all_finite, attempt, number, reason_of, unfit
from opscore.proxies.how import FAITHFUL, How
from opscore.proxies.memo import Memo
from opscore.proxies.score import OK, Score, may_pass
from opscore.registry import Registry
from opscore.settings import Meaning, Precision, Survivors
from opscore.spaces import State
from opscore.supernets import SURVIVORS, StateNetwork, Supernet
from opscore.supernets.copying import copy_network

N = TypeVar("N", bound=nn.Module)

Mode = Literal["eval", "train"]
MODES: tuple[Mode, ...] = get_args(Mode)

ProxyFunction = Callable[[nn.Module, Batch], float]
#: Scores, each with the places of those that it is the score of.
Placed = Iterable[tuple[Sequence[int], Score]]


@dataclass(frozen=True)
class Proxy:
    """A zero-cost proxy S: what it computes, and what the user must know about it.

    Attributes:
        name: the name in tables and on the command line.
        function: (network, batch) -> number. The network is a copy that the function may alter.
        higher_is_better: whether a larger value predicts a better network.
        source: the paper or code that defines it: a key of ``opscore/published/sources.bib``, or
            text.
        mode: the mode that the network is in when the function is called.
        needs: what it uses, of 'labels', 'gradients', 'per-sample gradients', 'double'.
        clean: the function of the clean meaning, where that differs.
        survivors: what, in the faithful meaning, the operations weigh that are left on an edge
            which lost others (:data:`opscore.supernets.Survivors`); 'theta' in the clean one.
        engine: a fast path over many states at once that gives the same numbers, if there is one,
            or the name of one (:mod:`opscore.proxies.engines`).
        network_engine: the same for a network with the weights and batch norms that it has, such
            as a stand-alone one; it is given one table of weights without edges.
        precisions: what the engines can compute in, of :data:`opscore.proxies.PRECISIONS`.
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
    engine: Engine | str | None = None
    network_engine: Engine | str | None = None
    precisions: frozenset[Precision] = frozenset({"full"})
    undefined: str = ""
    limits: str = ""
    version: str | None = None

    def __post_init__(self) -> None:
        one_of("mode", str(self.mode), MODES)
        one_of("weight of survivors", str(self.survivors), SURVIVORS)
        for engine in (self.engine, self.network_engine):
            if isinstance(engine, str):
                one_of("engine", engine, ENGINES)
        for field in ("needs", "precisions"):
            object.__setattr__(self, field, frozenset(getattr(self, field)))

    def variant(self, **changes: Any) -> Proxy:
        """A proxy like this one with other fields, without the engines that no longer fit.

        Engines stand for one computation. Where that changes (:data:`COMPUTATION`) the variant has
        none, and no precision but 'full', unless the changes say otherwise.
        """
        if COMPUTATION & changes.keys():
            changes = {**_NO_ENGINE, **changes}
        return replace(self, **changes)

    @property
    def sign(self) -> float:
        """What turns a value so that larger predicts a better network: 1 or -1."""
        return 1.0 if self.higher_is_better else -1.0

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
    def score_network(self, network: nn.Module, batch: Batch, how: How = FAITHFUL) -> Score:
        """The score of a network on a minibatch, with failures as a status.

        The network itself is neither run nor altered: all work is done on a copy, in the proxy's
        mode. The score depends on the weights and the batch: what draws from global random
        generators, such as dropout, draws from seeds that the batch's images give, and the caller's
        generators stay as they are.

        UserError for a precision that there is no fast path in, and for a network that cannot be
        copied or has no weights yet.
        """
        (score,) = self._scored(network, lambda: NO_CHOICE, batch, how)
        return score

    @isolated()
    def scores(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        how: How = FAITHFUL,
        *,
        memo: Memo | None = None,
    ) -> list[Score]:
        """A score for each state of the supernet, in the order given.

        Equal states are scored once; where work is shared its time is split evenly. A score that
        the memo knows is not computed again and costs nothing: its ``seconds`` are zero.

        UserError for a precision that the fast path has not, for this proxy or this supernet.
        """
        self.require_precision(how.precision)
        known: dict[State, Score] = {}
        if memo is not None:
            now = reading(supernet, batch.images.shape[1:])
            known = memo.table(supernet, batch, self, how, now)
        by_state = {state: replace(known[state], seconds=0.0) for state in states if state in known}
        missing = [state for state in dict.fromkeys(states) if state not in known]
        if missing:
            survivors = how.survivors or self.weighs(how.meaning)

            def weigh() -> Tensor:
                return torch.stack([supernet.weights(s, survivors=survivors) for s in missing])

            with progress.steps(len(missing), "states"):
                found = self._scored(supernet, weigh, batch, how)
            by_state.update(zip(missing, found, strict=True))
            # A failure may be of the moment, such as memory that ran out.
            known.update(
                {state: by_state[state] for state in missing if by_state[state].status == OK}
            )
        return [by_state[state] for state in states]

    @isolated()
    def scores_under(
        self, supernet: Supernet, weights: Sequence[Tensor], batch: Batch, how: How = FAITHFUL
    ) -> list[Score]:
        """A score for each table of operation weights [edges, operations].

        UserError for a table of another shape than the supernet's.
        """
        for table in weights:
            if table.shape[-2:] != supernet.alphas.shape:
                raise UserError(
                    f"weights of operations are a table {[*supernet.alphas.shape]}, not "
                    f"{[*table.shape]}"
                )
        if not len(weights):
            return []
        with progress.steps(len(weights), "states"):
            return self._scored(supernet, lambda: torch.stack([*weights]), batch, how)

    def _scored(
        self, network: nn.Module, weigh: Callable[[], Tensor], batch: Batch, how: How
    ) -> list[Score]:
        """The scores of a network under each of one or more tables of weights.

        weigh: the tables, [n, edges, operations]; asked for once the network is known to be fit.
        """
        self.require_precision(how.precision)
        reason = unfit(network, batch)
        weights = weigh()
        if reason is None and not all_finite([weights]):
            reason = "not finite: the weights of the operations"
        if reason is not None:
            return [Score(math.nan, reason, 0.0)] * len(weights)
        found = self._fast(network, weights, batch, how)
        if isinstance(found, list):
            return found
        if how.precision != "full":
            why = "" if found is None else f": it {found}"
            raise UserError(
                f"{how.precision} is a precision of the fast path, which '{self.name}' does not "
                f"take here (a {type(network).__name__}, meaning '{how.meaning}'){why}"
            )
        scores = _in_order(self._plainly(network, weights, batch, how), network, len(weights))
        if found is not None and any(score.status == OK for score in scores):
            tell(network, self.name, found)
        return scores

    def _plainly(self, network: nn.Module, weights: Tensor, batch: Batch, how: How) -> Placed:
        """The score of each by the function itself, on a copy of its own, and images of its own."""
        seed = self._seed(batch)
        every: Iterable[tuple[Sequence[int], nn.Module]] = [((0,), network)]
        if isinstance(network, Supernet):
            every = state_networks(network, weights, batch, how)
        for positions, one in every:

            def compute(one: nn.Module = one) -> float:
                copied, images = self._own(one), batch.own()
                seed_generators(seed)
                return self._function(how.meaning)(copied, images)

            yield positions, attempt(self.name, compute, self.undefined)

    def _fast(
        self, network: nn.Module, weights: Tensor, batch: Batch, how: How
    ) -> list[Score] | str | None:
        """The scores by the proxy's engine, on a copy; None if there is none for this network.

        Why not, in words, where the engine does not prove itself (:mod:`opscore.engine.proof`).
        """
        engine = self._engine_of(network)
        if engine is None or not how.fast:
            return None
        own, full = self._own(network), replace(how, precision="full")
        claim = Claim[Tensor](
            (self, full),
            lambda net, some, few: _values(self._by_engine(engine, net, some, few, full)),
            lambda net, some, few: _values(self._plainly(net, some, few, full)),
        )
        with read_once():
            start = time.perf_counter()
            try:
                reason = doubt(own, _some(network, weights), batch, claim)
                if reason is not None:
                    return reason
                start = time.perf_counter()
                placed = self._by_engine(engine, own, weights, batch, how)
                found = _in_order(placed, network, len(weights))
            except CannotTraceError:
                return None
            except Exception as error:  # an error of the user's code, the plain way raises too
                reason = reason_of(error)
                if may_pass(reason):
                    return [Score(math.nan, reason)] * len(weights)
                return f"cannot be computed the fast way ({reason})"
        seconds = (time.perf_counter() - start) / len(weights)
        return [replace(score, seconds=seconds) for score in found]

    def _engine_of(self, network: nn.Module) -> Engine | None:
        """The engine for a supernet, or for a network without a choice."""
        if isinstance(network, Supernet):
            engine = self.engine
        else:
            engine = None if isinstance(network, StateNetwork) else self.network_engine
        return ENGINES[engine] if isinstance(engine, str) else engine

    def _by_engine(
        self, engine: Engine, network: nn.Module, weights: Tensor, batch: Batch, how: How
    ) -> Placed:
        """The score of each that differs: of a value that, of a network the function's."""
        seed, function = self._seed(batch), self._function(how.meaning)
        seed_generators(seed)
        before = [(buffer, buffer._version) for buffer in network.buffers()]
        for positions, one in engine(network, weights, batch.own(), how):
            if isinstance(one, nn.Module):
                one.training = self.mode == "train"
                seed_generators(seed)
                own = batch.own()  # a forward pass may write into its images
                yield positions, attempt(self.name, partial(function, one, own), self.undefined)
                if engine is ENGINES["unaltered"] and not _untouched(before, network):
                    raise CannotTraceError("its forward pass changes what its states share")
            else:
                yield positions, Score.of(number(self.name, one), undefined=self.undefined)

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


#: Fields that say what is computed, which an engine computes by another way.
COMPUTATION = frozenset({"function", "clean", "mode", "needs", "survivors"})
_NO_ENGINE = {"engine": None, "network_engine": None, "precisions": ("full",)}

#: Proxies by name; other packages add theirs through the entry-point group.
PROXIES: Registry[Proxy] = Registry("proxy", entry_points="opscore.proxies")


def register_proxy(name: str, **fields: Any) -> Callable[[ProxyFunction], ProxyFunction]:
    """Register a function (network, batch) -> number as a proxy.

    ::

        @register_proxy("l2_norm", higher_is_better=True, source="abdelfattah2021")
        def l2_norm(network, batch):
            return sum(float(p.norm()) for p in network.parameters() if p.ndim > 1)

    fields: those of :class:`Proxy`; ``higher_is_better`` and ``source`` have to be there.
    """

    def decorate(function: ProxyFunction) -> ProxyFunction:
        PROXIES.add(name, Proxy(name, function, **fields))
        return function

    return decorate


def unregister_proxy(name: str) -> None:
    """Take a registered proxy back; UserError with the near names when there is none."""
    PROXIES[name]
    PROXIES.remove(name)


def _some(network: nn.Module, weights: Tensor) -> Tensor:
    """What a proof asks for: the whole supernet, two halves of it, and the fewest operations.

    A half has every other operation of each edge, so that between them each is removed once; an
    edge of which it would have none stays whole.
    """
    if not isinstance(network, Supernet):
        return weights
    whole = network.weights(network.space.initial_state())
    odd = torch.arange(whole.shape[1], device=whole.device) % 2
    halves = [whole * odd, whole * (1 - odd)]
    kept = [torch.where((half != 0).any(1, keepdim=True), half, whole) for half in halves]
    return torch.stack([whole, *kept, weights[int((weights != 0).sum((1, 2)).argmin())]])


def _untouched(before: Sequence[tuple[Tensor, int]], network: nn.Module) -> bool:
    """Whether the buffers of a network are those of before, and nobody wrote into them."""
    now = list(network.buffers())
    return len(now) == len(before) and all(
        buffer is kept and buffer._version == version
        for buffer, (kept, version) in zip(now, before, strict=True)
    )


def _in_order(placed: Placed, network: nn.Module, count: int) -> list[Score]:
    """So many scores by their places; of a supernet each is a step of the loop over states."""
    found: dict[int, Score] = {}
    for positions, score in placed:
        found |= dict.fromkeys(positions, score)
        if isinstance(network, Supernet):
            progress.advance(len(positions))
    return [found[place] for place in range(count)]


def _values(placed: Placed) -> list[float]:
    """Scores as numbers by their places, NaN where there is none."""
    found = {place: score.value for positions, score in placed for place in positions}
    return [found[place] for place in range(len(found))]
