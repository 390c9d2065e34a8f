"""The networks that share work, against the supernet's own modules, on every registered space."""

from __future__ import annotations

import copy

import pytest
import torch
from cases import (
    IMAGES,
    batch_of,
    new_supernet,
    plain_gradients,
    weight_and_image_gradients,
    weights_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from opscore.engine import shared_networks
from opscore.engine.execute.batch_norm import batch_norm, channel_sums
from opscore.images import Batch
from opscore.proxies.common import channel_effects, counted_layers, gradients, loss
from opscore.spaces import NASBENCH201
from opscore.supernets import SUPERNETS, StateNetwork, Supernet, build_supernet

EDGES, OPS = len(NASBENCH201.edges), NASBENCH201.max_operations

#: Rows of operation weights, where many are zero.
tables = st.lists(
    st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0]), min_size=OPS, max_size=OPS),
    min_size=EDGES,
    max_size=EDGES,
)


def supernet_in_train_mode(
    space: str = "nasbench201", dtype: torch.dtype = torch.float64
) -> Supernet:
    return build_supernet(space, "smoke").to(dtype).train()


def noise(count: int, side: int = 16) -> Batch:
    batch = batch_of(count, side)
    return Batch(batch.images.clone(), batch.labels, batch.source)


def networks_of(
    supernet: Supernet, weights: Tensor, batch: Batch, first_order: bool = True
) -> list[StateNetwork]:
    """One network for each table, in their order."""
    found: list[StateNetwork | None] = [None] * len(weights)
    shape = batch.images.shape[1:]
    distinct = shared_networks(supernet, weights, shape, first_order=first_order)
    for positions, network in distinct:
        for position in positions:
            found[position] = network
    return [network for network in found if network is not None]


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-11 * scale)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables, images=st.integers(2, 5))
def test_gradients_equal_those_of_the_modules(table: list[list[float]], images: int) -> None:
    supernet, batch, weights = supernet_in_train_mode(), noise(images), torch.tensor(table).double()
    plain = weight_and_image_gradients(StateNetwork(supernet, weights).train(), batch)
    (network,) = networks_of(supernet, weights[None], batch)
    assert_equal(weight_and_image_gradients(network, batch), plain)


#: Spaces that have only the first of the settings below in 'make test', and some not even that:
#: another space has the same layers.
LARGE = ("darts", "darts-none", "s1", "s2", "s3", "s4", "mobilenet", "nb1shot1-3", "transnas-macro")
ALIKE = ("darts-none", "s2", "s3", "transnas-macro")
#: States of each space: A_0 and some of its perturbations; half as many of a large one.
FEW = 4


@pytest.mark.parametrize(
    ("space", "training", "first_order"),
    [
        pytest.param(
            space,
            *setting,
            marks=pytest.mark.exhaustive if space in (LARGE if number else ALIKE) else (),
        )
        for space in SUPERNETS
        for number, setting in enumerate(
            [(True, True), (True, False), (False, True), (False, False)]
        )
    ],
)
def test_gradients_on_every_space(space: str, training: bool, first_order: bool) -> None:
    supernet, batch = new_supernet(space).train(training), batch_of(IMAGES)
    few = FEW // 2 if space in LARGE else FEW
    plain = plain_gradients(space, training, few)
    weights = weights_of(space)[:few]
    for network, expected in zip(
        networks_of(supernet, weights, batch, first_order), plain, strict=True
    ):
        assert_equal(weight_and_image_gradients(network, batch), expected)


def test_images_of_another_shape_are_read_again() -> None:
    supernet = supernet_in_train_mode()
    weights = supernet.weights(NASBENCH201.initial_state())
    (network,) = networks_of(supernet, weights[None], noise(3))
    other = noise(2, 8)
    plain = weight_and_image_gradients(StateNetwork(supernet, weights), other)
    assert_equal(weight_and_image_gradients(network, other), plain)


@pytest.mark.parametrize("name", ["stem.0.weight", "cells.0.edges.1<-0.3.op.1.weight", "images"])
def test_nothing_old_is_known_of_other_weights_or_images(name: str) -> None:
    supernet, batch = supernet_in_train_mode(), noise(4)
    weights = supernet.weights(NASBENCH201.initial_state())
    (network,) = networks_of(supernet, weights[None], batch)
    network(batch.images)
    with torch.no_grad():
        changed = batch.images if name == "images" else supernet.get_parameter(name)
        changed[0] *= -0.5
    plain = weight_and_image_gradients(StateNetwork(supernet, weights), batch)
    assert_equal(weight_and_image_gradients(network, batch), plain)


def test_hooks_see_what_they_see_on_the_plain_path() -> None:
    supernet, batch = supernet_in_train_mode(), noise(5)
    weights = supernet.weights(NASBENCH201.initial_state().perturb(2, 2))
    plain = StateNetwork(copy.deepcopy(supernet), weights).train()
    (network,) = networks_of(supernet, weights[None], batch)
    named = {layer: name for name, layer in network.named_modules()}
    found = {named[layer]: effect for layer, effect in channel_effects(network, batch)}
    named = {layer: name for name, layer in plain.named_modules()}
    expected = {named[layer]: effect for layer, effect in channel_effects(plain, batch)}
    assert found.keys() == expected.keys()
    assert len(found) > 3 * 11, "the convolutions of the cells, and those around them"
    assert_equal([found[name] for name in expected], list(expected.values()))


def test_arithmetic_can_be_counted() -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())
    (network,) = networks_of(supernet, weights[None], batch)
    with FlopCounterMode(display=False) as counter:
        channel_effects(network, batch)
    assert counter.get_total_flops() > 0


def test_a_gradient_can_be_taken_twice() -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())
    (network,) = networks_of(supernet, weights[None], batch)
    kernels = [layer.weight for layer in counted_layers(network)]
    value = loss(network, batch)
    first = torch.autograd.grad(value, kernels, retain_graph=True)
    assert_equal(list(torch.autograd.grad(value, kernels)), list(first))


@pytest.mark.parametrize("first_order", [True, False])
def test_second_derivatives_are_refused_where_only_first_were_promised(first_order: bool) -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())

    def slope(training: bool) -> Tensor:
        supernet.train(training)
        (network,) = networks_of(supernet, weights[None], batch, first_order)
        kernels = [layer.weight for layer in counted_layers(network)]
        found = gradients(loss(network, batch), kernels, create_graph=True)
        return torch.stack([part.square().sum() for part in found]).sum()

    if first_order:
        with pytest.raises(RuntimeError, match="once_differentiable"):
            slope(True).backward()
    else:
        slope(True).backward()
    slope(False).backward()


def test_equal_networks_are_one() -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    whole = NASBENCH201.initial_state()
    states = [whole, *(whole.perturb(e, o) for e in range(EDGES) for o in range(OPS))]
    weights = torch.stack([supernet.weights(state) for state in states])
    distinct = shared_networks(supernet, weights, batch.images.shape[1:])
    found = [positions for positions, _ in distinct]
    # Removing 'none' changes nothing: 24 perturbations are left, and the network itself.
    assert len(found) == 25
    assert sorted(place for positions in found for place in positions) == list(range(31))


def hard_values(dtype: torch.dtype) -> Tensor:
    """Means far from zero, and channels that hardly differ: where digits are lost."""
    draw = torch.Generator().manual_seed(1)
    common = torch.randn(64, 1, 16, 16, generator=draw) + 3
    x = (common + 0.1 * torch.randn(64, 8, 16, 16, generator=draw)).clamp_min(0)
    return x.to(dtype, memory_format=torch.channels_last)


def test_batch_norm_has_the_frameworks_gradients() -> None:
    x = hard_values(torch.float64)[:5].requires_grad_()
    weight = torch.linspace(0.5, 2, 8, dtype=torch.float64).requires_grad_()
    bias = torch.linspace(-1, 1, 8, dtype=torch.float64).requires_grad_()
    found = batch_norm(x, weight, bias, 1e-5)
    expected = functional.batch_norm(x, None, None, weight, bias, True, eps=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    scale = torch.randn_like(found)
    assert_equal(
        list(torch.autograd.grad((found * scale).sum(), [x, weight, bias])),
        list(torch.autograd.grad((expected * scale).sum(), [x, weight, bias])),
    )


def test_batch_norm_in_single_precision_is_as_good_as_the_frameworks() -> None:
    x = hard_values(torch.float32)
    ones, zeros = torch.ones(8), torch.zeros(8)
    found = batch_norm(x, ones, zeros, 1e-5)
    exact = functional.batch_norm(
        x.double(), None, None, ones.double(), zeros.double(), True, eps=1e-5
    )
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("one_pass", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_of_channels(
    dtype: torch.dtype, one_pass: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opscore.engine.execute.batch_norm._sums_in_one_pass", lambda: one_pass)
    draw = torch.Generator().manual_seed(0)
    x, z = (
        torch.randn(7, 5, 4, 3, generator=draw, dtype=dtype).contiguous(
            memory_format=torch.channels_last
        )
        for _ in range(2)
    )
    sums, products = channel_sums(x, z)
    torch.testing.assert_close(sums, x.double().sum(dim=(0, 2, 3)), rtol=1e-5, atol=1e-5)
    expected = (x.double() * z.double()).sum(dim=(0, 2, 3))
    torch.testing.assert_close(products, expected, rtol=1e-5, atol=1e-5)
