"""The network whose cells have their gradient written out, against the supernet's own modules."""

from __future__ import annotations

import copy
import pickle
import weakref
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from opscore.images import Batch, NoiseImages
from opscore.proxies.common import channel_effects, counted_layers, gradients, loss
from opscore.spaces import NASBENCH201
from opscore.supernets import (
    StateNetwork,
    Supernet,
    batch_statistics,
    build_supernet,
)
from opscore.supernets.batch_statistics import Node, Outputs, Pointwise, Spatial, channel_sums
from opscore.supernets.nasbench201_gradient import GradientNetwork
from opscore.supernets.nasbench201_prefix import Prefix
from opscore.supernets.workspace import Spare, Workspace

EDGES, OPS = len(NASBENCH201.edges), NASBENCH201.max_operations

#: Rows of operation weights, where many are zero.
tables = st.lists(
    st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0]), min_size=OPS, max_size=OPS),
    min_size=EDGES,
    max_size=EDGES,
)


def supernet_in_train_mode(dtype: torch.dtype = torch.float64) -> Supernet:
    return build_supernet(size="smoke").to(dtype).train()


def noise(count: int, dtype: torch.dtype = torch.float64) -> Batch:
    batch = NoiseImages().minibatch(count, 0, "gradient").to("cpu", dtype)
    return Batch(batch.images[:, :, :16, :16].contiguous(), batch.labels, batch.source)


def weight_and_image_gradients(network: nn.Module, batch: Batch) -> list[Tensor]:
    images = batch.images.clone().requires_grad_()
    value = functional.cross_entropy(network(images), batch.labels)
    return gradients(value, [images, *network.parameters()])


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables, images=st.integers(2, 5), pieces=st.integers(1, 3))
def test_gradients_equal_those_of_the_modules(
    table: list[list[float]], images: int, pieces: int
) -> None:
    supernet, batch, weights = supernet_in_train_mode(), noise(images), torch.tensor(table).double()
    plain = weight_and_image_gradients(StateNetwork(supernet, weights).train(), batch)
    with pytest.MonkeyPatch.context() as patch:
        # Images of the first stage, 4 channels of 16 x 16 pixels, in so many pieces or a few more.
        node = -(-images // pieces) * 4 * 16 * 16 * 8
        patch.setitem(batch_statistics.PIECE_BYTES, "cpu", node)
        network = GradientNetwork(supernet, weights, Workspace()).train()
        assert_equal(weight_and_image_gradients(network, batch), plain)


def test_what_an_earlier_state_left_in_memory_plays_no_part() -> None:
    supernet, batch, memory = supernet_in_train_mode(), noise(4), Workspace()
    whole = NASBENCH201.initial_state()
    for state in (whole, whole.perturb(0, 3).perturb(1, 0), whole.discretize(5, 1), whole):
        weights = supernet.weights(state)
        fresh = GradientNetwork(supernet, weights, Workspace()).train()
        used = GradientNetwork(supernet, weights, memory).train()
        assert_equal(
            weight_and_image_gradients(used, batch), weight_and_image_gradients(fresh, batch)
        )


def convolved(network: nn.Module, batch: Batch) -> int:
    """How many convolutions of rectified nodes a forward pass computes."""
    with pytest.MonkeyPatch.context() as patch:
        calls: list[object] = []

        def counted(memory: Workspace, name: object, make: Callable[[], Tensor]) -> Tensor:
            calls.append(name)
            return make()

        patch.setattr(Workspace, "renew", counted)
        network(batch.images)
    return len(calls)


def test_states_share_the_first_cell_as_far_as_they_agree() -> None:
    supernet, batch, memory, prefix = supernet_in_train_mode(), noise(4), Workspace(), Prefix()
    whole = NASBENCH201.initial_state()
    # Three cells with six edges: 0, 1 and 3 leave node 0; 2 and 4 leave node 1; 5 leaves node 2.
    steps = [
        (whole, 18),
        (whole.perturb(5, 1), 12),  # all six are known
        (whole.perturb(0, 0), 12),  # 'none' plays no part
        (whole.perturb(0, 2), 12 + 3),  # another node 1, so other outputs from 1 and from 2
        (whole.perturb(2, 3), 10 + 2),  # node 1 again, and another node 2; edge 2 has none
    ]
    for state, expected in steps:
        weights = supernet.weights(state)
        network = GradientNetwork(supernet, weights, memory, prefix).train()
        assert convolved(network, batch) == expected
        alone = GradientNetwork(supernet, weights, Workspace()).train()
        assert_equal(
            weight_and_image_gradients(network, batch), weight_and_image_gradients(alone, batch)
        )


@pytest.mark.parametrize("name", ["stem.0.weight", "cells.0.edges.1<-0.3.op.1.weight", "images"])
def test_nothing_old_is_known_of_other_weights_or_images(name: str) -> None:
    supernet, batch, prefix = supernet_in_train_mode(), noise(4), Prefix()
    weights = supernet.weights(NASBENCH201.initial_state())
    network = GradientNetwork(supernet, weights, Workspace(), prefix).train()
    network(batch.images)
    with torch.no_grad():
        changed = batch.images if name == "images" else supernet.get_parameter(name)
        changed[0] *= -0.5
    alone = GradientNetwork(supernet, weights, Workspace()).train()
    assert_equal(
        weight_and_image_gradients(network, batch), weight_and_image_gradients(alone, batch)
    )


def test_gates_tell_what_hooks_tell() -> None:
    supernet, batch = supernet_in_train_mode(), noise(5)
    weights = supernet.weights(NASBENCH201.initial_state().perturb(2, 2))
    plain = StateNetwork(copy.deepcopy(supernet), weights).train()
    network = GradientNetwork(supernet, weights, Workspace()).train()
    named = {layer: name for name, layer in network.named_modules()}
    found = {named[layer]: effect for layer, effect in channel_effects(network, batch)}
    named = {layer: name for name, layer in plain.named_modules()}
    expected = {named[layer]: effect for layer, effect in channel_effects(plain, batch)}
    assert found.keys() == expected.keys()
    assert len(found) > 3 * 11, "the convolutions of the cells, and those around them"
    assert_equal([found[name] for name in expected], list(expected.values()))


def test_arithmetic_can_be_counted_while_gates_are_asked_for() -> None:
    # The counter hooks modules' outputs, which autograd only allows for those with a history.
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())
    network = GradientNetwork(supernet, weights, Workspace()).train()
    with FlopCounterMode(display=False) as counter:
        channel_effects(network, batch)
    assert counter.get_total_flops() > 0


def test_a_gradient_can_be_taken_twice_but_not_after_another_pass() -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())
    network = GradientNetwork(supernet, weights, Workspace()).train()
    kernels = [layer.weight for layer in counted_layers(network)]
    value = loss(network, batch)
    first = torch.autograd.grad(value, kernels, retain_graph=True)
    assert_equal(list(torch.autograd.grad(value, kernels, retain_graph=True)), list(first))
    network(batch.images)
    with pytest.raises(RuntimeError, match="before its next forward pass"):
        torch.autograd.grad(value, kernels)


def test_second_derivatives_are_refused_in_train_mode_and_there_in_eval_mode() -> None:
    supernet, batch = supernet_in_train_mode(), noise(3)
    weights = supernet.weights(NASBENCH201.initial_state())
    network = GradientNetwork(supernet, weights, Workspace())

    def slope(training: bool) -> Tensor:
        kernels = [layer.weight for layer in counted_layers(network.train(training))]
        found = gradients(loss(network, batch), kernels, create_graph=True)
        return torch.stack([part.square().sum() for part in found]).sum()

    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope(True).backward()
    slope(False).backward()


@pytest.mark.parametrize("size", [1, 3])
def test_statistics_in_single_precision_are_as_good_as_the_frameworks(size: int) -> None:
    draw = torch.Generator().manual_seed(size)
    # Means far from zero, and channels that hardly differ: where digits are lost.
    common = torch.randn(64, 1, 16, 16, generator=draw) + 3
    x = (common + 0.1 * torch.randn(64, 8, 16, 16, generator=draw)).clamp_min(0)
    kernel = torch.randn(8, 8, size, size, generator=draw)
    r = Node(x.contiguous(memory_format=torch.channels_last).split(16), squared=True)
    if size == 1:
        branch: Pointwise | Spatial = Pointwise(r, kernel, 1.0, 1e-5)
    else:
        pieces = [functional.conv2d(piece, kernel, padding=1) for piece in r.pieces]
        branch = Spatial(r, kernel, Outputs(Workspace(), pieces), 1.0, 1e-5)
    y = functional.conv2d(x.double(), kernel.double(), padding=size // 2)
    variance, mean = torch.var_mean(y, dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(branch.mean, mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(branch.variance, variance + 1e-5, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_of_a_piece(dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(0)
    x, z = (
        torch.randn(7, 5, 4, 3, generator=draw, dtype=dtype).contiguous(
            memory_format=torch.channels_last
        )
        for _ in range(2)
    )
    sums, products = channel_sums(x, z)
    torch.testing.assert_close(sums[0], x.double().sum(dim=(0, 2, 3)), rtol=1e-5, atol=1e-5)
    expected = (x.double() * z.double()).sum(dim=(0, 2, 3))
    torch.testing.assert_close(products[0], expected, rtol=1e-5, atol=1e-5)


def test_sums_by_image_are_never_taken_for_those_of_a_batch() -> None:
    supernet, batch, prefix, memory = supernet_in_train_mode(), noise(4), Prefix(), Workspace()
    weights = supernet.weights(NASBENCH201.initial_state())
    network = GradientNetwork(supernet, weights, memory, prefix).train()
    weight_and_image_gradients(network, batch)
    found = [effect for _, effect in channel_effects(network, batch)]
    alone = GradientNetwork(supernet, weights, Workspace()).train()
    assert_equal(found, [effect for _, effect in channel_effects(alone, batch)])


def test_a_workspace_gives_the_same_memory_for_the_same_layout() -> None:
    memory, like = Workspace(), torch.zeros(2, 3, 4, 4)
    buffer = memory.buffer("node", like)
    assert memory.buffer("node", like) is buffer
    last = memory.buffer("node", like.contiguous(memory_format=torch.channels_last))
    assert last is not buffer
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert copy.deepcopy(memory) is memory


def test_a_workspace_keeps_nothing_for_images_of_another_size() -> None:
    memory, like = Workspace(), torch.zeros(2, 3, 4, 4)
    memory.begin(like)
    buffer = memory.buffer("node", like)
    memory.begin(like + 1)
    assert memory.buffer("node", like) is buffer
    memory.begin(like[:1])
    assert memory.buffer("node", like) is not buffer


def test_one_workspace_is_kept_between_calls() -> None:
    device, first, second = torch.device("cpu"), Spare(), Spare()
    with first.borrowed(device) as memory, first.borrowed(device) as other:
        assert other is not memory
    with copy.deepcopy(first).borrowed(device) as again:
        assert again is memory
    with second.borrowed(device), pickle.loads(pickle.dumps(first)).borrowed(device) as sent:
        assert sent is not memory
    with first.borrowed(device) as later:
        assert later is not memory, "the second one's was the last, and is the one that is kept"


def test_no_workspace_is_kept_after_an_error() -> None:
    spare = Spare()
    with pytest.raises(MemoryError), spare.borrowed(torch.device("cpu")) as memory:
        raise MemoryError
    with spare.borrowed(torch.device("cpu")) as fresh:
        assert fresh is not memory


def test_a_workspace_lets_an_output_go_before_its_successor_is_made() -> None:
    memory = Workspace()
    alive: list[bool] = []

    class Output(Tensor):
        pass

    first = memory.renew("y", lambda: torch.zeros(3).as_subclass(Output))
    reference = weakref.ref(first)
    del first

    def make() -> Tensor:
        alive.append(reference() is not None)
        return torch.ones(3)

    memory.renew("y", make)
    assert alive == [False]
