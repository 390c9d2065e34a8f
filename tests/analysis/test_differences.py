from __future__ import annotations

import numpy as np
import pytest

from opscore.analysis import paired_differences
from opscore.errors import UserError

UP, DOWN, NEAR = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [2, 1, 3, 4, 5]


def test_a_perfect_policy_against_a_reversed_one(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP] * 6,
            ("good", None, 0): [UP] * 6,
            ("bad", None, 0): [DOWN] * 6,
        }
    )
    row = paired_differences(scores).iloc[0]
    assert (row["policy_a"], row["policy_b"], row["iteration"]) == ("good", "bad", 0)
    assert row["difference"] == 2
    assert np.isnan([row["ci_low"], row["ci_high"]]).all(), "all edges alike say nothing of others"
    assert row["p_value"] == pytest.approx(2 / 2**6)
    assert (row["n_pairs"], row["n_units"]) == (6, 6)


def test_seeds_of_an_edge_flip_together_unless_cells_are_asked_for(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP] * 3,
            **{("good", seed, 0): [UP] * 3 for seed in range(4)},
            **{("near", seed, 0): [NEAR] * 3 for seed in range(4)},
        }
    )
    edges = paired_differences(scores).iloc[0]
    cells = paired_differences(scores, unit="cell").iloc[0]
    assert edges["difference"] == cells["difference"] == pytest.approx(0.1)
    assert (edges["n_pairs"], edges["n_units"], cells["n_units"]) == (12, 3, 12)
    assert edges["p_value"] == pytest.approx(2 / 2**3)
    assert cells["p_value"] == pytest.approx(2 / 2**12)


def test_a_policy_without_seeds_is_paired_with_each_seed_of_the_other(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP, UP],
            ("avg-acc", None, 0): [UP, DOWN],
            ("p", 0, 0): [UP, UP],
            ("p", 1, 0): [DOWN, UP],
        }
    )
    row = paired_differences(scores, unit="cell").iloc[0]
    assert row["n_pairs"] == 4
    assert row["difference"] == pytest.approx(0 - 0.5)


def test_cells_where_either_is_undefined_are_left_out(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP, UP],
            ("a", None, 0): [UP, [1] * 5],
            ("b", None, 0): [DOWN, UP],
        }
    )
    row = paired_differences(scores).iloc[0]
    assert (row["difference"], row["n_pairs"]) == (2, 1)
    assert np.isnan(row["ci_low"])


def test_iterations_are_compared_with_the_reference_iteration(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP, UP],
            ("a", 0, 1): [UP, UP],
            ("b", 0, 1): [DOWN, UP],
        }
    )
    assert paired_differences(scores).empty
    frame = paired_differences(scores, reference_iteration=0)
    assert frame[["iteration", "difference"]].to_numpy().tolist() == [[1, 1]]


def test_bad_arguments_are_said(score_table):
    scores = score_table({("best-acc", None, 0): [UP]})
    with pytest.raises(UserError, match="unknown unit 'edges'; did you mean edge"):
        paired_differences(scores, unit="edges")
    with pytest.raises(UserError, match="confidence"):
        paired_differences(scores, confidence=2)
    with pytest.raises(UserError, match="unknown policy"):
        paired_differences(scores, reference="avg-acc")
