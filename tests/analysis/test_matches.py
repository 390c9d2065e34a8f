from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from opscore.analysis.matches import Strengths, rho_matrix
from opscore.errors import UserError

NAN = float("nan")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ([1, 1, 2, 3, 3], [2, 1, 4, 4, 0]),
        ([1, 2, NAN, 4, 5], [3, 2, 9, 1, 7]),
    ],
)
def test_rho_is_scipys_over_the_operations_both_scored(score_table, x, y):
    scores = score_table({("p", None, 0): x, ("q", None, 0): y})
    (match,) = Strengths(scores).matches("p", "q")
    kept = ~np.isnan(x)
    assert match.rho == pytest.approx(spearmanr(np.array(x)[kept], np.array(y)[kept]).statistic)
    assert len(match.operations) == kept.sum()


@pytest.mark.parametrize("x", [[1, 1, 1], [NAN, NAN, 2], [NAN, NAN, NAN]])
def test_a_constant_or_short_row_is_undefined(score_table, x):
    scores = score_table({("p", None, 0): x, ("q", None, 0): [1, 2, 3]})
    (match,) = Strengths(scores).matches("p", "q")
    assert not match.defined
    assert np.isnan(match.rho)


def test_seeds_are_matched_and_a_policy_without_one_meets_all(score_table):
    row = [1, 2, 3]
    scores = score_table(
        {
            ("p", 0, 0): row,
            ("p", 1, 0): row,
            ("q", 1, 0): row,
            ("q", 2, 0): row,
            ("truth", None, 0): row,
            ("mean", None, 0): row,
        }
    )
    strengths = Strengths(scores)

    def seeds(policy, reference):
        return [match.seed for match in strengths.matches(policy, reference)]

    assert seeds("p", "q") == [1]
    assert seeds("p", "truth") == [0, 1]
    assert seeds("truth", "q") == [1, 2]
    assert seeds("mean", "truth") == [None]


def test_later_iterations_meet_the_reference_on_the_edges_they_still_have(score_table):
    scores = score_table(
        {
            ("truth", None, 0): [[1, 2, 3], [3, 2, 1]],
            ("p", 0, 0): [[1, 2, 3], [1, 2, 3]],
            ("p", 0, 1): [[1, 2, 3], [1, 2, 3]],
        }
    )
    scores = scores[~((scores["iteration"] == 1) & (scores["edge"] == 0))]
    strengths = Strengths(scores)
    matches = strengths.matches("p", "truth", reference_iteration=0)
    assert [(match.iteration, match.edge, match.rho) for match in matches] == [
        (0, 0, 1.0),
        (0, 1, -1.0),
        (1, 1, -1.0),
    ]
    assert {match.iteration for match in strengths.matches("p", "truth")} == {0}


def test_an_edge_that_one_policy_lacks_gives_no_cell_and_no_exclusion(score_table):
    scores = score_table({("p", None, 0): [[1, 2], [1, 2]], ("q", None, 0): [[1, 2]]})
    matches = Strengths(scores).matches("p", "q")
    assert rho_matrix(matches).tolist() == [[1.0]]


def test_bad_tables_and_names_are_said(score_table):
    scores = score_table({("zc-pt(nwot)", None, 0): [1, 2]})
    with pytest.raises(UserError, match="did you mean zc-pt"):
        Strengths(scores).check("zc-pt(nwat)")
    twice = score_table({("p", 3, 0): [1, 2]}, operations="aa")
    with pytest.raises(UserError, match="'a' twice for policy 'p', seed 3, iteration 0, edge 0"):
        Strengths(twice)
