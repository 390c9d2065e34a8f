"""The caller's globals change no number, and are afterwards as they were."""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import opscore
from opscore.images import Batch, NoiseImages
from opscore.isolation import isolated
from opscore.policies import POLICIES, Policy, PolicyFamily
from opscore.proxies import Score, get_proxy, list_proxies, register_proxy, unregister_proxy
from opscore.spaces import NASBENCH201, SPACES
from opscore.supernets import SUPERNETS

SMALL = {"size": "smoke", "images": "noise", "batch_size": 6}


@contextmanager
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


GLOBALS = {
    "float64": float64_by_default,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "numpy": lambda: np.errstate(all="raise"),
}


@pytest.fixture(scope="module")
def expected():
    return numbers()


def numbers():
    """Weights, and scores by every kind of policy that computes on a supernet."""
    weights = opscore.build_supernet(size="smoke", seed=1).stem[0].weight.detach()
    policies = ["zc-pt(nwot)", "disc-zc(synflow)", "zc-pt(snip)", "sensitivity"]
    scores = opscore.initial(policies, baselines=False, **SMALL).scores
    network = opscore.build_network(opscore.get_space("nasbench201").architecture([3] * 6), "smoke")
    assert next(network.parameters()).device.type == "cpu"
    return weights, scores.drop(columns="seconds")


@pytest.mark.parametrize(
    "names",
    [list(GLOBALS), *(pytest.param([name], marks=pytest.mark.exhaustive) for name in GLOBALS)],
    ids=" ".join,
)
def test_the_callers_globals_change_nothing(names, expected):
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(GLOBALS[name]())
        before = torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr()
        weights, scores = numbers()
        assert before == (torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr())
    assert weights.dtype == expected[0].dtype
    assert torch.equal(weights, expected[0])
    assert scores.equals(expected[1])


def test_an_error_puts_the_globals_back():
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ZeroDivisionError), isolated():
            assert torch.get_default_dtype() == torch.float32
            raise ZeroDivisionError
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.fixture
def gradient_of_the_images():
    """A proxy as zero-cost-nas writes jacob_cov, which leaves a gradient on what it is given."""

    @register_proxy("leaves", higher_is_better=True, source="this test", mode="train")
    def leaves(network, batch):
        batch.images.requires_grad_(True)
        network(batch.images).sum().backward()
        return float(batch.images.grad.norm())

    yield "leaves"
    unregister_proxy("leaves")


@pytest.mark.parametrize("engine", [None, "shared"])
def test_each_state_has_images_of_its_own(gradient_of_the_images, engine):
    proxy = get_proxy(gradient_of_the_images).variant(engine=engine)
    supernet = opscore.build_supernet(size="smoke")
    start = supernet.space.initial_state()
    states = [start, start.perturb(0, 3), start.perturb(0, 2)]
    batch = NoiseImages().minibatch(6, 0, "test")
    forwards = [score.value for score in proxy.scores(supernet, states, batch)]
    backwards = [score.value for score in proxy.scores(supernet, states[::-1], batch)][::-1]
    alone = [proxy.scores(supernet, [state], batch)[0].value for state in states]
    assert forwards == pytest.approx(alone, rel=1e-5)
    assert backwards == pytest.approx(alone, rel=1e-5)
    assert len(set(forwards)) == 3
    assert not batch.images.requires_grad
    assert batch.images.grad is None


@pytest.mark.parametrize("name", list_proxies())
def test_the_memory_format_of_the_images_changes_nothing(name):
    supernet = opscore.build_supernet(size="smoke")
    start = supernet.space.initial_state()
    states = [start, start.perturb(0, 3)]
    batch = NoiseImages().minibatch(8, 0, "test")
    turned = Batch(batch.images.to(memory_format=torch.channels_last), batch.labels, batch.source)
    proxy = get_proxy(name)
    one, two = (
        [score.value for score in proxy.scores(supernet, states, b)] for b in (batch, turned)
    )
    assert one == two


@pytest.fixture
def dice():
    """A policy as users write them: it draws from every global generator."""

    class Dice(Policy):
        name, higher_is_better = "dice", True
        uses = frozenset({"seed"})

        def scores(self, state, edges):
            return {edge: [self.throw() for _ in state.remaining(edge)] for edge in edges}

        def throw(self):
            drawn = random.random() + np.random.rand()  # noqa: NPY002 - the global ones
            return Score.of(drawn + float(torch.rand(())))

    POLICIES.add("dice", PolicyFamily(lambda context, argument: Dice(), Dice, "this test"))
    yield "dice"
    POLICIES.remove("dice")


def test_what_draws_from_the_global_generators_depends_on_its_seed_alone(dice):
    def values(seeds):
        found = opscore.initial([dice], seeds=seeds, baselines=False, **SMALL).scores
        return found[found.policy == dice].set_index("seed")["score"]

    torch.manual_seed(3), np.random.seed(3), random.seed(3)  # noqa: NPY002 - the global ones
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    both = values([0, 1])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]
    torch.manual_seed(4), np.random.seed(4), random.seed(4)  # noqa: NPY002
    alone = values([1])
    assert both.loc[1].tolist() == alone.loc[1].tolist() != both.loc[0].tolist()
    steps = opscore.progressive([dice], seeds=[0], **SMALL).scores
    thrown = steps[steps.policy == dice]["score"]
    assert len(set(thrown)) == len(thrown), "each iteration has its own"


def test_layers_of_ones_own_are_built_from_the_seed():
    """A parameter that no rule of initialisation draws anew comes from the seed too."""

    usual = SUPERNETS["nasbench201"]

    def own(space, **shape):
        supernet = usual.supernet(space, **shape)
        supernet.mixing = nn.Parameter(torch.randn(3))
        return supernet

    SPACES.add("own", NASBENCH201)
    SUPERNETS.add("own", replace(usual, supernet=own))
    try:
        one, same, other = (
            opscore.build_supernet("own", "smoke", seed=seed).mixing.tolist() for seed in (0, 0, 1)
        )
    finally:
        SPACES.remove("own")
        SUPERNETS.remove("own")
    assert one == same != other
