from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm, t

from opscore.analysis import intervals
from opscore.analysis.intervals import (
    WIDENING,
    edge_interval,
    edge_weights,
    mean_over_edges,
    over_seeds,
    seed_interval,
)

NAN = float("nan")
ROW = np.array([0.1, 0.9, 0.4, 0.6, -0.2, 0.8])


def factor(n, confidence=0.95):
    tail = (1 - confidence) / 2
    return WIDENING * np.sqrt(n / (n - 1)) * t.isf(tail, n - 1) / norm.isf(tail)


def test_mean_is_over_edges_then_over_seeds():
    matrix = np.array([[1.0, 0.0, NAN], [0.3, NAN, NAN], [NAN, NAN, NAN]])
    assert mean_over_edges(matrix) == pytest.approx((0.5 + 0.3) / 2)
    weights = edge_weights(matrix)
    assert weights.sum() == pytest.approx(1)
    assert weights.tolist() == [[0.25, 0.25, 0], [0.5, 0, 0], [0, 0, 0]]
    assert np.isnan(mean_over_edges(np.full((2, 2), NAN)))


@pytest.mark.parametrize(
    "matrix", [[[0.5]], [[0.5, NAN]], [[NAN, NAN]], [[0.1, 0.2], [0.3, 0.1]], [[0.1]] * 9]
)
def test_fewer_than_three_edges_have_no_interval(matrix):
    assert np.isnan(edge_interval(np.array(matrix))).all()


def test_equal_values_have_no_interval():
    """One without width would say that nothing else can happen."""
    equal = np.full((3, 4), 0.25)
    assert np.isnan(edge_interval(equal)).all()
    assert np.isnan(edge_interval(equal + 1e-13 * np.arange(4))).all()
    assert np.isnan(seed_interval([6.24] * 4)).all()
    assert not np.isnan(seed_interval([6.24, 6.24, 6.25])).any()


def test_percentiles_over_resamples():
    low, high = intervals.replicate_interval([*range(101), NAN], confidence=0.9)
    assert (low, high) == (pytest.approx(5), pytest.approx(95))
    assert np.isnan(intervals.replicate_interval([NAN, NAN])).all()


def test_an_interval_of_errors_ends_at_0_and_100():
    free = seed_interval([10.0, 45.7, 90.0])
    assert free[0] < 0
    assert free[1] > 100
    assert seed_interval([10.0, 45.7, 90.0], bounds=intervals.ERROR_BOUNDS) == (0, 100)


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_six_edges_have_the_percentiles_of_all_draws_moved_outwards(confidence):
    means = np.sort([np.mean(draw) for draw in itertools.product(ROW, repeat=6)])  # 46,656
    tail = (1 - confidence) / 2
    low, high = (means[int(np.ceil(share * len(means) - 1e-9)) - 1] for share in (tail, 1 - tail))
    centre, far = ROW.mean(), factor(6, confidence)
    expected = (centre + far * (low - centre), centre + far * (high - centre))
    assert edge_interval(ROW[None], confidence=confidence) == pytest.approx(expected)


def test_seeds_and_edges_are_enumerated_together():
    matrix = np.array([[0.0, 1.0, 0.4], [0.5, 0.2, NAN]])
    means = []
    for edges in itertools.product(range(3), repeat=3):
        for seeds in itertools.product(range(2), repeat=2):
            matches = matrix[np.ix_(seeds, edges)]
            if not np.isnan(matches).all():
                means.append(mean_over_edges(matches))
    means = np.sort(means)
    low, high = (means[int(np.ceil(q * len(means) - 1e-9)) - 1] for q in (0.025, 0.975))
    centre = mean_over_edges(matrix)
    expected = centre + factor(3) * (np.array([low, high]) - centre)
    assert edge_interval(matrix) == pytest.approx(tuple(expected))


def test_the_ends_stay_within_what_a_mean_can_be():
    assert edge_interval(np.array([[1.0, 1.0, 0.2]]), bounds=(-1, 1))[1] == 1


def test_more_seeds_do_not_narrow_what_edges_have_in_common():
    one = edge_interval(ROW[None])
    assert edge_interval(np.tile(ROW, (4, 1))) == pytest.approx(one)


def test_many_edges_are_drawn_with_a_seed(monkeypatch):
    matrix = np.random.default_rng(0).normal(size=(4, 28))
    again = edge_interval(matrix)
    assert edge_interval(matrix) == again
    assert edge_interval(matrix, seed=2) != again
    enumerated = edge_interval(ROW[None])
    monkeypatch.setattr(intervals, "MAX_DRAWS", 1)
    assert edge_interval(ROW[None], n_bootstrap=50_000) == pytest.approx(enumerated, abs=0.02)


def test_an_edge_that_nobody_scored_is_no_edge():
    padded = np.column_stack([ROW, np.full(6, NAN)])
    assert edge_interval(padded.T[:1]) == edge_interval(ROW[None])


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, NAN, 2.0]])
def test_fewer_than_three_seeds_have_no_interval(values):
    assert np.isnan(seed_interval(values)).all()


def test_a_seed_that_is_missing_leaves_no_number():
    found = over_seeds([1.0, np.nan, 2.0, 3.0, 4.0])
    assert np.isnan([found.mean, found.std, found.ci_low, found.ci_high]).all()
    assert found.n_seeds == 5


def test_means_over_seeds_have_students_interval():
    values = [6.72, 5.87, 6.90, 5.63, NAN]
    known = np.array(values[:4])
    expected = t.interval(0.95, 3, known.mean(), known.std(ddof=1) / 2)
    assert seed_interval(values) == pytest.approx(expected)


def test_the_interval_holds_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(3)
    hits = []
    for _ in range(200):
        low, high = edge_interval(generator.beta(5, 1, size=(1, 6)))
        hits.append(low <= 5 / 6 <= high)
    assert np.mean(hits) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 200)
