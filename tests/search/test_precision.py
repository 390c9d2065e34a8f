"""Searches in bfloat16: from the setting to the networks, and what keys say of it."""

from __future__ import annotations

import pytest
import torch
from cases import fast_kernel

import opscore
from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.proxies import How, get_proxy
from opscore.proxies.nwot import log_determinant
from opscore.search import SearchSettings, find_method, resolve_search, zero_cost_pt
from opscore.search.method_keys import piece_key, search_key
from opscore.search.validation import candidate_network, score_minibatches, validation_batch
from opscore.spaces import NASBENCH201

NWOT = get_proxy("nwot")
SOME = NASBENCH201.architecture([3, 1, 2, 3, 4, 2])


@pytest.fixture
def smoke():
    return {"size": "smoke", "batch_size": 16, "images": "digits", "proposals": 1, "validation": 2}


def resolved(smoke, method="zero-cost-pt(nwot)", **changed):
    return resolve_search(SearchSettings(methods=(method,), device="cpu", **(smoke | changed)))


def test_a_full_search_is_named_by_what_it_depends_on(smoke):
    method, full = find_method("zero-cost-pt(nwot)"), resolved(smoke)
    assert set(search_key(method, full, 0)) == {
        "kind", "results", "space", "method", "seed", "order", "orders", "size", "batch_size",
        "images", "image_content", "networks", "meaning", "dtype", "device", "proposals",
        "validation",
    }  # fmt: skip
    rough = resolved(smoke, precision="bf16")
    assert search_key(method, rough, 0) == search_key(method, full, 0) | {"precision": "bf16"}
    pieces = [piece_key(method, settings, 0) for settings in (full, rough)]
    assert pieces[0] != pieces[1]
    # What no network has a part in is found again.
    random = find_method("random")
    assert search_key(random, full, 0) == search_key(random, rough, 0)


def test_the_setting_reaches_proposals_and_validation(smoke, tmp_path):
    full = zero_cost_pt("nwot", store=tmp_path, **smoke)
    rough = zero_cost_pt("nwot", store=tmp_path, precision="bf16", **smoke)
    assert len(list(tmp_path.iterdir())) == 2
    unmixed = zero_cost_pt("nwot", precision="bf16", **smoke)
    assert rough.trace["score"].tolist() == unmixed.trace["score"].tolist()
    assert rough.candidates["score"].tolist() == unmixed.candidates["score"].tolist()
    assert (full.trace["score"] != rough.trace["score"])[:5].any()  # of the same states
    context = ScoringContext(resolved(smoke, precision="bf16"), 0)
    network, batch = candidate_network(context, SOME), validation_batch(context, 0)
    values = {
        precision: NWOT.score_network(network, batch, How("faithful", precision=precision)).value
        for precision in ("full", "bf16")
    }
    assert values["full"] != values["bf16"]
    assert values["full"] == pytest.approx(values["bf16"], rel=1e-2)
    assert score_minibatches(context, NWOT, SOME, [0])["value"].tolist() == [values["bf16"]]
    plain = NWOT.score_network(network, batch, How("faithful", fast=False)).value
    assert values["full"] == pytest.approx(plain, rel=1e-6)


def test_convolutions_are_in_bfloat16(smoke):
    context = ScoringContext(resolved(smoke, precision="bf16"), 0)
    network, batch = candidate_network(context, SOME), validation_batch(context, 0)
    kernel = fast_kernel(network, batch.images, True, dtype=torch.bfloat16)
    assert score_minibatches(context, NWOT, SOME, [0])["value"].tolist() == [
        log_determinant(kernel)
    ]


def test_a_result_says_so(smoke):
    found = opscore.run_search(precision="bf16", **smoke)
    assert found.facts()["precision"] == "bf16"
    assert any("faithful scores in bf16" in note for note in found.notes())
    assert not any("bf16" in note for note in opscore.run_search(**smoke).notes())


@pytest.mark.parametrize(
    ("method", "precision", "message"),
    [
        ("zero-cost-pt(nwot)", "bf17", "did you mean bf16"),
        ("zero-cost-pt(snip)", "bf16", "proxy 'snip' has no fast path in bf16"),
        ("naswot(nwot)", "bf16", "method 'naswot(nwot)' has no bf16"),
        ("te-nas", "bf16", "method 'te-nas' has no bf16"),
        ("darts-pt", "bf16", "method 'darts-pt' has no bf16"),
    ],
)
def test_a_precision_that_cannot_be_is_one_line(smoke, method, precision, message):
    with pytest.raises(UserError) as caught:
        resolved(smoke, method, precision=precision)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stand_alone_network_without_such_a_path_is_refused(smoke):
    context = ScoringContext(resolved(smoke), 0)
    network, batch = candidate_network(context, SOME), validation_batch(context, 0)
    with pytest.raises(UserError, match="no fast path in bf16"):
        get_proxy("synflow").score_network(network, batch, How("faithful", precision="bf16"))
