from __future__ import annotations

import math

import cases
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from opscore.proxies import MEANINGS, How, get_proxy
from opscore.search.validation import (
    DROPPED,
    OK,
    Verdict,
    best,
    candidate_network,
    score_minibatches,
    total,
    validation_batch,
)
from opscore.spaces import NASBENCH201
from opscore.supernets import build_network

NWOT = get_proxy("nwot")
choices = st.lists(st.integers(0, 4), min_size=6, max_size=6)
SOME = NASBENCH201.architecture([3, 1, 2, 3, 4, 2])


def network_of(ops, dtype=torch.float64):
    network = build_network(NASBENCH201.architecture(ops), "smoke", seed=sum(ops))
    return cases.as_trained(network, seed=1).to(dtype)


def images(count=6, side=16, dtype=torch.float64):
    return cases.batch_of(count, side, dtype)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(ops=choices)
@example(ops=[0, 0, 0, 0, 0, 0])  # nothing reaches the output
@example(ops=[3, 3, 0, 1, 0, 0])  # nodes 1 and 2 lead nowhere
@example(ops=[0, 0, 3, 1, 2, 3])  # nodes 1 and 2 get nothing
def test_the_fast_kernel_is_the_plain_one(ops):
    network, x = network_of(ops), images().images
    for wrappers in (True, False):
        fast = cases.fast_kernel(network, x, wrappers)
        assert torch.equal(fast, cases.plain_kernel(network, x, wrappers))


@pytest.mark.parametrize("wrappers", [True, False])
def test_in_single_precision_a_few_signs_differ_at_most(wrappers):
    x = images(16, 32, torch.float32).images
    draw = np.random.default_rng(0)
    for ops in ([0] * 6, [3, 3, 0, 1, 0, 0], *draw.integers(0, 5, size=(6, 6)).tolist()):
        network = network_of(ops, torch.float32)
        fast = cases.fast_kernel(network, x, wrappers)
        plain = cases.plain_kernel(network, x, wrappers)
        assert torch.equal(fast.diagonal(), plain.diagonal())
        assert (fast - plain).abs().max() <= 24


@pytest.mark.parametrize("meaning", MEANINGS)
def test_the_fast_score_is_the_plain_one_at_paper_size(meaning):
    network = build_network(SOME, "paper", seed=1)
    batch = images(8, 32, torch.float32)
    fast = NWOT.score_network(network, batch, How(meaning))
    plain = NWOT.score_network(network, batch, How(meaning, fast=False))
    assert (fast.status, plain.status) == ("ok", "ok")
    assert fast.value == pytest.approx(plain.value, rel=1e-6)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_network_without_a_way_to_the_output_fails_alike(meaning):
    network, batch = network_of([0] * 6), images()
    fast = NWOT.score_network(network, batch, How(meaning))
    plain = NWOT.score_network(network, batch, How(meaning, fast=False))
    assert fast.status == plain.status
    assert fast.status.startswith("not finite (-inf)")


def test_a_candidate_has_weights_of_its_own_and_the_others_minibatches(context):
    values = score_minibatches(context, NWOT, SOME, range(2))
    network = candidate_network(context, SOME)
    for number, value in enumerate(values["value"]):
        batch = validation_batch(context, number)
        assert value == pytest.approx(NWOT.score_network(network, batch).value, rel=1e-6)
    assert not torch.equal(validation_batch(context, 0).images, validation_batch(context, 1).images)
    other = candidate_network(context, NASBENCH201.architecture([3, 1, 2, 3, 4, 3]))
    assert not torch.equal(network.stem[0].weight, other.stem[0].weight)


def test_redrawn_weights_are_another_draw_for_each_minibatch(context):
    values = score_minibatches(context, NWOT, SOME, [1, 2], "redrawn")
    for number, value in zip([1, 2], values["value"], strict=True):
        network = candidate_network(context, SOME, number)
        batch = validation_batch(context, number)
        assert value == pytest.approx(NWOT.score_network(network, batch).value, rel=1e-6)
    draws = [candidate_network(context, SOME, draw).stem[0].weight for draw in (None, 0, 1)]
    for place, weight in enumerate(draws):
        assert not any(torch.equal(weight, other) for other in draws[place + 1 :])
    # The number alone decides, not what is scored with it.
    alone = score_minibatches(context, NWOT, SOME, [2], "redrawn")["value"]
    assert alone.tolist() == values["value"].tolist()[1:]


def frame(*values, proxy="nwot"):
    return pd.DataFrame(
        {
            "batch": range(len(values)),
            "proxy": proxy,
            "value": values,
            "status": ["not finite" if math.isnan(value) else "ok" for value in values],
            "seconds": 0.0,
        }
    )


def test_totals_are_sums_and_failures_are_left_out():
    verdicts = total(NWOT, [frame(1.0, 2.0), frame(9.0, math.nan), frame(2.0, 1.5)])
    assert [verdict.score for verdict in verdicts[::2]] == [3.0, 3.5]
    assert math.isnan(verdicts[1].score)
    assert verdicts[1].status == "minibatch 1: not finite"
    assert [verdict.minibatches for verdict in verdicts] == [2, 2, 2]
    assert best(NWOT, verdicts) == 2


def test_the_first_wins_ties_and_the_smallest_where_smaller_is_better():
    assert best(NWOT, [Verdict(1.0), Verdict(2.0), Verdict(2.0)]) == 1
    ntk = get_proxy("ntk")
    assert not ntk.higher_is_better
    assert best(ntk, [Verdict(3.0), Verdict(2.0), Verdict(4.0)]) == 1
    assert best(NWOT, [Verdict(math.nan, "x")]) is None
    # The longer sum is not the better one.
    assert best(NWOT, [Verdict(9.0, DROPPED, 9), Verdict(5.0, OK, 5)]) == 1


def test_a_combination_ranks_the_candidates_on_each_minibatch():
    tenas = get_proxy("tenas")
    # Smaller condition numbers and more regions are better: candidate 1 wins both minibatches.
    candidates = [
        pd.concat([frame(5.0, 5.0, proxy="ntk"), frame(1.0, 1.0, proxy="linear_regions")]),
        pd.concat([frame(2.0, 1.0, proxy="ntk"), frame(3.0, 3.0, proxy="linear_regions")]),
        pd.concat([frame(9.0, 3.0, proxy="ntk"), frame(2.0, 2.0, proxy="linear_regions")]),
    ]
    verdicts = total(tenas, candidates)
    # Mean ranks: minibatch 0 gives 1.5, 3, 1.5; minibatch 1 gives 1, 3, 2.
    assert [verdict.score for verdict in verdicts] == [2.5, 6.0, 3.5]
    assert best(tenas, verdicts) == 1
