from __future__ import annotations

import numpy as np
import pytest

from opscore.analysis.intervals import bootstrap_interval, cell_weights, mean_over_cells

NAN = float("nan")
SETTINGS = {"n_bootstrap": 4000, "confidence": 0.9, "seed": 1}


def test_mean_is_over_edges_then_over_seeds():
    matrix = np.array([[1.0, 0.0, NAN], [0.3, NAN, NAN], [NAN, NAN, NAN]])
    assert mean_over_cells(matrix) == pytest.approx((0.5 + 0.3) / 2)
    weights = cell_weights(matrix)
    assert weights.sum() == pytest.approx(1)
    assert weights.tolist() == [[0.25, 0.25, 0], [0.5, 0, 0], [0, 0, 0]]
    assert np.isnan(mean_over_cells(np.full((2, 2), NAN)))


@pytest.mark.parametrize("matrix", [[[0.5]], [[0.5, NAN]], [[NAN, NAN]]])
def test_nothing_to_resample_gives_no_interval(matrix):
    assert np.isnan(bootstrap_interval(np.array(matrix), **SETTINGS)).all()


def test_equal_cells_give_an_interval_without_width():
    assert bootstrap_interval(np.full((3, 4), 0.25), **SETTINGS) == (0.25, 0.25)


def test_two_edges_of_one_seed_have_the_binomial_interval():
    # Replicates are the means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
    assert bootstrap_interval(np.array([[0.0, 1.0]]), **SETTINGS) == (0.0, 1.0)
    narrow = {**SETTINGS, "confidence": 0.3}
    assert bootstrap_interval(np.array([[0.0, 1.0]]), **narrow) == (0.5, 0.5)


def test_more_seeds_do_not_narrow_what_edges_have_in_common():
    row = np.array([0.1, 0.9, 0.4, 0.6, -0.2, 0.8])
    one = bootstrap_interval(row[None], **SETTINGS)
    many = bootstrap_interval(np.tile(row, (50, 1)), **SETTINGS)
    assert many == pytest.approx(one, abs=0.03)


def test_seeds_alone_are_resampled_when_there_is_one_edge():
    values = np.random.default_rng(0).normal(size=(200, 1))
    low, high = bootstrap_interval(values, **SETTINGS)
    width = 2 * 1.645 * values.std() / np.sqrt(200)
    assert high - low == pytest.approx(width, rel=0.1)


def test_the_seed_decides_the_draws():
    matrix = np.random.default_rng(0).normal(size=(4, 6))
    again = bootstrap_interval(matrix, **SETTINGS)
    assert bootstrap_interval(matrix, **SETTINGS) == again
    assert bootstrap_interval(matrix, **{**SETTINGS, "seed": 2}) != again
