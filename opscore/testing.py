"""Public conformance checks: of this package's proxies, policies, spaces, oracles, and of others'.

One call checks all, and stops at the first promise that is broken:

from opscore.testing import check_oracle, check_policy, check_proxy, check_space

def test_what_i_wrote():
    check_proxy("my_proxy")
    check_policy("my_policy")
    check_space("my_space")
    check_oracle("my_space")

Each promise can be a test of its own, with a name:

@pytest.mark.parametrize("check", [
    pytest.param(check, id=name) for name, check in proxy_checks("my_proxy", "my_space")
])
def test_my_proxy(check):
    check()
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringContext, ScoringSettings, resolve
from opscore.images import Batch, NoiseImages
from opscore.oracles import NO_TRUTH, Accuracies, Oracle, SampledOracle, has_oracle, load_accuracies
from opscore.policies import EdgeScores, find_family, make_policy
from opscore.proxies import MEANINGS, How, Meaning, Proxy, Score, get_proxy
from opscore.proxies.score import OK
from opscore.published.sources import named
from opscore.spaces import State, get_space
from opscore.supernets import SUPERNETS, Supernet, build_network, build_supernet
from opscore.supernets.copying import copy_network

#: What a check is called, and the check: it returns nothing, or raises ConformanceError.
Check = tuple[str, Callable[[], None]]

#: Images in the minibatch of most checks, other sizes that have to work, and their width.
_BATCH, _OTHER_SIZES = 6, (5, 9)
_PIXELS = 16

#: What each part of a context is in ``Policy.uses``.
_PARTS = {
    **{"oracle": "oracle", "seed": "seed", "supernet": "supernet", "thin_supernet": "supernet"},
    **{"batch": "batch", "patches": "batch", "trained_supernet": "trained"},
    **{"validation": "trained", "train": "trained"},
}

_NEEDS = frozenset({"labels", "gradients", "per-sample gradients", "double"})


class ConformanceError(AssertionError):
    """A promise that is not kept, and what was found instead; ``python -O`` raises it too."""


def _promise(kept: bool, otherwise: str) -> None:
    if not kept:
        raise ConformanceError(otherwise)


def check_proxy(proxy: str | Proxy, spaces: Sequence[str] | None = None) -> None:
    """Check that a proxy keeps every promise of :class:`opscore.proxies.Proxy`.

    On the smallest supernet and network of each space: a finite number or a failure with its
    reason; the same number each time, alone or together with others; nothing changed in the
    supernet, the minibatch or the global generators; any batch size, both precisions, both
    meanings; what it declares to need is what it needs; its documentation has an equation and the
    source.

    Args:
        proxy: a name, or a proxy.
        spaces: names of the spaces to check on; all that have a supernet when None.

    Raises ConformanceError, an AssertionError, with what is wrong.
    """
    for space in SUPERNETS if spaces is None else spaces:
        _run(proxy_checks(proxy, space))


def check_policy(policy: str, spaces: Sequence[str] | None = None) -> None:
    """Check that a policy scores and picks on every space.

    On the smallest supernet of each space: a score for each remaining operation of each edge that
    may be decided, a finite number or a failure with its reason; the same ones each time; a pick
    of as many operations as the edge keeps; nothing changed in the supernet or the minibatch; what
    it looks at is declared in ``uses``, by which its results are found again. A policy that knows
    the truth is checked where there is one.

    Args:
        policy: its name, argument included.
        spaces: names of the spaces to check on; all that have a supernet when None.

    Raises ConformanceError, an AssertionError, with what is wrong.
    """
    for space in SUPERNETS if spaces is None else spaces:
        _run(policy_checks(policy, space))


def check_space(space: str) -> None:
    """Check that a space and its networks keep the promises that all commands rely on.

    Strings are read as they are written; canonical forms are their own; every state between A_0
    and an architecture has logits; decided edges weigh one, and what is removed plays no part in
    the output; the stand-alone network of an architecture is the supernet with one choice on every
    edge; and policies that need no training can score and pick.

    Args:
        space: name of a registered space with registered networks.

    Raises ConformanceError, an AssertionError, with what is wrong.
    """
    _run(space_checks(space))


def check_oracle(space: str, source: str = "auto") -> None:
    """Check that the truth of a space keeps the promises that scores are compared by.

    The loader gives the same table each time, of the space's shape, with nothing in it that
    cannot be; there is a default; architectures that are the same network have the same accuracy;
    best and mean over the completions of states are what the table says of them.

    Args:
        space: name of a space with a registered loader (:data:`opscore.oracles.ORACLES`).
        source: which of its tables.

    Raises ConformanceError, an AssertionError, with what is wrong.
    """
    _run(oracle_checks(space, source))


def proxy_checks(proxy: str | Proxy, space: str) -> Iterator[Check]:
    """The checks of :func:`check_proxy` on one space, one by one.

    Nothing is computed before a check runs; the checks of one call share supernet and scores.
    """
    found = get_proxy(proxy) if isinstance(proxy, str) else proxy
    on = _ProxyOnSpace(found, space)
    yield "declaration", partial(_check_declaration, found)
    for meaning in MEANINGS:
        yield f"scores-{meaning}", partial(on.check_scores, meaning)
        yield f"repeats-{meaning}", partial(on.check_repeats, meaning)
        if found.engine is not None:
            yield f"fast-is-plain-{meaning}", partial(on.check_fast, meaning)
    yield "batch-sizes", on.check_batch_sizes
    yield "double-precision", on.check_double_precision
    if found.grouped:
        yield "no-order", on.check_order
    else:
        yield "labels", on.check_labels
        yield "gradients", on.check_gradients
        yield "stand-alone-network", on.check_network


def policy_checks(policy: str, space: str) -> Iterator[Check]:
    """The checks of :func:`check_policy` on one space, one by one, like :func:`proxy_checks`.

    Those of a policy that knows the truth pass where there is none.
    """
    on = _PolicyOnSpace(policy, space)
    for check in (on.check_scores, on.check_picks, on.check_repeats, on.check_uses):
        yield check.__name__.removeprefix("check_"), partial(on.if_it_applies, check)


def space_checks(space: str) -> Iterator[Check]:
    """The checks of :func:`check_space`, one by one, like :func:`proxy_checks`."""
    on = _Space(space)
    yield "sizes", on.check_sizes
    yield "strings", on.check_strings
    yield "logits-of-states", on.check_states
    yield "decided-edges", on.check_decided_edges
    yield "removed-operations", on.check_removed
    yield "stand-alone-network", on.check_alone
    for policy in ("random", "zc-pt(nwot)", "disc-zc(synflow)"):
        for name, check in policy_checks(policy, space):
            yield f"{policy}-{name}", check


def oracle_checks(space: str, source: str = "auto") -> Iterator[Check]:
    """The checks of :func:`check_oracle`, one by one, like :func:`proxy_checks`."""
    on = _OracleOfSpace(space, source)
    for check in (on.check_loads, on.check_equals, on.check_ranks, on.check_completions):
        yield check.__name__.removeprefix("check_"), check


def _run(checks: Iterator[Check]) -> None:
    for _, check in checks:
        check()


class _Space:
    """What is checked of a space and its networks."""

    def __init__(self, name: str) -> None:
        self.name, self.space, self.family = name, get_space(name), SUPERNETS[name]

    @cached_property
    def supernet(self) -> Supernet:
        return build_supernet(self.name, "smoke", seed=1, n_classes=3)

    @cached_property
    def images(self) -> torch.Tensor:
        side = self.family.side("smoke")
        return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))

    @cached_property
    def walk(self) -> list[State]:
        """A_0 to an architecture: edge after edge decided, the last choice each time."""
        states = [self.space.initial_state()]
        while states[-1].next_edges:
            edge = states[-1].next_edges[0]
            states.append(states[-1].discretize(edge, self.space.choices[edge][-1]))
        return states

    @torch.no_grad()
    def logits(self, state: State, run_removed: bool = False) -> torch.Tensor:
        weights = self.supernet.weights(state)
        found: torch.Tensor = self.supernet(self.images, weights, run_removed=run_removed)
        return found

    def check_sizes(self) -> None:
        for size in ("paper", "smoke"):
            _promise(size in self.family.sizes, f"{self.name}: no size '{size}'")

    def check_strings(self) -> None:
        draw = np.random.default_rng(0)
        space = self.space
        for choices in draw.integers(space.choice_counts, size=(20, len(space.edges))):
            _check_architecture(space.architecture([int(choice) for choice in choices]))

    def check_states(self) -> None:
        for state in self.walk:
            logits, where = self.logits(state), f"{self.name}: {state}: logits are"
            _promise(logits.shape == (2, 3), f"{where} {tuple(logits.shape)}, not (2, 3)")
            _promise(bool(torch.isfinite(logits).all()), f"{where} not finite")

    def check_decided_edges(self) -> None:
        state = self.walk[-1]
        weights = self.supernet.weights(state)
        for edge, kept in enumerate(self.space.keeps):
            row = weights[edge]
            # An edge weighs nothing where a later choice leaves it out as a whole.
            left_out = bool((row == 0).all()) and self.space.canonical(state) != state
            _promise(
                left_out or int((row == 1).sum()) == kept == int((row != 0).sum()),
                f"{self.name}: edge {self.space.edges[edge]} is decided, and its weights are "
                f"{row.tolist()}",
            )

    def check_removed(self) -> None:
        state = self.walk[-1]
        same = torch.equal(self.logits(state), self.logits(state, run_removed=True))
        _promise(same, f"{self.name}: removed operations change the output")

    @torch.no_grad()
    def check_alone(self) -> None:
        """The stand-alone network, with the supernet's weights, against the supernet."""
        architecture = self.space.canonical(self.walk[-1])
        known = self.supernet.state_dict()
        network = build_network(architecture, "smoke", seed=2, n_classes=3)
        norms = {
            f"{place}.{part}"
            for place, module in network.named_modules()
            if isinstance(module, nn.BatchNorm2d)
            for part in ("weight", "bias")  # these may exist in the stand-alone network only
        }
        state = network.state_dict()
        lacks = min(state.keys() - known.keys() - norms, default=None)
        _promise(lacks is None, f"{self.name}: the supernet has no {lacks} of its network")
        network.load_state_dict({n: known.get(n, value) for n, value in state.items()})
        same = torch.allclose(network(self.images), self.logits(architecture), rtol=1e-3, atol=1e-5)
        what = f"{self.name}: the network of {architecture}"
        _promise(same, f"{what} is not the supernet with one choice on every edge")


def _check_architecture(architecture: State) -> None:
    space = architecture.space
    text = space.format(architecture)
    one = space.canonical(architecture)
    read = space.parse(text)
    _promise(read in (architecture, one), f"{space.name} does not read its own '{text}'")
    _promise(space.format(read) == text, f"{space.name} reads and writes '{text}' differently")
    _promise(space.canonical(one) == one, f"{space.name}: '{text}' has no stable canonical form")
    _promise(
        space.is_valid(one) == space.is_valid(architecture),
        f"{space.name}: of '{text}' and its canonical form only one is valid",
    )


class _OracleOfSpace:
    """What is checked of the truth of a space."""

    def __init__(self, space: str, source: str) -> None:
        self.name, self.source, self.space = space, source, get_space(space)

    @cached_property
    def tables(self) -> Accuracies:
        return load_accuracies(self.name, self.source)

    @cached_property
    def oracles(self) -> list[Oracle]:
        """One for each table, with its means; the default's is the first."""
        keys = dict.fromkeys([self.tables.resolve(), *self.tables])
        return [self.tables.oracle(self.space, key, "mean", allow_partial=True) for key in keys]

    def check_loads(self) -> None:
        """Something is known of each table, and it is the same each time."""
        again = load_accuracies(self.name, self.source)
        for key, values in self.tables.arrays.items():
            where = f"{self.name}, {' '.join(map(str, key))}"
            _promise(bool(np.isfinite(values).any()), f"{where}: no accuracy at all")
            _promise(not np.isinf(values).any(), f"{where}: an accuracy is infinite")
            same = np.array_equal(values, again.arrays[key], equal_nan=True)
            _promise(same, f"{where}: other accuracies each time that it is loaded")

    def check_equals(self) -> None:
        """Architectures that are the same network are one place in the ranking."""
        for oracle in self.oracles:
            for state in self._some(oracle):
                same = self.space.canonical(state)
                one, other = oracle.accuracy(state), oracle.accuracy(same)
                what = f"{self.name}: {state} has {one}, and {same}, the same network, {other}"
                _promise(one == other, what)

    def check_ranks(self) -> None:
        """The best is first, and nothing is better than it or beyond the last place."""
        for oracle in self.oracles:
            ((best, value),) = oracle.top(1)
            where = f"{self.name}, {oracle.dataset}"
            _promise(oracle.rank(best) == 1, f"{where}: the best architecture is not first")
            for state in self._some(oracle):
                _promise(oracle.accuracy(state) <= value, f"{where}: {state} beats the best")
                _promise(oracle.rank(state) <= oracle.n_places, f"{where}: {state} is beyond last")

    def check_completions(self) -> None:
        """V* of an architecture is its own accuracy; of a state, that of one that it leads to."""
        start = self.space.initial_state()
        for oracle in self.oracles:
            where = f"{self.name}, {oracle.dataset}"
            for edge in start.next_edges:
                for op in start.remaining(edge):
                    state = start.discretize(edge, op)
                    best, mean = oracle.best(state), oracle.mean(state)
                    if np.isnan(best):
                        continue
                    _promise(mean <= best + 1e-9, f"{where}: {state}: the mean beats the best")
                    _promise(best <= oracle.best(start), f"{where}: {state} beats A_0")

    def _some(self, oracle: Oracle) -> list[State]:
        """Architectures that the table knows, the same ones each time."""
        if isinstance(oracle, SampledOracle):
            return list(oracle.architectures[:20])
        known = np.argwhere(~np.isnan(oracle.mean_accuracy))
        chosen = np.random.default_rng(0).permutation(len(known))[:20]
        return [self.space.architecture(choices) for choices in known[chosen].tolist()]


class _PolicyOnSpace:
    """What is checked of a policy on one space."""

    def __init__(self, policy: str, space: str) -> None:
        self.policy, self.space = policy, space
        self.where = f"{policy} on {space}"
        self.start = get_space(space).initial_state()
        self.knows_truth = "oracle" in find_family(policy)[0].policy.uses

    @cached_property
    def context(self) -> ScoringContext:
        return self.new_context()

    @cached_property
    def scores(self) -> EdgeScores:
        """Of the edges that may be decided first."""
        found = make_policy(self.policy, self.context)
        if "supernet" not in found.uses:
            return found.scores(self.start, self.start.next_edges)
        with _nothing_changes(self.where, self.context.supernet, self.context.batch):
            return found.scores(self.start, self.start.next_edges)

    def new_context(self, seed: int = 0) -> ScoringContext:
        settings = ScoringSettings(
            policies=(self.policy,),
            space=self.space,
            size="smoke",
            batch_size=_BATCH,
            images="noise",
            oracle=OracleSettings(source="auto" if self.knows_truth else NO_TRUTH),
        )
        return ScoringContext(resolve(settings), seed)

    def if_it_applies(self, check: Callable[[], None]) -> None:
        if not self.knows_truth or _has_truth(self.space):
            check()

    def check_scores(self) -> None:
        edges = self.start.next_edges
        _promise(set(self.scores) >= set(edges), f"{self.where}: no scores of some edges")
        for edge in edges:
            _promise(
                len(self.scores[edge]) == len(self.start.remaining(edge)),
                f"{self.where}: not a score for each operation",
            )
            for score in self.scores[edge]:
                _check_score(self.where, score)

    def check_picks(self) -> None:
        found = make_policy(self.policy, self.context)
        for edge in self.start.next_edges:
            if all(score.status == OK for score in self.scores[edge]):
                picked = found.pick(self.start, edge, self.scores[edge])
                kept = {picked} if isinstance(picked, int) else set(picked)
                there = set(self.start.remaining(edge))
                _promise(kept <= there, f"{self.where}: picks what is not there")
                wanted = self.context.space.keeps[edge]
                _promise(len(kept) == wanted, f"{self.where}: keeps {len(kept)}, not {wanted}")

    def check_repeats(self) -> None:
        edges = self.start.next_edges
        repeated = make_policy(self.policy, self.new_context()).scores(self.start, edges)
        what = f"{self.where}: not the same scores each time"
        for edge in edges:
            _check_close(what, self.scores[edge], repeated[edge])

    def check_uses(self) -> None:
        """What it looks at is declared; without a seed among that, every seed has its scores."""
        edges, context = self.start.next_edges[:1], _Watched(self.new_context(seed=1))
        found = make_policy(self.policy, context)
        scores = found.scores(self.start, edges)
        for part in sorted(context.seen - found.uses):
            _promise(False, f"{self.where}: looks at {part}, and does not declare it in 'uses'")
        if "seed" not in found.uses:
            what = f"{self.where}: other scores with another seed, and 'uses' has no 'seed'"
            _check_close(what, self.scores[edges[0]], scores[edges[0]])


class _Watched:
    """A context that keeps what a policy looks at, in the words of ``Policy.uses``."""

    def __init__(self, context: ScoringContext) -> None:
        self._context = context
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in _PARTS:
            self.seen.add(_PARTS[name])
        return getattr(self._context, name)


def _has_truth(space: str) -> bool:
    """Whether a space has a table, and its file is here."""
    try:
        return has_oracle(space) and bool(list(load_accuracies(space)))
    except UserError:
        return False


class _ProxyOnSpace:
    """What is checked of a proxy on one space, on few states of its smallest supernet."""

    def __init__(self, proxy: Proxy, space: str) -> None:
        self.proxy, self.space = proxy, space
        self._known: dict[tuple[Meaning, torch.dtype], list[Score]] = {}

    @cached_property
    def supernet(self) -> Supernet:
        return build_supernet(self.space, "smoke", seed=1)

    @cached_property
    def wide_supernet(self) -> Supernet:
        """In double precision, and with batch norms as after training."""
        return _as_trained(build_supernet(self.space, "smoke", seed=1)).double()

    @cached_property
    def states(self) -> list[State]:
        """A_0, two of its neighbours, one decided edge, an architecture of all operations."""
        space = get_space(self.space)
        start = space.initial_state()
        perturbed = [start.perturb(0, op) for op in (0, space.shape[0] - 2)]
        mixed = space.architecture(
            [(count - 1 - e) % count for e, count in enumerate(space.choice_counts)]
        )
        decided = start.discretize(0, space.choices[0][-1])
        return [start, *perturbed, decided, mixed]

    @cached_property
    def batch(self) -> Batch:
        return _batch(_BATCH)

    @cached_property
    def wide_batch(self) -> Batch:
        return _batch(_BATCH, torch.float64)

    @cached_property
    def network(self) -> nn.Module:
        return build_network(self.states[-1], "smoke", seed=1)

    def scores(self, meaning: Meaning, dtype: torch.dtype = torch.float32) -> list[Score]:
        """Of all states at once; computed once, and nothing may change by it."""
        if (meaning, dtype) not in self._known:
            wide = dtype == torch.float64
            supernet = self.wide_supernet if wide else self.supernet
            batch = self.wide_batch if wide else self.batch
            with _nothing_changes(self._where(meaning), supernet, batch):
                found = self.proxy.scores(supernet, self.states, batch, How(meaning))
            self._known[meaning, dtype] = found
        return self._known[meaning, dtype]

    def _where(self, meaning: Meaning) -> str:
        return f"{self.proxy.name} on {self.space} ({meaning})"

    def check_scores(self, meaning: Meaning) -> None:
        """A score for each state, and one of the whole supernet."""
        where, scores = self._where(meaning), self.scores(meaning)
        _promise(
            len(scores) == len(self.states),
            f"{where}: {len(scores)} scores for {len(self.states)} states",
        )
        for score in scores:
            _check_score(where, score)
        # A kernel of gradients in train mode is singular wherever the last batch norm is pooled as
        # it is: the features of a minibatch then have the sum zero, and so have the logits.
        status = scores[0].status
        expected = ("singular", "does not depend on the images")
        _promise(
            status == OK or any(reason in status for reason in expected),
            f"{where}: no score of the whole supernet: {status}",
        )

    def check_repeats(self, meaning: Meaning) -> None:
        """The same numbers each time and, of a state, alone or together with others."""
        where, scores = self._where(meaning), self.scores(meaning)
        asked = self.states if self.proxy.grouped else self.states[-1:]
        alone, again = (
            self.proxy.scores(self.supernet, asked, self.batch, How(meaning)) for _ in range(2)
        )
        _promise(_values(again) == _values(alone), f"{where}: not the same number each time")
        _check_close(f"{where}: alone and together differ", alone, scores[-len(asked) :])

    def check_fast(self, meaning: Meaning) -> None:
        """The engine's numbers are the plain path's, in double precision."""
        fast = self.scores(meaning, torch.float64)
        plain = self.proxy.scores(
            self.wide_supernet, self.states, self.wide_batch, How(meaning, fast=False)
        )
        what = f"{self._where(meaning)}: the fast and the plain path differ"
        _check_close(what, fast, plain, tolerance=1e-8)

    def check_batch_sizes(self) -> None:
        for size in _OTHER_SIZES:
            for score in self.proxy.scores(self.supernet, self.states[:1], _batch(size)):
                _check_score(f"{self.proxy.name} with {size} images", score)

    def check_double_precision(self) -> None:
        double, single = self.scores("faithful", torch.float64), self.scores("faithful")
        for one, two in zip(single[:2], double[:2], strict=True):
            _check_score(f"{self.proxy.name} in double precision", two)
            _promise(
                one.status == OK or two.status != OK or "singular" in one.status,
                f"{self.proxy.name}: fails in single precision only ({one.status})",
            )

    @cached_property
    def _scored(self) -> bool:
        """Whether the whole supernet has a score, so that it can be seen what it depends on."""
        return self.scores("faithful")[0].status == OK

    def _first(self, batch: Batch, proxy: Proxy | None = None, fast: bool = True) -> Any:
        scores = (proxy or self.proxy).scores(self.supernet, self.states[:1], batch, How(fast=fast))
        return _values(scores)

    def check_labels(self) -> None:
        if not self._scored:
            return
        # Other groups of images, and other names for the same groups.
        labels, images = self.batch.labels, self.batch.images
        others = (labels.roll(1), (labels + 1) % 10)
        value = self._first(self.batch)
        same, name = (
            all(self._first(Batch(images, o, "")) == value for o in others),
            self.proxy.name,
        )
        if "labels" in self.proxy.needs:
            _promise(not same, f"{name} declares a need of labels, but they change nothing")
        else:
            _promise(same, f"{name} depends on labels, but does not declare it")

    def check_gradients(self) -> None:
        if "gradients" in self.proxy.needs or not self._scored:
            return
        plain = self._first(self.batch, fast=False)
        without = self._first(self.batch, _ungraded(self.proxy), fast=False)
        _promise(
            without == plain, f"{self.proxy.name} depends on gradients, but does not declare it"
        )

    def check_network(self) -> None:
        where = f"{self.proxy.name} on a stand-alone network"
        network, batch = self.network, self.batch
        # Called as a fast path calls it, which gives the same minibatch to many.
        own = copy_network(network).train(self.proxy.mode == "train")
        with _nothing_changes(where, network, batch), suppress(ArithmeticError, RuntimeError):
            self.proxy.function(own, batch)
        with _nothing_changes(where, network, batch):
            score = self.proxy.score_network(network, batch)
        _check_score(where, score)
        again = self.proxy.score_network(network, batch)
        _promise(_values([again]) == _values([score]), f"{where}: not the same number each time")

    def check_order(self) -> None:
        """A set of candidates has no order."""
        forwards = self.scores("faithful")
        backwards = self.proxy.scores(self.supernet, self.states[::-1], self.batch)[::-1]
        _promise(
            _values(forwards) == _values(backwards), f"{self.proxy.name}: depends on the order"
        )


def _check_declaration(proxy: Proxy) -> None:
    unknown = set(proxy.needs - _NEEDS)
    _promise(not unknown, f"{proxy.name}: unknown needs {unknown}")
    _promise(bool(proxy.source), f"{proxy.name}: no source")
    if proxy.grouped:
        return
    module = inspect.getmodule(proxy.function)
    text = f"{module.__doc__ if module else ''} {proxy.function.__doc__ or ''}"
    _promise(" = " in text, f"{proxy.name}: no equation in the documentation")
    told = named(proxy.source).split()[0] in text
    _promise(told, f"{proxy.name}: the documentation lacks the source")


def _as_trained(supernet: Supernet) -> Supernet:
    """The same one, with statistics and scales of batch norms that training could have left."""
    draw = torch.Generator().manual_seed(0)
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            if module.running_mean is not None and module.running_var is not None:
                module.running_mean.normal_(0, 0.1, generator=draw)
                module.running_var.uniform_(0.3, 2, generator=draw)
            for parameter in module.parameters():
                parameter.data.uniform_(-0.5, 1.5, generator=draw)
    return supernet


def _batch(size: int, dtype: torch.dtype = torch.float32) -> Batch:
    noise = NoiseImages(n_classes=3).minibatch(size, 0, "check")
    small = noise.images[:, :, :_PIXELS, :_PIXELS].contiguous()
    return Batch(small, noise.labels, noise.source).to("cpu", dtype)


def _values(scores: Sequence[Score]) -> list[tuple[float, str]]:
    """Scores without their times; failures compare equal by their status."""
    return [(0.0 if np.isnan(score.value) else score.value, score.status) for score in scores]


def _check_score(where: str, score: Score) -> None:
    if score.status == OK:
        _promise(bool(np.isfinite(score.value)), f"{where}: {score.value} with status ok")
    else:
        lacks = bool(np.isnan(score.value))
        _promise(lacks, f"{where}: a number beside the status '{score.status}'")
        _promise(bool(score.status.strip()), f"{where}: a failure without a reason")
    _promise(score.seconds >= 0, f"{where}: no time")


def _ungraded(proxy: Proxy) -> Proxy:
    """The proxy without recording of gradients; where it fails for that, that is its status."""

    def function(network: nn.Module, batch: Batch) -> float:
        try:
            with torch.no_grad():
                return proxy.function(network, batch)
        except RuntimeError as error:
            raise ArithmeticError(str(error)) from None

    return proxy.variant(function=function, clean=None)


def _check_close(
    what: str, first: Sequence[Score], second: Sequence[Score], tolerance: float = 1e-4
) -> None:
    for a, b in zip(first, second, strict=True):
        # The numbers in a reason come from rounding where a value is not known.
        reasons = [score.status.partition(" (")[0] for score in (a, b)]
        _promise(reasons[0] == reasons[1], f"{what}: '{a.status}', '{b.status}'")
        close = np.isclose(a.value, b.value, rtol=tolerance, atol=1e-3 * tolerance, equal_nan=True)
        _promise(bool(close), f"{what}: {a.value}, {b.value}")


@contextmanager
def _nothing_changes(where: str, network: nn.Module, batch: Batch) -> Iterator[None]:
    """ConformanceError when a network, a minibatch or a global generator is not left as it was."""
    parts: dict[str, Callable[[], Any]] = {
        "parameters or buffers": lambda: {k: v.clone() for k, v in network.state_dict().items()},
        "gradients": lambda: (
            [p.requires_grad for p in network.parameters()]
            + [p.grad is not None for p in network.parameters()]
        ),
        "mode": lambda: [module.training for module in network.modules()],
        "hooks": lambda: [_hooks(module) for module in network.modules()],
        "minibatch": lambda: [batch.images.clone(), batch.labels.clone()],
        "torch's global generator": torch.get_rng_state,
        "NumPy's global generator": lambda: np.random.get_state(legacy=True),  # noqa: NPY002
        "Python's global generator": random.getstate,
    }
    before = {part: look() for part, look in parts.items()}
    yield
    for part, look in parts.items():
        _promise(_same(before[part], look()), f"{where}: changed the {part}")


def _hooks(module: nn.Module) -> tuple[int, ...]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return tuple(len(getattr(module, kind)) for kind in kinds)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    return bool(first == second)
