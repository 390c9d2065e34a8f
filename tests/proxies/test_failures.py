"""No number where there is none: a status with its reason, whichever library says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from opscore.errors import Note, UserError
from opscore.images import Batch, NoiseImages
from opscore.proxies import PROXIES, How, get_proxy, list_proxies, register_proxy, unregister_proxy
from opscore.proxies.nwot import log_determinant
from opscore.spaces import NASBENCH201
from opscore.supernets import build_network, build_supernet

A_0 = NASBENCH201.initial_state()
ARCHITECTURE = NASBENCH201.architecture([3, 1, 2, 4, 3, 2])


@pytest.fixture
def batch():
    return NoiseImages().minibatch(8, 0, "test")


@pytest.fixture
def scored(batch):
    """What a function's score is."""

    def score(function):
        register_proxy("mine", higher_is_better=True, source="me")(function)
        try:
            return get_proxy("mine").scores(build_supernet(size="smoke"), [A_0], batch)[0]
        finally:
            unregister_proxy("mine")

    return score


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda n, b: torch.linalg.cholesky(-torch.eye(2))[0, 0], "LinAlgError"),
        (lambda n, b: np.linalg.cholesky(-np.eye(2))[0, 0], "LinAlgError"),
        (lambda n, b: math.log(0.0), "ValueError: "),
        (lambda n, b: torch.empty(10**15), "memory"),
        (lambda n, b: np.empty(10**15), "MemoryError"),
        (lambda n, b: 10**400, "OverflowError"),
        (lambda n, b: 1 / 0, "ZeroDivisionError"),
        (lambda n, b: math.nan, "not finite (nan)"),
        (lambda n, b: torch.tensor(math.inf), "not finite (inf)"),
    ],
)
def test_failures_of_any_library_are_statuses(scored, function, reason):
    found = scored(function)
    assert math.isnan(found.value)
    assert reason in found.status
    assert "\n" not in found.status


def overflowing(scale, dtype):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()]
    layers += [layer for _ in range(4) for layer in (nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 32 * 32, 10))
    for weight in network.parameters():
        weight.data.mul_(scale)
    return network.to(dtype)


@pytest.mark.parametrize(("scale", "dtype"), [(1e9, torch.float32), (30, torch.float16)])
def test_what_overflows_inside_has_no_score_either_way(batch, scale, dtype):
    network, images = overflowing(scale, dtype), batch.images.to(dtype)
    own = Batch(images, batch.labels, batch.source)
    fast = get_proxy("nwot").score_network(network, own)
    plain = get_proxy("nwot").score_network(network, own, How(fast=False))
    assert fast.status == plain.status
    assert "not finite" in fast.status
    assert get_proxy("nwot").score_network(overflowing(1, dtype), own).status == "ok"


def test_one_value_for_each_channel_is_a_status_either_way():
    one = NoiseImages().minibatch(1, 0, "test")
    supernet = build_supernet("transnas-micro", "smoke")
    for fast in (True, False):
        (score,) = get_proxy("grad_norm").scores(
            supernet, [supernet.space.initial_state()], one, How(fast=fast)
        )
        assert "more than 1 value per channel" in score.status


def test_mistakes_are_no_failures(scored):
    with pytest.raises(ValueError, match="unpack"):
        scored(lambda n, b: next(x for x, y in [(1, 2, 3)]))
    with pytest.raises(NameError):
        scored(lambda n, b: undefined)  # noqa: F821


@pytest.mark.parametrize("value", [1, True, 1.5, np.float32(2), np.array([1.5]), torch.ones(1, 1)])
def test_a_single_number_is_a_number_however_it_is_held(scored, value):
    assert scored(lambda n, b: value).value == np.asarray(value).item()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "returned None"),
        ("1.5", "returned a str"),
        (1j, "returned a complex"),
        (torch.ones(2), r"returned a Tensor of shape \[2\]"),
        ([1.0], "returned a list"),
    ],
)
def test_other_returns_are_named(scored, value, shown):
    with pytest.raises(UserError, match=f"proxy 'mine' {shown}; it has to return one real number"):
        scored(lambda n, b: value)


@pytest.mark.parametrize("name", list_proxies())
@pytest.mark.parametrize("fast", [True, False])
def test_what_is_not_finite_has_no_score(name, fast, batch):
    proxy, supernet = get_proxy(name), build_supernet(size="smoke")
    images = batch.images.clone()
    images[2, 0, 3, 3] = math.nan
    broken = Batch(images, batch.labels, "")
    network = build_network(ARCHITECTURE, "smoke")
    for score in (
        *proxy.scores(supernet, [A_0, A_0.perturb(0, 1)], broken, How(fast=fast)),
        proxy.score_network(network, broken, How(fast=fast)),
    ):
        assert math.isnan(score.value)
        assert score.status == "not finite: the images"
    supernet.alphas.fill_(math.nan)
    next(network.parameters()).data.fill_(math.inf)
    for score in (
        *proxy.scores(supernet, [A_0], batch, How(fast=fast)),
        proxy.score_network(network, batch, How(fast=fast)),
    ):
        assert math.isnan(score.value)
        assert score.status.startswith("not finite: ")


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_equal_images_have_a_singular_kernel_in_any_order(fast, meaning, batch):
    images = batch.images.clone()
    images[7] = images[0]
    supernet = build_supernet(size="smoke")
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [3, 1, 4, 0, 5, 7, 2, 6]):
        same = Batch(images[order], batch.labels, "")
        (score,) = get_proxy("nwot").scores(supernet, [A_0], same, How(meaning, fast=fast))
        assert "two images have the same code" in score.status


def test_singular_kernels_are_told_by_their_numbers():
    codes = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]])
    kernel = torch.tensor(codes @ codes.T + (1 - codes) @ (1 - codes).T, dtype=torch.float64)
    assert log_determinant(kernel) == pytest.approx(float(torch.logdet(kernel)))
    # Three units tell four images apart, but K has rank three at most.
    few = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    flat = torch.tensor(few @ few.T + (1 - few) @ (1 - few).T, dtype=torch.float64)
    assert log_determinant(flat) == -math.inf
    assert log_determinant(flat[[2, 0, 3, 1]][:, [2, 0, 3, 1]]) == -math.inf


CELL = """
@register_proxy('again', higher_is_better=True, source='x')
def {name}(network, batch):
    return {value}
"""


def test_a_cell_that_is_run_again_replaces_its_proxy(batch):
    cell = {"register_proxy": register_proxy, "__name__": "__main__"}
    supernet = build_supernet(size="smoke")
    try:
        exec(CELL.format(name="f", value="1.0"), cell)
        with pytest.warns(Note, match="proxy 'again' is defined again"):
            exec(CELL.format(name="g", value="2.0"), cell)
        assert get_proxy("again").scores(supernet, [A_0], batch)[0].value == 2
        with pytest.raises(Exception, match="already registered"):
            register_proxy("again", higher_is_better=True, source="x")(lambda n, b: 3.0)
    finally:
        unregister_proxy("again")
    assert "again" not in PROXIES
    with pytest.raises(UserError, match="unknown proxy 'agian'"):
        unregister_proxy("agian")
