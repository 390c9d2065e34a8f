"""The engine reads every registered space, and gives the plain path's numbers there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from _pytest.mark import ParameterSet
from cases import (
    architectures_of,
    batch_of,
    fast_kernel,
    network_of,
    new_supernet,
    plain_kernel,
    states_of,
    supernet_of,
    weights_of,
)

from opscore.engine import CannotTraceError, Forms, activation_kernels, coverage, synaptic_flows
from opscore.engine.execute import kernels
from opscore.proxies import MEANINGS, How, get_proxy
from opscore.proxies.synflow import log_flow
from opscore.spaces import State
from opscore.supernets import SUPERNETS, StateNetwork, build_supernet

SPACES = [
    pytest.param(name, marks=pytest.mark.exhaustive) if name in ("darts-none", "s2", "s3") else name
    for name in SUPERNETS
]

#: Spaces on which a second setting of the same check is left to 'make test-all'.
LARGE = ("darts", "mobilenet", "nb1shot1-3", "s1", "s4", "transnas-macro")

#: Spaces of most work or most like another one.
LARGEST = ("darts", "darts-none", "mobilenet", "nb1shot1-3", "s1", "s2", "s3", "transnas-macro")


def with_spaces(settings: Sequence[object]) -> Iterator[ParameterSet]:
    """Each setting on every space; large spaces have the first one only in 'make test'."""
    for number, setting in enumerate(settings):
        for name in SUPERNETS:
            later = name in ("darts-none", "s2", "s3") or (number > 0 and name in LARGE)
            yield pytest.param(name, setting, marks=pytest.mark.exhaustive if later else ())


@pytest.mark.parametrize("space", SPACES)
def test_all_is_read_by_rules(space: str) -> None:
    found = coverage(build_supernet(space, "smoke"))
    assert found.reason is None
    whole = set(found.kinds("batch")) - {"Noise"}  # S4 draws it for all images together
    assert not whole, "layers that run on the whole batch at once"
    assert not found.unused, "layers that the trace did not meet"


@pytest.mark.parametrize(("space", "run_removed"), [*with_spaces([True, False])])
def test_kernels_are_those_of_the_plain_path(space: str, run_removed: bool) -> None:
    tables = weights_of(space)[:: 3 if space in LARGE else 1]
    supernet, x = supernet_of(space), batch_of(4).images
    found = activation_kernels(supernet, tables, x, run_removed=run_removed)
    seen = set()
    for positions, kernel in found:
        for place in positions:
            network = StateNetwork(supernet, tables[place], run_removed=run_removed)
            assert torch.equal(kernel, plain_kernel(network, x, run_removed))
            seen.add(place)
    assert seen == set(range(len(tables)))


@pytest.mark.parametrize(
    "space",
    [pytest.param(s, marks=pytest.mark.exhaustive) if s in LARGEST else s for s in SUPERNETS],
)
def test_states_side_by_side_have_the_kernels_that_they_have_alone(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supernet, x, tables = supernet_of(space), batch_of(3).images, weights_of(space)

    def by_place() -> dict[int, torch.Tensor]:
        found = activation_kernels(supernet, tables, x, run_removed=True)
        return {place: kernel.clone() for positions, kernel in found for place in positions}

    alone = by_place()
    monkeypatch.setitem(kernels.STATES_BYTES, "cpu", 2**40)
    together = by_place()
    assert all(torch.equal(alone[place], together[place]) for place in range(len(tables)))


@pytest.mark.parametrize(("space", "wrappers"), [*with_spaces([True, False])])
def test_stand_alone_networks_have_the_plain_kernel(space: str, wrappers: bool) -> None:
    x = batch_of(4).images
    for state in architectures_of(space, 3):
        network = network_of(state)
        fast = fast_kernel(network, x, wrappers)
        assert torch.equal(fast, plain_kernel(network, x, wrappers))


@pytest.mark.parametrize(("space", "meaning"), [*with_spaces(MEANINGS)])
def test_synflow_is_that_of_the_plain_path(space: str, meaning: str) -> None:
    supernet, batch, proxy = supernet_of(space), batch_of(1), get_proxy("synflow")
    states = states_of(space)[:: 3 if space in LARGE else 1]  # the plain path is slow there
    survivors = proxy.weighs(meaning)  # type: ignore[arg-type]
    weights = torch.stack([supernet.weights(state, survivors=survivors) for state in states])
    plain = proxy.scores(supernet, states, batch, How(meaning, fast=False))  # type: ignore[arg-type]
    if space == "s4":  # what its noise does is not in the rules of a flow: it runs as it is
        with pytest.raises(CannotTraceError, match="no derivative goes through"):
            synaptic_flows(supernet, weights, batch.images.shape[1:])
        found = [s.value for s in proxy.scores(supernet, states, batch, How(meaning))]  # type: ignore[arg-type]
    else:
        flows = synaptic_flows(supernet, weights, batch.images.shape[1:])
        found = [log_flow(flow) for flow in flows]
    for value, score in zip(found, plain, strict=True):
        if score.status == "ok":
            assert value == pytest.approx(score.value, rel=1e-12)


@pytest.mark.parametrize(
    "space",
    [pytest.param(s, marks=pytest.mark.exhaustive) if s in LARGEST else s for s in SUPERNETS],
)
def test_architectures_of_one_form_compute_the_same(space: str) -> None:
    supernet, x = new_supernet(space).train(), batch_of(4).images
    forms = Forms(supernet, x.shape[1:])
    by_form: dict[object, list[State]] = {}
    for state in architectures_of(space, 40):
        by_form.setdefault(forms.form(supernet.weights(state)), []).append(state)
    for states in by_form.values():
        logits = [supernet(x, supernet.weights(state)).detach() for state in states[:2]]
        assert torch.allclose(logits[0], logits[-1], rtol=0, atol=1e-10)
