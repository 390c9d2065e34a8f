from __future__ import annotations

import copy

import torch
from torch import nn

from opscore.spaces import NASBENCH201
from opscore.supernets import StateNetwork, build_network, build_supernet
from opscore.supernets.copying import copy_network


def networks():
    supernet = build_supernet(size="smoke").train()
    state = NASBENCH201.initial_state().perturb(0, 3)
    return [
        StateNetwork(supernet, supernet.weights(state), run_removed=True),
        build_network(NASBENCH201.architecture([1, 2, 3, 4, 0, 3]), "smoke"),
    ]


def test_a_copy_has_the_same_state_mode_and_outputs():
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for network in networks():
        expected, found = copy.deepcopy(network), copy_network(network)
        assert found.state_dict().keys() == expected.state_dict().keys()
        assert repr(found) == repr(expected)
        assert [m.training for m in found.modules()] == [m.training for m in expected.modules()]
        assert [p.requires_grad for p in found.parameters()] == [
            p.requires_grad for p in expected.parameters()
        ]
        torch.testing.assert_close(found(images), expected(images))


def test_a_copy_shares_nothing_that_can_change():
    for network in networks():
        before = {name: value.clone() for name, value in network.state_dict().items()}
        found = copy_network(network)
        for module in found.modules():
            assert module not in set(network.modules())
            module.register_forward_hook(lambda *_: None)
        found.double()
        for value in found.state_dict().values():
            value.zero_()
        assert not any(module._forward_hooks for module in network.modules())
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name])


def test_what_is_shared_inside_stays_shared():
    layer = nn.Linear(2, 2)
    network = nn.Sequential(layer, nn.ReLU(), layer)
    network.seen = [layer]
    network.tied = nn.Linear(2, 2)
    network.tied.weight = layer.weight
    found = copy_network(network)
    assert found[0] is found[2]
    assert found.seen[0] is found[0]
    assert found.tied.weight is found[0].weight
    assert found[0] is not layer
