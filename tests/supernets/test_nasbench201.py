from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from opscore.errors import UserError
from opscore.spaces import NASBENCH201
from opscore.supernets import (
    StateNetwork,
    build_network,
    build_supernet,
)
from opscore.supernets.nasbench201 import SIZES, NASBench201Network

INITIAL = NASBENCH201.initial_state()


def images(count=3, dtype=torch.float32):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_the_paper_size_has_the_logged_number_of_parameters():
    supernet = build_supernet(size="paper")
    assert sum(p.numel() for p in supernet.parameters()) == 1_686_106
    assert len(supernet.cells) == 17


def test_initialisation_depends_on_the_seed_alone():
    torch.manual_seed(0)
    first = build_supernet(size="smoke", seed=3)
    state = torch.random.get_rng_state()
    torch.manual_seed(99)
    again = build_supernet(size="smoke", seed=3)
    other = build_supernet(size="smoke", seed=4)
    torch.manual_seed(0)
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator did not move"
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


def test_initialisation_is_pytorchs_default_in_distribution():
    weight = build_supernet(size="paper").cells[16].edges["3<-0"]["3"].op[1].weight
    bound = 1 / np.sqrt(64 * 9)
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_alphas_are_near_uniform_and_no_parameters():
    supernet = build_supernet(size="smoke")
    theta = supernet.theta()
    assert theta.shape == (6, 5)
    assert torch.allclose(theta.sum(1), torch.ones(6))
    assert 1e-5 < (theta - 0.2).abs().max() < 2e-3
    assert "alphas" not in dict(supernet.named_parameters())


def test_weights_of_a_state():
    supernet = build_supernet(size="smoke")
    theta = supernet.theta()
    state = INITIAL.perturb(0, 3).discretize(2, 1)
    weights = supernet.weights(state)
    assert weights[0, 3] == 0
    assert torch.equal(weights[0, [0, 1, 2, 4]], theta[0, [0, 1, 2, 4]]), "nothing renormalised"
    assert weights[2].tolist() == [0, 1, 0, 0, 0]
    assert torch.equal(weights[1], theta[1])
    scaled = supernet.weights(state, survivors="renormalized")
    assert scaled[0].sum().item() == pytest.approx(1)
    assert scaled[0, 3] == 0
    even = supernet.weights(state.perturb(0, 1), survivors="uniform")
    assert even[0].tolist() == pytest.approx([0.2, 0, 0.2, 0, 0.2])
    for weights in (scaled, even):
        assert torch.allclose(weights[1], theta[1])
        assert weights[2].tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("run_removed", [False, True])
def test_removed_operations_do_not_change_the_output(run_removed):
    supernet = build_supernet(size="smoke", seed=1)
    state = INITIAL.perturb(0, 3).perturb(5, 2).discretize(1, 4)
    x = images()
    with torch.no_grad():
        weights = supernet.weights(state)
        whole = supernet(x, weights, run_removed=run_removed)
        for cell in supernet.cells:
            if hasattr(cell, "edges"):
                cell.edges["1<-0"]["3"].op[1].weight.fill_(float("nan"))
        damaged = supernet(x, weights)
    assert torch.equal(whole, damaged) or torch.allclose(whole, damaged, rtol=1e-6)


class Plain(NASBench201Network):
    """With batch norms as in the supernet."""

    affine = False


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_discretizing_every_edge_gives_the_standalone_network(choices):
    supernet = build_supernet(size="smoke", seed=2).double()
    architecture = NASBENCH201.architecture(choices)
    network = Plain(architecture, **SIZES["smoke"])
    network.double().eval()
    own = supernet.state_dict()
    network.load_state_dict({name: own[name] for name in network.state_dict()})
    x = images(2, torch.float64)
    with torch.no_grad():
        expected = network(x)
        found = StateNetwork(supernet, supernet.weights(architecture))(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_gradients_reach_weights_and_alphas():
    supernet = build_supernet(size="smoke")
    supernet.alphas.requires_grad_()
    supernet(images(), supernet.weights(INITIAL)).sum().backward()
    assert supernet.alphas.grad is not None
    assert supernet.alphas.grad.abs().sum() > 0
    assert supernet.stem[0].weight.grad is not None


def test_a_network_without_operations_still_depends_on_its_input():
    network = build_network(NASBENCH201.architecture([0] * 6), "smoke")
    x = images().requires_grad_()
    network(x).sum().backward()
    assert x.grad is not None


def test_standalone_networks_are_affine_and_seeded():
    network = build_network(NASBENCH201.architecture([3] * 6), "smoke", seed=5)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(m.affine for m in norms)
    again = build_network(NASBENCH201.architecture([3] * 6), "smoke", seed=5)
    assert torch.equal(network.classifier.weight, again.classifier.weight)


def test_an_unknown_size_lists_the_near_ones():
    with pytest.raises(UserError, match="unknown size 'papr'; did you mean paper"):
        build_supernet(size="papr")
