"""Per-sample gradients taken together, against one backward pass for each sample."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from opscore.images import load_images
from opscore.proxies import How, get_proxy
from opscore.proxies.ntk import (
    condition_number,
    coupled_kernel,
    gram,
    separate_kernel,
    sum_of_logits,
)
from opscore.proxies.per_sample import freeze_batch_statistics, per_sample_gradients
from opscore.spaces import NASBENCH201
from opscore.supernets import StateNetwork, build_network, build_supernet

STATE = NASBENCH201.initial_state().perturb(0, 3)


def loop_kernel(network, images):
    """The definition: one backward pass for each sample, and all parameters named 'weight'."""
    outputs = network(images)
    rows = []
    for index in range(len(images)):
        network.zero_grad()
        outputs[index : index + 1].backward(
            torch.ones_like(outputs[index : index + 1]), retain_graph=True
        )
        rows.append(
            torch.cat(
                [
                    parameter.grad.flatten().clone()
                    for name, parameter in network.named_parameters()
                    if "weight" in name and parameter.grad is not None
                ]
            )
        )
    network.zero_grad()
    return gram(torch.stack(rows))


def networks(dtype):
    supernet = build_supernet(size="smoke", seed=2).to(dtype)
    architecture = NASBENCH201.architecture([3, 2, 1, 4, 3, 2])
    return {
        "state": StateNetwork(supernet, supernet.weights(STATE), run_removed=True),
        "network": build_network(architecture, "smoke", seed=2).to(dtype),
    }


@pytest.mark.parametrize("kind", ["state", "network"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_faithful_kernel_is_the_loop(kind, dtype):
    network = networks(dtype)[kind].train()
    images = load_images("digits").minibatch(8, 0, "ntk").images.to(dtype)
    expected = loop_kernel(copy.deepcopy(network), images)
    found = coupled_kernel(network, images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.max()))
    assert condition_number(found) == pytest.approx(condition_number(expected), rel=1e-4)


@pytest.mark.parametrize("kind", ["state", "network"])
def test_together_is_the_loop_where_samples_do_not_meet(kind):
    network = networks(torch.float64)[kind]
    images = load_images("digits").minibatch(8, 0, "ntk").images.double()
    freeze_batch_statistics(network, images)
    expected = loop_kernel(copy.deepcopy(network), images)
    found = separate_kernel(network, images)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))
    assert condition_number(found) == pytest.approx(condition_number(expected), rel=1e-4)


def test_frozen_statistics_give_the_outputs_of_train_mode():
    network = networks(torch.float64)["network"]
    images = load_images("digits").minibatch(8, 0, "ntk").images.double()
    expected = copy.deepcopy(network).train()(images)
    freeze_batch_statistics(network, images)
    torch.testing.assert_close(network(images), expected)


class Twice(nn.Module):
    """Norms of both kinds, one of which runs twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.flat, self.head = nn.BatchNorm1d(3), nn.Linear(3, 4)

    def forward(self, x):
        x = self.norm(self.conv(self.norm(x).relu()))
        return self.head(self.flat(x.square().mean((2, 3))))


@pytest.mark.parametrize("kind", ["twice", "macro"])
def test_a_norm_that_runs_several_times_has_the_statistics_of_each(kind):
    torch.manual_seed(0)
    if kind == "twice":
        network, side = Twice().double(), 12
    else:
        supernet, side = build_supernet("transnas-macro", "smoke").double(), 64
        state = supernet.space.initial_state()
        network = StateNetwork(supernet, supernet.weights(state), run_removed=True)
    images = torch.randn(6, 3, side, side, dtype=torch.float64)
    expected = copy.deepcopy(network).train()(images)
    freeze_batch_statistics(network, images)
    for _ in range(2):
        torch.testing.assert_close(network(images), expected)
    expected = loop_kernel(network, images)
    found = separate_kernel(network, images)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8 * float(expected.max()))


def test_per_sample_gradients_of_all_kinds_of_layers():
    torch_draw = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shared = nn.Conv2d(4, 4, 3, padding=1)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            shared,
            nn.ReLU(inplace=True),
            shared,  # runs twice
            nn.Conv2d(4, 6, (1, 3), dilation=(1, 2), groups=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 5),
        ).double()
    images = torch.randn(5, 3, 12, 12, generator=torch_draw, dtype=torch.float64)
    freeze_batch_statistics(network, images)
    found = list(per_sample_gradients(network, images, sum_of_logits, batch_norm=True))
    layers = [network[0], network[1], shared, network[6], network[9]]
    assert len(found) == len(layers)
    for index, image in enumerate(images):
        network.zero_grad()
        network(image[None]).sum().backward()
        for rows, layer in zip(found, layers, strict=True):
            torch.testing.assert_close(rows[index], layer.weight.grad.flatten())


def test_a_singular_kernel_is_a_failure_with_its_reason():
    batch = load_images("digits").minibatch(4, 0, "ntk")
    twice = type(batch)(batch.images[[0, 1, 0]], batch.labels[[0, 1, 0]], "a pair of twins")
    for meaning in ("faithful", "clean"):
        network = networks(torch.float32)["network"]
        score = get_proxy("ntk").score_network(network, twice, How(meaning))
        assert score.status.startswith("ArithmeticError: singular kernel")
