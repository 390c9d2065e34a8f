from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from opscore import schema
from opscore.analysis import Correlation, edge_correlations
from opscore.errors import UserError

QUICK = Correlation(n_bootstrap=50)
UP, DOWN = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]

strengths = arrays(float, (3, 4), elements=st.integers(-20, 20).map(float))
tables = st.tuples(strengths, strengths, strengths)


def against_truth(scores, **parameters):
    frame = Correlation(n_bootstrap=50, **parameters)(scores, references=["truth"])
    return frame[frame["policy"] == "p"].iloc[0]


@pytest.fixture(scope="session")
def two_seeds(score_table):
    def make(table):
        return score_table(
            {("truth", None, 0): table[0], ("p", 0, 0): table[1], ("p", 1, 0): table[2]}
        )

    return make


def test_closed_form(score_table):
    scores = score_table({("p", None, 0): [UP, UP, UP], ("truth", None, 0): [UP, UP, DOWN]})
    row = against_truth(scores)
    assert row["rho"] == pytest.approx(1 / 3)
    assert (row["n_seeds"], row["n_edges"], row["n_excluded"]) == (1, 3, 0)
    assert row["ci_low"] == -1
    assert row["ci_high"] == 1


def test_the_frame_has_the_schema_and_every_ordered_pair(score_table):
    scores = score_table({(p, None, 0): [UP, DOWN] for p in ("c", "a", "b")})
    frame = QUICK(scores)
    pd.testing.assert_frame_equal(frame, schema.conform(frame, "correlation"))
    pairs = [("c", "a"), ("c", "b"), ("a", "c"), ("a", "b"), ("b", "c"), ("b", "a")]
    assert list(zip(frame["policy"], frame["reference"], strict=True)) == pairs
    assert QUICK(scores, references=["a"])["policy"].tolist() == ["c", "b"]


@settings(max_examples=25, deadline=None)
@given(table=tables)
def test_both_directions_agree(two_seeds, table):
    frame = QUICK(two_seeds(table)).set_index(["policy", "reference"])
    columns = ["rho", "ci_low", "ci_high", "p_value", "n_excluded"]
    there, back = frame.loc[("p", "truth"), columns], frame.loc[("truth", "p"), columns]
    np.testing.assert_allclose(there.astype(float), back.astype(float))


@settings(max_examples=25, deadline=None)
@given(table=tables)
def test_monotone_maps_change_nothing_and_a_sign_flip_negates(two_seeds, table):
    plain = against_truth(two_seeds(table))
    truth, *policy = table
    mapped = against_truth(two_seeds((np.cbrt(truth) * 3 - 1, *(np.exp(p / 9) for p in policy))))
    flipped = against_truth(two_seeds((truth, *(-p for p in policy))))
    for column in ("rho", "ci_low", "ci_high", "p_value", "n_seeds", "n_edges", "n_excluded"):
        np.testing.assert_allclose(mapped[column], plain[column], err_msg=column)
    np.testing.assert_allclose(flipped["rho"], -plain["rho"])
    np.testing.assert_allclose(flipped["p_value"], plain["p_value"])


@settings(max_examples=25, deadline=None)
@given(
    table=tables,
    operations=st.permutations("abcd").map("".join),
    edges=st.permutations(range(3)),
    seeds=st.sampled_from([{0: 1, 1: 0}, {0: 7, 1: 3}]),
)
def test_relabelling_operations_edges_and_seeds_changes_nothing(
    two_seeds, table, operations, edges, seeds
):
    scores = two_seeds(table)
    relabelled = scores.assign(
        op=scores["op"].map(dict(zip("abcd", operations, strict=True))),
        edge=scores["edge"].map(dict(enumerate(edges))),
        seed=scores["seed"].map(lambda seed: seeds[seed], na_action="ignore").astype("Int64"),
    )
    plain, found = against_truth(scores), against_truth(relabelled)
    for column in ("rho", "p_value", "n_seeds", "n_edges", "n_excluded"):
        np.testing.assert_allclose(found[column], plain[column], err_msg=column)


@settings(max_examples=15, deadline=None)
@given(table=tables, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_interval_included(two_seeds, table, shuffle):
    scores = two_seeds(table)
    order = list(range(len(scores)))
    shuffle.shuffle(order)
    pd.testing.assert_series_equal(
        against_truth(scores), against_truth(scores.iloc[order]), check_names=False
    )


def test_a_constant_row_is_counted_and_never_a_zero(score_table):
    scores = score_table({("p", None, 0): [UP, [2] * 5], ("truth", None, 0): [UP, UP]})
    row = against_truth(scores)
    assert row["rho"] == 1
    assert (row["n_edges"], row["n_excluded"]) == (1, 1)


def test_a_policy_with_constant_rows_only_has_no_rho(score_table):
    scores = score_table({("p", None, 0): [[1] * 5] * 2, ("truth", None, 0): [UP, UP]})
    row = against_truth(scores)
    assert np.isnan([row["rho"], row["ci_low"], row["ci_high"], row["p_value"]]).all()
    assert (row["n_seeds"], row["n_edges"], row["n_excluded"]) == (0, 0, 2)


def test_failed_scores_leave_the_operation_out(score_table):
    scores = score_table(
        {("p", None, 0): [[1, float("nan"), 3, 2, 5]], ("truth", None, 0): [[1, 9, 3, 2, 5]]}
    )
    assert against_truth(scores)["rho"] == 1
    assert edge_correlations(scores, "p", "truth")["n_ops"].tolist() == [4]


def test_cells_weigh_the_same_within_a_seed_and_seeds_the_same_in_the_mean(score_table):
    constant = [1] * 5
    scores = score_table(
        {
            ("truth", None, 0): [UP, UP, UP],
            ("p", 0, 0): [UP, UP, DOWN],
            ("p", 1, 0): [DOWN, constant, constant],
        }
    )
    row = against_truth(scores)
    assert row["rho"] == pytest.approx((1 / 3 - 1) / 2)
    assert (row["n_seeds"], row["n_edges"], row["n_excluded"]) == (2, 3, 2)


def test_the_mean_of_edge_correlations_is_rho(two_seeds):
    table = np.random.default_rng(0).normal(size=(3, 3, 4))
    scores = two_seeds(table)
    edges = edge_correlations(scores, "p", "truth")
    assert edges.columns.tolist() == ["seed", "iteration", "edge", "rho", "n_ops"]
    mean = edges.groupby("seed")["rho"].mean().mean()
    assert against_truth(scores)["rho"] == pytest.approx(mean)


def test_more_of_the_same_seed_is_not_more_evidence(score_table):
    one = score_table({("truth", None, 0): [UP, UP], ("p", 0, 0): [UP, UP]})
    four = score_table(
        {("truth", None, 0): [UP, UP], **{("p", seed, 0): [UP, UP] for seed in range(4)}}
    )
    assert against_truth(four)["p_value"] == pytest.approx(against_truth(one)["p_value"])


def test_the_reference_iteration(score_table):
    scores = score_table(
        {("truth", None, 0): [UP], ("p", 0, 0): [UP], ("p", 0, 1): [DOWN], ("p", 0, 2): [UP]}
    )
    frame = Correlation(reference_iteration=0)(scores, references=["truth"])
    assert frame[["iteration", "rho"]].to_numpy().tolist() == [[0, 1], [1, -1], [2, 1]]
    assert Correlation()(scores, references=["truth"])["iteration"].tolist() == [0]


def test_policies_that_never_meet_have_no_row(score_table):
    scores = score_table({("p", 0, 0): [UP], ("q", 1, 0): [UP]})
    assert QUICK(scores).empty


@pytest.mark.parametrize("parameters", [{"n_bootstrap": 0}, {"confidence": 1.0}])
def test_bad_parameters_are_said(parameters):
    with pytest.raises(UserError, match=next(iter(parameters))):
        Correlation(**parameters)


def test_an_unknown_reference_is_said(score_table):
    scores = score_table({("best-acc", None, 0): [UP]})
    with pytest.raises(UserError, match="did you mean best-acc"):
        QUICK(scores, references=["bestacc"])
