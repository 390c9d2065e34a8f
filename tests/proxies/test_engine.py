"""The fast path gives the plain path's numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import cases
import numpy as np
import pytest
import torch
from cases import batch_of, new_supernet
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from opscore.engine import CannotTraceError, activation_kernels
from opscore.engine.execute import kernels
from opscore.errors import UserError
from opscore.images import Batch
from opscore.proxies import MEANINGS, PROXIES, How, get_proxy, list_proxies, register_proxy
from opscore.spaces import NASBENCH201, State
from opscore.supernets import StateNetwork, build_supernet, load_batch, load_checkpoint

EDGES, OPS = 6, 5
A0 = NASBENCH201.initial_state()
PERTURBATIONS = [A0.perturb(edge, op) for edge in range(EDGES) for op in range(OPS)]

rows = st.lists(st.booleans(), min_size=OPS, max_size=OPS).filter(any).map(tuple)
states = st.lists(rows, min_size=EDGES, max_size=EDGES).map(
    lambda mask: State(NASBENCH201, tuple(mask))
)


def trained(size: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    return new_supernet("nasbench201", size, seed).to(dtype)


def images(count: int, dtype: torch.dtype = torch.float64, side: int = 32) -> Batch:
    return batch_of(count, side, dtype)


def fast_kernels(supernet, tables, x, run_removed):
    found = [torch.empty(0)] * len(tables)
    distinct = activation_kernels(supernet, tables, x, run_removed=run_removed)
    assert isinstance(distinct, Iterator)
    for positions, kernel in distinct:
        for position in positions:
            found[position] = kernel.clone()
    return found


def plain_kernel(supernet, table, x, run_removed):
    return cases.plain_kernel(
        StateNetwork(supernet, table, run_removed=run_removed), x, run_removed
    )


@pytest.mark.parametrize("run_removed", [True, False])
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(states, min_size=1, max_size=4), seed=st.integers(0, 3))
@example(asked=[NASBENCH201.architecture(["none"] * EDGES)], seed=0)
@example(asked=[NASBENCH201.architecture(["nor_conv_1x1"] * EDGES), A0], seed=1)
def test_kernels_of_random_states_are_equal_in_double_precision(run_removed, asked, seed):
    supernet, x = trained("smoke", seed), images(5, side=16).images
    tables = torch.stack([supernet.weights(state) for state in asked])
    for table, fast in zip(tables, fast_kernels(supernet, tables, x, run_removed), strict=True):
        assert torch.equal(fast, plain_kernel(supernet, table, x, run_removed))


@pytest.mark.parametrize("run_removed", [True, False])
@pytest.mark.parametrize("size", ["smoke", "cpu"])
def test_kernels_in_single_precision_differ_by_a_few_signs_at_most(monkeypatch, size, run_removed):
    # Pieces of 3 images in the first stage, 6 and 12 later: none divides the batch.
    channels = {"smoke": 4, "cpu": 8}[size]
    monkeypatch.setitem(kernels.PIECE_BYTES, "cpu", 3 * channels * 32 * 32 * 4)
    supernet = trained(size, dtype=torch.float32)
    x = images(17, torch.float32).images
    asked = [A0, A0.perturb(0, 3), A0.discretize(2, 4).perturb(5, 1)]
    tables = torch.stack([supernet.weights(state) for state in asked])
    for table, fast in zip(tables, fast_kernels(supernet, tables, x, run_removed), strict=True):
        plain = plain_kernel(supernet, table, x, run_removed)
        assert torch.equal(fast.diagonal(), plain.diagonal())
        # Activations within rounding of zero may turn; each moves an entry by its multiplicity.
        assert (fast - plain).abs().max() <= 24


@pytest.mark.parametrize("run_removed", [True, False])
@pytest.mark.parametrize("size", ["smoke", "cpu"])
def test_states_that_go_together_have_the_kernels_that_they_have_alone(
    monkeypatch, size, run_removed
):
    supernet, x = trained(size), images(5, side=16).images
    asked = [
        A0,
        *PERTURBATIONS[3:20:4],
        A0.discretize(0, 1),
        A0.discretize(2, 4).perturb(5, 1).perturb(5, 3),
        NASBENCH201.architecture(["none"] * EDGES),
        NASBENCH201.architecture(["skip_connect", "none", "nor_conv_1x1"] * 2),
        NASBENCH201.architecture([3, 2, 4, 1, 0, 2]),
    ]
    tables = torch.stack([supernet.weights(state) for state in asked])
    alone = fast_kernels(supernet, tables, x, run_removed)
    together: list[int] = []
    side_by_side = kernels.KernelPass._side_by_side
    monkeypatch.setattr(
        kernels.KernelPass,
        "_side_by_side",
        lambda s, group, removed: together.append(len(group)) or side_by_side(s, group, removed),
    )
    # Four states at most, in pieces of two images of them in the first stage.
    node = {"smoke": 4, "cpu": 8}[size] * 16 * 16 * 8
    monkeypatch.setitem(kernels.STATES_BYTES, "cpu", 4 * len(x) * node)
    monkeypatch.setitem(kernels.PIECE_BYTES, "cpu", 8 * node)
    found = fast_kernels(supernet, tables, x, run_removed)
    assert together == [4, 4, 2]
    for one, other, table in zip(found, alone, tables, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, plain_kernel(supernet, table, x, run_removed))


def test_neighbours_that_go_together_share_no_nodes_of_others(monkeypatch):
    supernet, x = trained("smoke"), images(4, side=16).images
    # The second pair agrees with the first on the leading edges of one state only.
    asked = [A0, A0.perturb(5, 1), A0.perturb(5, 2), A0.perturb(0, 2)]
    tables = torch.stack([supernet.weights(state) for state in asked])
    alone = fast_kernels(supernet, tables, x, True)
    monkeypatch.setitem(kernels.STATES_BYTES, "cpu", 2 * 4 * 4 * 16 * 16 * 8)
    for one, other in zip(fast_kernels(supernet, tables, x, True), alone, strict=True):
        assert torch.equal(one, other)


def test_mixed_weights_of_any_value():
    supernet, x = trained("smoke"), images(4, side=16).images
    table = torch.rand(EDGES, OPS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    table[1, 2], table[4] = 0, 0
    (fast,) = fast_kernels(supernet, table[None], x, True)
    assert torch.equal(fast, plain_kernel(supernet, table, x, True))


def test_equal_networks_are_computed_once():
    supernet, x = trained("smoke"), images(4, side=16).images
    tables = torch.stack([supernet.weights(state) for state in [A0, *PERTURBATIONS]])
    found = list(activation_kernels(supernet, tables, x, run_removed=True))
    # Removing 'none' changes nothing: 24 perturbations are left, and the network itself.
    assert len(found) == 25
    assert sorted(position for positions, _ in found for position in positions) == list(range(31))
    assert max(len(positions) for positions, _ in found) == 7


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(state=states, meaning=st.sampled_from(MEANINGS))
def test_synflow_of_random_states(state, meaning):
    supernet, batch = trained("smoke", dtype=torch.float32), images(1, torch.float32, side=16)
    fast, plain = (
        get_proxy("synflow").scores(supernet, [state], batch, How(meaning, fast=way))[0]
        for way in (True, False)
    )
    assert fast.status == plain.status
    if plain.status == "ok":
        assert math.exp(fast.value - plain.value) == pytest.approx(1, abs=1e-9)


def test_scoring_leaves_the_supernet_and_the_batch_alone():
    supernet, batch = trained("smoke").train(), images(4, side=16)
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    pixels = batch.images.clone()
    for name in list_proxies():
        if PROXIES[name].engine is not None:
            get_proxy(name).scores(supernet, PERTURBATIONS[:3], batch)
    assert supernet.training
    assert torch.equal(batch.images, pixels)
    for name, value in supernet.state_dict().items():
        assert torch.equal(value, before[name]), name


def cannot_be_read(*_, **__):
    raise CannotTraceError("not by this test")


def test_a_proxy_without_a_fast_way_for_a_supernet_takes_the_plain_path(monkeypatch):
    supernet, batch = trained("smoke"), images(4, side=16)
    expected = get_proxy("nwot").scores(supernet, [A0], batch)[0].value
    monkeypatch.setattr("opscore.proxies.nwot.activation_kernels", cannot_be_read)
    assert get_proxy("nwot").scores(supernet, [A0], batch)[0].value == pytest.approx(expected)


@pytest.mark.parametrize(
    "meaning", ["faithful", pytest.param("clean", marks=pytest.mark.exhaustive)]
)
def test_bfloat16_is_close_and_not_the_same(meaning):
    supernet, batch = build_supernet(size="cpu"), images(32, torch.float32)
    exact, rough = (
        [
            score.value
            for score in get_proxy("nwot").scores(
                supernet, PERTURBATIONS, batch, How(meaning, precision=precision)
            )
        ]
        for precision in ("full", "bf16")
    )
    np.testing.assert_allclose(rough, exact, rtol=0.01)
    assert rough != exact


def test_a_precision_without_a_path_names_the_proxies_that_have_one():
    supernet, batch = build_supernet(size="smoke"), images(4, torch.float32)

    @register_proxy(
        "test_rough",
        higher_is_better=True,
        source="this test",
        engine=lambda network, weights, batch, how: [((0,), how.dtype.itemsize)],
        precisions=("full", "bf16"),
    )
    def rough(network, batch):
        return 0.0

    try:
        with pytest.raises(UserError, match=r"'snip' has no fast path in bf16.*: nwot, test_rough"):
            get_proxy("snip").scores(supernet, [A0], batch, How(precision="bf16"))
        with pytest.raises(UserError, match="no fast path in bf16"):
            get_proxy("vote(nwot,snip)").scores(supernet, [A0], batch, How(precision="bf16"))
        assert (
            get_proxy("test_rough").scores(supernet, [A0], batch, How(precision="bf16"))[0].value
            == 2
        )
        both = get_proxy("vote(nwot,test_rough)")
        assert both.scores(supernet, [A0], batch, How(precision="bf16"))[0].status == "ok"
    finally:
        PROXIES.remove("test_rough")


def test_a_precision_is_refused_where_the_fast_path_is_not_taken(monkeypatch):
    supernet, batch = build_supernet(size="smoke"), images(4, torch.float32)
    nwot = get_proxy("nwot")
    with pytest.raises(UserError, match="bf16 is a precision of the fast path"):
        nwot.scores(supernet, [A0], batch, How(fast=False, precision="bf16"))
    monkeypatch.setattr("opscore.proxies.nwot.activation_kernels", cannot_be_read)
    with pytest.raises(UserError, match="a NASBench201Supernet, meaning 'faithful'"):
        nwot.scores(supernet, [A0], batch, How(precision="bf16"))


MEMORY = """
from pathlib import Path

from opscore.images import NoiseImages
from opscore.proxies import get_proxy
from opscore.supernets import build_supernet

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024  # MB

supernet = build_supernet(size="cpu")
state = supernet.space.initial_state()
get_proxy("nwot").scores(supernet, [state], NoiseImages().minibatch(2, 0, "warm"))
batch = NoiseImages().minibatch(256, 0, "memory")
before = peak()
states = [state.perturb(edge, op) for edge in range(2) for op in range(1, 5)]
get_proxy("nwot").scores(supernet, states, batch)
print(peak() - before)
"""


@pytest.mark.faults
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_bounded_by_the_batch():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], check=True, capture_output=True, text=True
    )
    # About 0.4 MB an image at 16 channels, and proportional to them; this supernet has 8. Beside it
    # are N x N kernels, and what the allocator and the libraries keep.
    assert float(done.stdout) < 256 * 0.2 + 110


def test_the_authors_scores(data_dir):
    """A third of the thirty, of all edges; 'make test-all' has the others on the command line."""
    path = data_dir / "golden" / "nasbench201_seed0.npz"
    supernet, batch = load_checkpoint(path), load_batch(path)
    scores = get_proxy("nwot").scores(supernet, PERTURBATIONS[::3], batch)
    published = np.load(path)["score_zcpt_nwot"].ravel()[::3]
    found = np.array([score.value for score in scores])
    np.testing.assert_allclose(found, published, rtol=1e-6)
    assert (np.argsort(found, kind="stable") == np.argsort(published, kind="stable")).all()
