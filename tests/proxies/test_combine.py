from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from opscore.errors import UserError
from opscore.images import load_images
from opscore.proxies import PROXIES, get_proxy, register_proxy
from opscore.proxies.combine import rank_mean, vote
from opscore.spaces import NASBENCH201
from opscore.supernets import build_network, build_supernet

strengths = arrays(np.float64, (3, 5), elements=st.integers(-3, 3).map(float))


def test_rank_mean_by_hand():
    rows = np.array([[10.0, 20.0, 30.0], [2.0, 2.0, 1.0]])
    np.testing.assert_allclose(rank_mean(rows), [(1 + 2.5) / 2, (2 + 2.5) / 2, (3 + 1) / 2])


def test_vote_by_hand():
    # Two of three rows say 2 > 1 > 0; on (0, 2) and on (1, 2) the third disagrees.
    rows = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 9.0, 1.0]])
    np.testing.assert_allclose(vote(rows), [0, 1, 2])
    # Two rows that contradict each other leave everyone level.
    np.testing.assert_allclose(vote(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])), [1, 1, 1])


@given(strengths)
@pytest.mark.parametrize("combine", [rank_mean, vote])
def test_combinations_turn_round_with_their_rankings(combine, rows):
    total = combine(rows) + combine(-rows)
    np.testing.assert_allclose(total, total[0])


@given(strengths, st.permutations(range(5)))
@pytest.mark.parametrize("combine", [rank_mean, vote])
def test_combinations_do_not_know_the_order(combine, rows, order):
    np.testing.assert_allclose(combine(rows[:, order]), combine(rows)[order])


def states(edge=0):
    start = NASBENCH201.initial_state()
    return [start.perturb(edge, op) for op in range(5)]


def test_a_combination_ranks_the_states_that_are_asked_for_together():
    supernet = build_supernet(size="smoke")
    batch = load_images("digits").minibatch(8, 0, "combine")
    proxy = get_proxy("rank-mean(nwot, synflow)")
    assert proxy.name == "rank-mean(nwot,synflow)"
    assert proxy.grouped
    assert proxy.needs == get_proxy("synflow").needs
    rows = [
        [score.value for score in get_proxy(name).scores(supernet, states(), batch)]
        for name in ("nwot", "synflow")
    ]
    found = [score.value for score in proxy.scores(supernet, states(), batch)]
    np.testing.assert_allclose(found, rank_mean(np.array(rows)))


def test_smaller_is_better_is_taken_care_of():
    proxy = get_proxy("tenas")
    assert proxy.name == "tenas"
    assert [part.name for part in proxy.proxies] == ["ntk", "linear_regions"]
    supernet = build_supernet(size="smoke")
    batch = load_images("digits").minibatch(8, 0, "combine")
    ntk, regions = (
        np.array([score.value for score in part.scores(supernet, states()[2:4], batch)])
        for part in proxy.proxies
    )
    found = [score.value for score in proxy.scores(supernet, states()[2:4], batch)]
    np.testing.assert_allclose(found, rank_mean(np.stack([-ntk, regions])))


def test_a_candidate_that_cannot_be_scored_is_left_out_with_its_reason():
    calls = iter([3.0, math.nan, 1.0])

    @register_proxy("sometimes", higher_is_better=True, source="a test")
    def sometimes(network, batch):
        return next(calls)

    try:
        proxy = get_proxy("vote(sometimes,synflow)")
        supernet = build_supernet(size="smoke")
        batch = load_images("digits").minibatch(4, 0, "combine")
        scores = proxy.scores(supernet, states()[:3], batch)
    finally:
        PROXIES.remove("sometimes")
    assert [score.status for score in scores] == ["ok", "sometimes: not finite (nan)", "ok"]
    assert math.isnan(scores[1].value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vote(nwot)", "fewer than two"),
        ("vote(nwot,nwot)", "fewer than two"),
        ("vote(nwot,synflwo)", "did you mean synflow"),
        ("voet(nwot,synflow)", "did you mean vote"),
        ("vote(nwot,synflow", "the form is"),
    ],
)
def test_bad_names_say_what_is_wrong(name, message):
    with pytest.raises(UserError, match=message):
        get_proxy(name)


def test_a_combination_has_no_value_for_one_network():
    network = build_network(NASBENCH201.architecture([1] * 6), "smoke")
    batch = load_images("digits").minibatch(4, 0, "combine")
    with pytest.raises(UserError, match="no value for a single network"):
        get_proxy("vote(nwot,synflow)").score_network(network, batch)
