"""Public conformance checks, for this package's proxies, policies and spaces, and for others'.

from opscore.testing import check_policy, check_proxy, check_space

def test_what_i_wrote():
    check_proxy("my_proxy")
    check_policy("my_policy")
    check_space("my_space")
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringContext, ScoringSettings
from opscore.images import Batch, NoiseImages
from opscore.oracles import NO_TRUTH, has_oracle, load_accuracies
from opscore.policies import find_family, make_policy
from opscore.proxies import MEANINGS, Meaning, Proxy, Score, get_proxy
from opscore.proxies.score import OK
from opscore.spaces import State, get_space
from opscore.supernets import SUPERNETS, Supernet, build_network, build_supernet
from opscore.supernets.copying import copy_network

#: Images in the minibatch of most checks, other sizes that have to work, and their width.
_BATCH, _OTHER_SIZES = 6, (5, 9)
_PIXELS = 16

_NEEDS = frozenset({"labels", "gradients", "per-sample gradients", "double"})


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

    Raises AssertionError with what is wrong.
    """
    found = get_proxy(proxy) if isinstance(proxy, str) else proxy
    _check_declaration(found)
    for space in SUPERNETS if spaces is None else spaces:
        supernet = build_supernet(space, "smoke", seed=1)
        states = _states(supernet)
        batch = _batch(_BATCH)
        for meaning in MEANINGS:
            _check_scores(found, supernet, states, batch, meaning)
        _check_sizes_and_precision(found, supernet, states, batch)
        _check_needs(found, supernet, states[0], batch)
        if found.grouped:
            _check_candidates(found, supernet, states, batch)
        else:
            _check_network(found, build_network(states[-1], "smoke", seed=1), batch)


def check_space(space: str) -> None:
    """Check that a space and its networks keep the promises that all commands rely on.

    Strings are read as they are written; canonical forms are their own; every state between A_0
    and an architecture has logits; decided edges weigh one, and what is removed plays no part in
    the output; the stand-alone network of an architecture is the supernet with one choice on every
    edge; and policies that need no training can score and pick.

    Args:
        space: name of a registered space with registered networks.

    Raises AssertionError with what is wrong.
    """
    this, family = get_space(space), SUPERNETS[space]
    for size in ("paper", "smoke"):
        assert size in family.sizes, f"{space}: no size '{size}'"
    draw = np.random.default_rng(0)
    for choices in draw.integers(this.choice_counts, size=(20, len(this.edges))):
        _check_architecture(this.architecture([int(choice) for choice in choices]))
    supernet = build_supernet(space, "smoke", seed=1, n_classes=3)
    side = family.side("smoke")
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        end = _check_walk(supernet, images)
        _check_alone(supernet, this.canonical(end), images)
    for policy in ("random", "zc-pt(nwot)", "disc-zc(synflow)"):
        check_policy(policy, [space])


def _check_architecture(architecture: State) -> None:
    space = architecture.space
    text = space.format(architecture)
    one = space.canonical(architecture)
    read = space.parse(text)
    assert read in (architecture, one), f"{space.name} does not read its own '{text}'"
    assert space.format(read) == text, f"{space.name} reads and writes '{text}' differently"
    assert space.canonical(one) == one, f"{space.name}: '{text}' has no stable canonical form"
    assert space.is_valid(one) == space.is_valid(architecture), (
        f"{space.name}: of '{text}' and its canonical form only one is valid"
    )


def _check_walk(supernet: Supernet, images: torch.Tensor) -> State:
    """Decide edge after edge, the last choice each time; returns the architecture."""
    space = supernet.space
    state = space.initial_state()
    while state.next_edges:
        _finite(supernet(images, supernet.weights(state)), f"{space.name}: {state}")
        edge = state.next_edges[0]
        state = state.discretize(edge, space.choices[edge][-1])
    weights = supernet.weights(state)
    for edge, kept in enumerate(space.keeps):
        row = weights[edge]
        # An edge weighs nothing where a later choice leaves it out as a whole.
        left_out = bool((row == 0).all()) and space.canonical(state) != state
        assert left_out or int((row == 1).sum()) == kept == int((row != 0).sum()), (
            f"{space.name}: edge {space.edges[edge]} is decided, and its weights are {row.tolist()}"
        )
    logits = supernet(images, weights)
    _finite(logits, f"{space.name}: {state}")
    also = supernet(images, weights, run_removed=True)
    assert torch.equal(logits, also), f"{space.name}: removed operations change the output"
    return state


def _check_alone(supernet: Supernet, architecture: State, images: torch.Tensor) -> None:
    """The stand-alone network, with the supernet's weights, against the supernet."""
    name, known = supernet.space.name, supernet.state_dict()
    network = build_network(architecture, "smoke", seed=2, n_classes=3)
    norms = {
        f"{place}.{part}"
        for place, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for part in ("weight", "bias")  # these may exist in the stand-alone network only
    }
    state = network.state_dict()
    missing = state.keys() - known.keys() - norms
    assert not missing, f"{name}: the supernet has no {min(missing, default='')} of its network"
    network.load_state_dict({n: known.get(n, value) for n, value in state.items()})
    mine, theirs = network(images), supernet(images, supernet.weights(architecture))
    assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-5), (
        f"{name}: the network of {architecture} is not the supernet with one choice on every edge"
    )


def _finite(logits: torch.Tensor, where: str) -> None:
    assert logits.shape == (2, 3), f"{where}: logits of shape {tuple(logits.shape)}, not (2, 3)"
    assert torch.isfinite(logits).all(), f"{where}: logits are not finite"


def check_policy(policy: str, spaces: Sequence[str] | None = None) -> None:
    """Check that a policy scores and picks on every space.

    On the smallest supernet of each space: a score for each remaining operation of each edge that
    may be decided, a finite number or a failure with its reason; the same ones each time; a pick
    of as many operations as the edge keeps; nothing changed in the supernet or the minibatch. A
    policy that knows the truth is checked where there is one.

    Args:
        policy: its name, argument included.
        spaces: names of the spaces to check on; all that have a supernet when None.

    Raises AssertionError with what is wrong.
    """
    uses = find_family(policy)[0].policy.uses
    for space in SUPERNETS if spaces is None else spaces:
        if "oracle" in uses and not _has_truth(space):
            continue
        source = "auto" if "oracle" in uses else NO_TRUTH
        settings = ScoringSettings(
            policies=(policy,),
            space=space,
            size="smoke",
            batch_size=_BATCH,
            images="noise",
            oracle=OracleSettings(source=source),
        ).resolved()
        _check_policy(policy, ScoringContext(settings, 0), ScoringContext(settings, 0))


def _has_truth(space: str) -> bool:
    """Whether a space has a table, and its file is here."""
    try:
        return has_oracle(space) and bool(list(load_accuracies(space)))
    except UserError:
        return False


def _check_policy(policy: str, context: ScoringContext, again: ScoringContext) -> None:
    where, state = f"{policy} on {context.space.name}", context.space.initial_state()
    found = make_policy(policy, context)
    edges = state.next_edges
    if "supernet" in found.uses:
        with _nothing_changes(where, context.supernet, context.batch):
            scores = found.scores(state, edges)
    else:
        scores = found.scores(state, edges)
    assert set(scores) >= set(edges), f"{where}: no scores of some edges"
    for edge in edges:
        left = state.remaining(edge)
        assert len(scores[edge]) == len(left), f"{where}: not a score for each operation"
        for score in scores[edge]:
            _check_score(where, score)
        if all(score.status == OK for score in scores[edge]):
            picked = found.pick(state, edge, scores[edge])
            kept = {picked} if isinstance(picked, int) else set(picked)
            assert kept <= set(left), f"{where}: picks what is not there"
            assert len(kept) == context.space.keeps[edge], f"{where}: keeps {len(kept)}"
    repeated = make_policy(policy, again).scores(state, edges)
    for edge in edges:
        _assert_close(f"{where}: not the same scores each time", scores[edge], repeated[edge])


def _check_declaration(proxy: Proxy) -> None:
    assert proxy.needs <= _NEEDS, f"{proxy.name}: unknown needs {set(proxy.needs - _NEEDS)}"
    assert proxy.source, f"{proxy.name}: no source"
    if proxy.grouped:
        return
    module = inspect.getmodule(proxy.function)
    text = f"{module.__doc__ if module else ''} {proxy.function.__doc__ or ''}"
    assert " = " in text, f"{proxy.name}: no equation in the documentation"
    assert proxy.source.split()[0] in text, f"{proxy.name}: the documentation lacks the source"


def _states(supernet: Supernet) -> list[State]:
    """A_0, two of its neighbours, and an architecture with all kinds of operations."""
    space = supernet.space
    start = space.initial_state()
    perturbed = [start.perturb(0, op) for op in (0, space.shape[0] - 2)]
    mixed = space.architecture(
        [(count - 1 - e) % count for e, count in enumerate(space.choice_counts)]
    )
    return [start, *perturbed, mixed]


def _batch(size: int, dtype: torch.dtype = torch.float32) -> Batch:
    noise = NoiseImages(n_classes=3).minibatch(size, 0, "check")
    small = noise.images[:, :, :_PIXELS, :_PIXELS].contiguous()
    return Batch(small, noise.labels, noise.source).to("cpu", dtype)


def _values(scores: Sequence[Score]) -> list[tuple[float, str]]:
    """Scores without their times; failures compare equal by their status."""
    return [(0.0 if np.isnan(score.value) else score.value, score.status) for score in scores]


def _check_scores(
    proxy: Proxy, supernet: Supernet, states: list[State], batch: Batch, meaning: Meaning
) -> None:
    where = f"{proxy.name} on {supernet.space.name} ({meaning})"
    with _nothing_changes(where, supernet, batch):
        scores = proxy.scores(supernet, states, batch, meaning=meaning)
    assert len(scores) == len(states), f"{where}: {len(scores)} scores for {len(states)} states"
    for score in scores:
        _check_score(where, score)
    # A kernel of gradients in train mode is singular wherever the last batch norm is pooled as it
    # is: the features of a minibatch then have the sum zero, and so have the logits.
    status = scores[0].status
    expected = ("singular", "does not depend on the images")
    assert status == OK or any(reason in status for reason in expected), (
        f"{where}: no score of the whole supernet: {status}"
    )
    if proxy.grouped:
        again = proxy.scores(supernet, states, batch, meaning=meaning)
        assert _values(again) == _values(scores), f"{where}: not the same numbers each time"
    else:
        alone = proxy.scores(supernet, states[-1:], batch, meaning=meaning)
        again = proxy.scores(supernet, states[-1:], batch, meaning=meaning)
        assert _values(again) == _values(alone), f"{where}: not the same number each time"
        _assert_close(f"{where}: alone and together differ", alone, scores[-1:])
    if proxy.engine is not None:
        # In double precision: zico divides by deviations that may be near zero.
        wide, images = deepcopy(supernet).double(), batch.to("cpu", torch.float64)
        fast = proxy.scores(wide, states, images, meaning=meaning)
        plain = proxy.scores(wide, states, images, meaning=meaning, fast=False)
        _assert_close(f"{where}: the fast and the plain path differ", fast, plain)


def _check_score(where: str, score: Score) -> None:
    if score.status == OK:
        assert np.isfinite(score.value), f"{where}: {score.value} with status ok"
    else:
        assert np.isnan(score.value), f"{where}: a number beside the status '{score.status}'"
        assert score.status.strip(), f"{where}: a failure without a reason"
    assert score.seconds >= 0, f"{where}: no time"


def _check_network(proxy: Proxy, network: nn.Module, batch: Batch) -> None:
    where = f"{proxy.name} on a stand-alone network"
    # Called as a fast path calls it, which gives the same minibatch to many.
    own = copy_network(network).train(proxy.mode == "train")
    with _nothing_changes(where, network, batch), suppress(ArithmeticError, RuntimeError):
        proxy.function(own, batch)
    with _nothing_changes(where, network, batch):
        score = proxy.score_network(network, batch)
    _check_score(where, score)
    again = proxy.score_network(network, batch)
    assert _values([again]) == _values([score]), f"{where}: not the same number each time"


def _check_sizes_and_precision(
    proxy: Proxy, supernet: Supernet, states: list[State], batch: Batch
) -> None:
    for size in _OTHER_SIZES:
        for score in proxy.scores(supernet, states[:1], _batch(size)):
            _check_score(f"{proxy.name} with {size} images", score)
    wide = build_supernet(supernet.space.name, "smoke", seed=1).double()
    double = proxy.scores(wide, states[:2], batch.to("cpu", torch.float64))
    single = proxy.scores(supernet, states[:2], batch)
    for one, two in zip(single, double, strict=True):
        _check_score(f"{proxy.name} in double precision", two)
        assert one.status == OK or two.status != OK or "singular" in one.status, (
            f"{proxy.name}: fails in single precision only ({one.status})"
        )


def _check_needs(proxy: Proxy, supernet: Supernet, state: State, batch: Batch) -> None:
    if proxy.grouped:
        return
    score = proxy.scores(supernet, [state], batch)
    # Other groups of images, and other names for the same groups.
    others = (batch.labels.roll(1), (batch.labels + 1) % 10)
    same = all(
        _values(proxy.scores(supernet, [state], Batch(batch.images, labels, ""))) == _values(score)
        for labels in others
    )
    if "labels" in proxy.needs:
        assert not same, f"{proxy.name} declares a need of labels, but they change nothing"
    else:
        assert same, f"{proxy.name} depends on labels, but does not declare it"
    if "gradients" not in proxy.needs:
        without = _ungraded(proxy).scores(supernet, [state], batch, fast=False)
        plain = proxy.scores(supernet, [state], batch, fast=False)
        assert _values(without) == _values(plain), (
            f"{proxy.name} depends on gradients, but does not declare it"
        )


def _ungraded(proxy: Proxy) -> Proxy:
    """The proxy without recording of gradients; where it fails for that, that is its status."""

    def function(network: nn.Module, batch: Batch) -> float:
        try:
            with torch.no_grad():
                return proxy.function(network, batch)
        except RuntimeError as error:
            raise ArithmeticError(str(error)) from None

    return proxy.variant(function=function, clean=None)


def _check_candidates(proxy: Proxy, supernet: Supernet, states: list[State], batch: Batch) -> None:
    """A set of candidates has no order."""
    forwards = proxy.scores(supernet, states, batch)
    backwards = proxy.scores(supernet, states[::-1], batch)[::-1]
    assert _values(forwards) == _values(backwards), f"{proxy.name}: depends on the order"


def _assert_close(what: str, first: Sequence[Score], second: Sequence[Score]) -> None:
    for a, b in zip(first, second, strict=True):
        # The numbers in a reason come from rounding where a value is not known.
        reasons = [score.status.partition(" (")[0] for score in (a, b)]
        assert reasons[0] == reasons[1], f"{what}: '{a.status}', '{b.status}'"
        assert np.isclose(a.value, b.value, rtol=1e-4, atol=1e-7, equal_nan=True), (
            f"{what}: {a.value}, {b.value}"
        )


@contextmanager
def _nothing_changes(where: str, network: nn.Module, batch: Batch) -> Iterator[None]:
    """AssertionError when a network, a minibatch or a global generator is not left as it was."""
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
        assert _same(before[part], look()), f"{where}: changed the {part}"


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
