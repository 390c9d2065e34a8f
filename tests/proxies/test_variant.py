"""Proxies made from others, and what the survivors of an edge weigh."""

from __future__ import annotations

import pytest
import torch

from opscore.errors import UserError
from opscore.images import NoiseImages
from opscore.paper.proxy_values import compared_proxy
from opscore.proxies import PROXIES, How, get_proxy, list_proxies, register_proxy
from opscore.proxies.nwot import activation_kernel, clean_nwot, is_relu
from opscore.spaces import NASBENCH201
from opscore.supernets import SURVIVORS, StateNetwork, build_network, build_supernet

A_0 = NASBENCH201.initial_state()
STATES = [A_0.perturb(0, 3), A_0.perturb(4, 2).perturb(4, 1), A_0.discretize(2, 1)]
ARCHITECTURE = NASBENCH201.architecture([3, 1, 2, 4, 3, 2])

#: Proxies of more work than most: 'make test-all' has them.
SLOW = ("epe_nas", "fisher", "gradsign", "linear_regions", "meco", "ntk", "plain", "zico")


@pytest.fixture(scope="module")
def batch():
    return NoiseImages().minibatch(6, 0, "test")


def test_a_variant_has_no_engine_of_another_computation():
    nwot = get_proxy("nwot")
    for change in ({"function": clean_nwot}, {"clean": None}, {"mode": "train"}):
        variant = nwot.variant(name="other", **change)
        assert (variant.engine, variant.network_engine) == (None, None)
        assert variant.precisions == {"full"}
    renamed = nwot.variant(name="other", source="elsewhere")
    assert (renamed.engine, renamed.network_engine) == (nwot.engine, nwot.network_engine)
    told = nwot.variant(clean=None, engine=nwot.engine)
    assert told.engine is nwot.engine
    assert told.network_engine is None


def test_nwot_in_train_mode_scores_train_mode(batch):
    """What 'opscore proxies check' compares with published values, on a real network."""
    network = build_network(ARCHITECTURE, "smoke", seed=1)
    # Statistics of their own, so that eval mode is another function.
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.fill_(0.5)
    found = compared_proxy("nwot (train mode)").score_network(network, batch)
    kernel = activation_kernel(network.train(), batch.images, is_relu)
    assert found.value == pytest.approx(float(torch.linalg.slogdet(kernel).logabsdet))
    eval_mode = get_proxy("nwot").score_network(network, batch, How("clean"))
    assert abs(found.value - eval_mode.value) > 0.01


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name in SLOW else ())
        for name in list_proxies()
    ],
)
@pytest.mark.parametrize(
    "meaning", ["faithful", pytest.param("clean", marks=pytest.mark.exhaustive)]
)
def test_survivors_weigh_what_is_asked_for(name, meaning, batch):
    proxy = get_proxy(name)
    supernet = build_supernet(size="smoke", seed=2)
    found = {
        how: [s.value for s in proxy.scores(supernet, STATES, batch, How(meaning, survivors=how))]
        for how in (None, *SURVIVORS)
    }
    assert found[None] == pytest.approx(found[proxy.weighs(meaning)], rel=1e-4, nan_ok=True)
    for how in SURVIVORS:
        plain = [
            proxy.score_network(
                StateNetwork(
                    supernet,
                    supernet.weights(state, survivors=how),
                    run_removed=meaning == "faithful",
                ),
                batch,
                How(meaning, fast=False),
            ).value
            for state in STATES
        ]
        assert found[how] == pytest.approx(plain, rel=2e-3, nan_ok=True)


def test_the_faithful_weights_are_those_of_docs_faithful():
    own = {name: PROXIES[name].weighs("faithful") for name in list_proxies()}
    renormalized = {name for name, how in own.items() if how == "renormalized"}
    uniform = {name for name, how in own.items() if how == "uniform"}
    assert renormalized == {"synflow"}
    assert uniform == {"grad_norm", "snip", "grasp", "fisher"}
    assert {PROXIES[name].weighs("clean") for name in own} == {"theta"}


def test_words_that_are_not_known_are_refused():
    nwot = get_proxy("nwot")
    with pytest.raises(UserError, match="unknown weight of survivors 'unifrom'; did you mean uni"):
        nwot.variant(survivors="unifrom")
    with pytest.raises(UserError, match="unknown engine 'sharde'; did you mean shared"):
        nwot.variant(engine="sharde")
    with pytest.raises(UserError, match="unknown meaning 'cleen'; did you mean clean"):
        How("cleen")
    with pytest.raises(UserError, match="unknown mode 'Train'; did you mean train"):
        register_proxy("t", higher_is_better=True, source="me", mode="Train")(clean_nwot)
    assert "t" not in PROXIES
