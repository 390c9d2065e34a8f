"""What a zero-cost proxy is, and how a supernet's states are scored with one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import nn

from opscore.errors import unknown
from opscore.images import Batch
from opscore.proxies.copying import copy_network
from opscore.registry import Registry
from opscore.spaces import State
from opscore.supernets import StateNetwork, Supernet

#: 'faithful' does what made the published numbers; 'clean' does what the equations say.
Meaning = Literal["faithful", "clean"]
MEANINGS: tuple[Meaning, ...] = ("faithful", "clean")

Mode = Literal["eval", "train"]
ProxyFunction = Callable[[nn.Module, Batch], float]
#: (supernet, states, batch, meaning) -> values, or None where this supernet has no fast path.
EngineFunction = Callable[[Supernet, Sequence[State], Batch, Meaning], "list[float] | None"]

OK = "ok"


@dataclass(frozen=True)
class Score:
    """One number, or the reason why there is none.

    Attributes:
        value: the number; NaN unless ``status`` is 'ok'.
        status: 'ok', or what went wrong.
        seconds: wall time spent on it.
    """

    value: float
    status: str = OK
    seconds: float = math.nan

    @classmethod
    def of(cls, value: float, seconds: float = math.nan) -> Score:
        """A score of this value; a NaN or an infinity is a failure, never a number."""
        if math.isfinite(value):
            return cls(float(value), OK, seconds)
        return cls(math.nan, f"not finite ({value})", seconds)


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
        renormalize: whether, in the faithful meaning, an edge that lost operations is scaled back
            to a sum of one (only the published synflow scores do that).
        engine: a fast path over many states at once that gives the same numbers, if there is one;
            'shared' for a function that looks at nothing but logits, convolution and linear
            modules, so that it may be given the same network computed with less work.
        grouped: whether states that are asked for together are ranked against each other.
    """

    grouped: ClassVar[bool] = False

    name: str
    function: ProxyFunction
    higher_is_better: bool
    source: str
    mode: Mode = "eval"
    needs: frozenset[str] = frozenset()
    clean: ProxyFunction | None = None
    renormalize: bool = False
    engine: EngineFunction | Literal["shared"] | None = None

    def score_network(
        self, network: nn.Module, batch: Batch, *, meaning: Meaning = "faithful"
    ) -> Score:
        """The score of a network on a minibatch, with failures as a status.

        The network itself is left as it was: the proxy works on a copy, in its own mode.
        """
        function = self.clean if meaning == "clean" and self.clean is not None else self.function
        start = time.perf_counter()
        try:
            own = copy_network(network).train(self.mode == "train")
            value = function(own, batch)
        except (ArithmeticError, RuntimeError) as error:
            if not _is_failure(error):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            return Score(math.nan, f"{type(error).__name__}: {reason}", _since(start))
        return Score.of(value, _since(start))

    def scores(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        *,
        meaning: Meaning = "faithful",
        fast: bool = True,
    ) -> list[Score]:
        """A score for each state of the supernet, in the order given.

        ``fast=False`` is the plain path: one forward of the supernet's modules for each state.
        Equal states are scored once; where work is shared its time is split evenly.
        """
        distinct = list(dict.fromkeys(states))
        found = self._engine_scores(supernet, distinct, batch, meaning) if fast else None
        if found is None:
            found = [self._plain_score(supernet, state, batch, meaning) for state in distinct]
        by_state = dict(zip(distinct, found, strict=True))
        return [by_state[state] for state in states]

    def _plain_score(
        self, supernet: Supernet, state: State, batch: Batch, meaning: Meaning
    ) -> Score:
        faithful = meaning == "faithful"
        weights = supernet.weights(state, renormalize=self.renormalize and faithful)
        network = StateNetwork(supernet, weights, run_removed=faithful)
        return self.score_network(network, batch, meaning=meaning)

    def _engine_scores(
        self, supernet: Supernet, states: list[State], batch: Batch, meaning: Meaning
    ) -> list[Score] | None:
        if self.engine is None:
            return None
        if self.engine == "shared":
            return self._shared_scores(supernet, states, batch, meaning)
        start = time.perf_counter()
        values = self.engine(supernet, states, batch, meaning)
        if values is None:
            return None
        seconds = _since(start) / max(len(states), 1)
        return [Score.of(value, seconds) for value in values]

    def _shared_scores(
        self, supernet: Supernet, states: list[State], batch: Batch, meaning: Meaning
    ) -> list[Score] | None:
        """The function itself on each distinct network, computed with less work."""
        renormalize = self.renormalize and meaning == "faithful"
        weights = [supernet.weights(state, renormalize=renormalize) for state in states]
        networks = supernet.shared_networks(weights)
        if networks is None:
            return None
        found: dict[int, Score] = {}
        for positions, network in networks:
            score = self.score_network(network, batch, meaning=meaning)
            share = replace(score, seconds=score.seconds / len(positions))
            found |= dict.fromkeys(positions, share)
        return [found[position] for position in range(len(states))]


#: Proxies by name; other packages add theirs through the entry-point group.
PROXIES: Registry[Proxy] = Registry("proxy", entry_points="opscore.proxies")


def register_proxy(
    name: str,
    *,
    higher_is_better: bool,
    source: str,
    mode: Mode = "eval",
    needs: Sequence[str] = (),
    clean: ProxyFunction | None = None,
    renormalize: bool = False,
    engine: EngineFunction | Literal["shared"] | None = None,
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
            renormalize=renormalize,
            engine=engine,
        )
        PROXIES.add(name, proxy)
        return function

    return decorate


def check_meaning(meaning: str) -> Meaning:
    """The meaning of this name; UserError when there is none."""
    for known in MEANINGS:
        if meaning == known:
            return known
    raise unknown("meaning", meaning, MEANINGS)


def _is_failure(error: Exception) -> bool:
    """Whether an error says that there is no number, rather than that the code is wrong."""
    if isinstance(error, ArithmeticError | torch.OutOfMemoryError):
        return True
    # Neither of these has a public class: a matrix that cannot be decomposed, and memory that
    # ran out on the CPU.
    return type(error).__name__ == "_LinAlgError" or "can't allocate memory" in str(error)


def _since(start: float) -> float:
    return time.perf_counter() - start
