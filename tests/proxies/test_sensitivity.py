from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from opscore.images import load_images
from opscore.proxies.sensitivity import operation_sensitivities
from opscore.spaces import NASBENCH201
from opscore.supernets import build_supernet

STATE = NASBENCH201.initial_state().perturb(1, 2).discretize(3, 1)


@pytest.fixture(scope="module")
def parts():
    supernet = build_supernet(size="smoke").double()
    batch = load_images("digits").minibatch(6, 0, "sensitivity").to("cpu", torch.float64)
    return supernet, batch


def test_it_is_the_derivative_with_respect_to_an_operations_weight(parts):
    supernet, batch = parts
    found = operation_sensitivities(supernet, STATE, batch, mode="eval", signed=True)
    weights = supernet.weights(STATE)
    step = 1e-6
    for edge, op in [(0, 3), (1, 1), (2, 4), (3, 1), (5, 2)]:
        losses = []
        for sign in (1, -1):
            moved = weights.clone()
            moved[edge, op] += sign * step
            with torch.no_grad():
                losses.append(functional.cross_entropy(supernet(batch.images, moved), batch.labels))
        slope = (losses[0] - losses[1]) / (2 * step)
        assert float(found[edge, op]) == pytest.approx(float(weights[edge, op] * slope), rel=1e-5)


def test_it_has_a_score_for_every_operation_that_is_there(parts):
    supernet, batch = parts
    found = operation_sensitivities(supernet, STATE, batch)
    there = torch.tensor(STATE.mask)
    assert torch.equal(torch.isfinite(found), there)
    assert (found[there] >= 0).all()
    assert (found[:, 0][there[:, 0]] == 0).all()  # 'none'


def test_the_supernet_is_left_as_it_was(parts):
    supernet, batch = parts
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    with torch.no_grad():
        operation_sensitivities(supernet, STATE, batch)
    assert not supernet.training
    for name, value in supernet.state_dict().items():
        assert torch.equal(value, before[name])
