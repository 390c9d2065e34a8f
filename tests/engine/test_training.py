"""Steps of a training with less work: the same numbers as the plain ones, but for rounding."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from opscore.engine.execute.training import TrainingNetwork, training_network
from opscore.images import load_images
from opscore.settings.profiles import PROFILES, TrainingProfile
from opscore.spaces import NASBENCH201, SearchSpace, get_space
from opscore.supernets import SUPERNETS, Choice, Supernet, build_supernet
from opscore.supernets.training import train

TINY = TrainingProfile("tiny", epochs=2, steps=2, images=64, validation=16, batch_size=8)


def in_train_mode(space):
    supernet = build_supernet(space, "smoke", seed=1).double().train()
    supernet.alphas.copy_(torch.randn(supernet.alphas.shape, dtype=torch.float64))
    return supernet


def gradients(supernet, forward, state, images, labels):
    """Of the alphas, and of the weights by their names."""
    alphas = supernet.alphas.requires_grad_()
    value = cross_entropy(forward(images, supernet.weights(state)), labels)
    parameters = dict(supernet.named_parameters())
    found = torch.autograd.grad(value, [alphas, *parameters.values()], materialize_grads=True)
    alphas.requires_grad_(False)
    return value.detach(), dict(zip(["alphas", *parameters], found, strict=True))


def states(space):
    """A_0; without one operation; and with all edges but one decided."""
    initial = get_space(space).initial_state()
    edge = initial.next_edges[0]
    yield initial
    yield initial.perturb(edge, initial.remaining(edge)[-1])
    state = initial
    while len(state.next_edges) > 1:
        edge = state.next_edges[-1]
        state = state.discretize(edge, state.space.choices[edge][-1])
    yield state


@pytest.mark.parametrize(
    "space",
    [
        "nasbench201",
        "nasbench-macro",
        *(pytest.param(s, marks=pytest.mark.exhaustive) for s in ("transnas-micro", "mobilenet")),
        "nb1shot1-1",
        "darts",
    ],
)
def test_a_step_has_the_plain_steps_gradients_and_running_statistics(space):
    torch.manual_seed(0)
    original = in_train_mode(space)
    side = SUPERNETS[space].side("smoke")
    images, labels = torch.randn(6, 3, side, side, dtype=torch.float64), torch.arange(6)
    for state in states(space):
        plain, ours = deepcopy(original), deepcopy(original)
        forward = TrainingNetwork(ours, state)
        expected, slopes = gradients(plain, plain, state, images, labels)
        found, own_slopes = gradients(ours, forward, state, images, labels)
        assert forward._ends[tuple(images.shape[1:])] is not None, "it was read"
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        assert float(slopes["alphas"].abs().max()) > 1e-6
        for name, slope in slopes.items():
            torch.testing.assert_close(own_slopes[name], slope, rtol=1e-8, atol=1e-12, msg=name)
        for name, buffer in plain.named_buffers():
            torch.testing.assert_close(
                ours.get_buffer(name), buffer, rtol=1e-10, atol=1e-12, msg=name
            )


def test_a_training_of_many_steps_is_the_plain_one_but_for_rounding():
    images, profile = load_images("digits"), replace(TINY, fast=True)
    plain, ours = (build_supernet(size="smoke", seed=2).double() for _ in range(2))
    before = plain.alphas.clone()
    expected = train(plain, images, profile, 0)
    found = train(ours, images, profile, 0, forward=training_network)
    assert found["train_loss"].tolist() == pytest.approx(expected["train_loss"].tolist(), rel=1e-9)
    assert not torch.equal(before, plain.alphas)
    assert not torch.equal(ours.classifier.weight, plain.classifier.weight), "it went another way"
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-7, atol=1e-9, msg=name)


def test_only_a_profile_that_says_so_is_trained_so():
    images = load_images("digits")
    plain, same = (build_supernet(size="smoke", seed=2) for _ in range(2))
    train(plain, images, TINY, 0)
    train(same, images, TINY, 0, forward=training_network)
    for name, value in plain.state_dict().items():
        assert torch.equal(same.state_dict()[name], value), name
    assert "fast" not in TINY.training_key()
    assert replace(TINY, fast=True).training_key()["fast"] is True
    assert [name for name, profile in PROFILES.items() if profile.fast] == ["paper", "medium"]


class OfOnesOwn(Supernet):
    """A network that no test proves the engine on."""

    def __init__(self):
        super().__init__(SearchSpace("of-ones-own", ("a",), (("left", "right"),)))
        self.choice = Choice({0: nn.Conv2d(3, 4, 1), 1: nn.Conv2d(3, 4, 3, padding=1)})

    def logits(self, images, rows, run_removed):
        return self.choice(images, rows[0], run_removed).mean(dim=(2, 3))


def test_a_network_of_ones_own_is_trained_as_it_is():
    supernet = OfOnesOwn()
    assert training_network(supernet, supernet.space.initial_state()) is supernet


def test_nothing_is_computed_for_an_operation_that_is_not_there():
    supernet = build_supernet(size="smoke").train()
    state = NASBENCH201.architecture([3, 0, 0, 3, 0, 0])
    forward, images = training_network(supernet, state), torch.randn(2, 3, 16, 16)
    weights = supernet.weights(state)
    forward(images, weights)  # reads the network
    calls = []
    for name, module in supernet.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    forward(images, weights)
    cells = [name for name in calls if ".edges." in name]
    assert cells == [f"cells.{cell}.edges.3<-0.3.op.1" for cell in (0, 2, 4)]
