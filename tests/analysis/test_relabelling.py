from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from opscore.analysis import HINDSIGHT, Correlation, holm, paired_differences
from opscore.analysis.exact import MONTE_CARLO, drawn_orders, least_of
from opscore.analysis.matches import Strengths
from opscore.analysis.relabelling import least_p_value
from opscore.spaces import get_space

UP, DOWN = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]
NAN = float("nan")


def against_truth(scores, policy="p"):
    frame = Correlation()(scores, references=["truth"])
    return frame[frame["policy"] == policy].iloc[0]


def test_one_order_on_every_edge_is_one_piece_of_evidence(score_table):
    scores = score_table({("truth", None, 0): [UP] * 6, ("p", None, 0): [UP] * 6})
    row = against_truth(scores)
    assert row["p_value"] == pytest.approx(2 / 120.0**6)
    assert row["p_common"] == pytest.approx(2 / 120)  # the order itself, and its reversal


def test_p_common_is_what_brute_force_counts(score_table):
    generator = np.random.default_rng(1)
    truth, first, second = generator.normal(size=(3, 3, 4))
    scores = score_table(
        {("truth", None, 0): truth, ("p", 0, 0): first, ("p", 1, 0): second}, operations="abcd"
    )

    def mean(order):
        pairs = [
            (row, t[list(order)]) for p in (first, second) for row, t in zip(p, truth, strict=True)
        ]
        return np.mean([spearmanr(row, t).statistic for row, t in pairs])

    means = np.array([mean(order) for order in itertools.permutations(range(4))])
    expected = np.mean(np.abs(means) >= abs(mean(range(4))) - 1e-9)
    assert against_truth(scores)["p_common"] == pytest.approx(expected)
    forth = Correlation()(scores, references=["p"])
    assert forth["p_common"].iloc[0] == pytest.approx(expected)


def test_edges_with_other_operations_are_relabelled_apart(score_table):
    three, five = [1, 2, 3, NAN, NAN], [1, 2, 3, 4, 5]
    scores = score_table({("truth", None, 0): [three, five], ("p", None, 0): [three, five]})
    apart = scores[~((scores["edge"] == 0) & scores["op"].isin(["d", "e"]))]
    row = against_truth(apart)
    assert row["p_common"] == pytest.approx(2 / (6 * 120))
    assert row["p_common"] == row["p_value"]


def test_a_failed_score_does_not_make_an_edge_one_of_another_kind(score_table):
    scores = score_table({("truth", None, 0): [UP, UP], ("p", None, 0): [UP, [1, 2, NAN, 4, 5]]})
    assert against_truth(scores)["p_common"] == pytest.approx(2 / 120)


def test_seeds_with_failures_are_not_new_evidence(score_table):
    rows = {("p", seed, 0): [UP, UP] for seed in range(4)}
    rows["p", 1, 0] = [[1, NAN, 3, 4, 5], UP]
    rows["p", 2, 0] = [[1, 2, NAN, 4, 5], UP]
    row = against_truth(score_table({("truth", None, 0): [UP, UP], **rows}))
    assert row["p_value"] == pytest.approx(2 / 120**2)


def test_each_seed_ranks_what_it_scored_under_one_permutation_of_the_edge(score_table):
    """Both p-values by brute force, with gaps that differ from seed to seed."""
    generator = np.random.default_rng(3)
    truth = generator.normal(size=(2, 4))
    seeds = truth + generator.normal(size=(3, 2, 4))
    seeds[0, 0, 1] = seeds[1, 0, 2] = seeds[1, 1, 0] = np.nan
    rows = {("p", seed, 0): table for seed, table in enumerate(seeds)}
    scores = score_table({("truth", None, 0): truth, **rows}, operations="abcd")

    def mean(*orders):
        found = []
        for table in seeds:
            for row, t, order in zip(table, truth, orders, strict=True):
                kept = ~np.isnan(row)
                found.append(spearmanr(row[kept], t[list(order)][kept]).statistic)
        return np.mean(found)

    orders = list(itertools.permutations(range(4)))
    bound = abs(mean(range(4), range(4))) - 1e-9
    alone = np.mean([abs(mean(*pair)) >= bound for pair in itertools.product(orders, repeat=2)])
    common = np.mean([abs(mean(order, order)) >= bound for order in orders])
    row = against_truth(scores)
    assert row["p_value"] == pytest.approx(alone)
    assert row["p_common"] == pytest.approx(common)


@pytest.mark.parametrize("share", [pytest.param(0.0, marks=pytest.mark.exhaustive), 0.15])
def test_independent_edges_give_no_more_false_positives_than_stated(score_table, share):
    generator = np.random.default_rng(7)
    found = []
    for _ in range(150):
        truth, policy = generator.normal(size=(2, 3, 4))
        rows = {}
        for seed in range(3):  # one policy, whose seeds agree nearly
            row = policy + 0.2 * generator.normal(size=policy.shape)
            row[generator.random(policy.shape) < share] = np.nan
            rows["p", seed, 0] = row
        scores = score_table({("truth", None, 0): truth, **rows}, operations="abcd")
        found.append(against_truth(scores)[["p_value", "p_common"]].to_numpy(dtype=float))
    rejected = (np.array(found) <= 0.05).mean(axis=0)
    assert (rejected <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 150)).all()


def test_many_edges_and_many_operations_are_drawn_and_never_zero(score_table):
    many = [list(range(10))] * 3
    names = "abcdefghij"
    scores = score_table({("truth", None, 0): many, ("p", None, 0): many}, operations=names)
    assert against_truth(scores)["p_common"] == pytest.approx(1 / MONTE_CARLO)
    wide = np.random.default_rng(0).normal(size=(2, 28, 7))
    scores = score_table({("truth", None, 0): wide[0], ("p", None, 0): wide[1]})
    assert 1 / 5040 <= against_truth(scores)["p_common"] <= 1


def test_differences_have_the_p_value_of_a_common_relabelling(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP] * 6,
            ("good", None, 0): [UP] * 6,
            ("bad", None, 0): [DOWN] * 6,
        }
    )
    row = paired_differences(scores).iloc[0]
    assert row["p_value"] == pytest.approx(2 / 2**6)
    assert row["p_common"] == pytest.approx(2 / 120)


def test_what_is_chosen_in_hindsight_has_no_test(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP, UP],
            ("p", None, 0): [UP, DOWN],
            ("q", None, 0): [UP, [2, 1, 3, 4, 5]],
            (HINDSIGHT, None, 0): [UP, UP],
        }
    )
    frame = Correlation()(scores, references=["best-acc"]).set_index("policy")
    assert np.isnan(frame.loc[HINDSIGHT, ["p_value", "p_common", "p_holm"]].to_numpy(float)).all()
    kept = ["p", "q"]
    np.testing.assert_allclose(frame.loc[kept, "p_holm"], holm(frame.loc[kept, "p_value"]))
    pairs = paired_differences(scores)
    untested = pairs["policy_b"] == HINDSIGHT
    assert pairs.loc[untested, "p_value"].isna().all()
    assert pairs.loc[~untested, "p_value"].notna().all()


ORDINARY, BARS = ("p", "q"), ("op-params", "residual(params)", "fixed-order(a>b)")
REFERENCES = ("best-acc", "avg-acc", "best-acc(k=10)")


@pytest.fixture
def named(score_table):
    generator = np.random.default_rng(5)
    names = (*REFERENCES, *ORDINARY, *BARS)
    return score_table({(name, None, 0): generator.normal(size=(3, 5)) for name in names})


@pytest.mark.parametrize(
    ("asked", "family"),
    [(None, ORDINARY), (ORDINARY, ORDINARY), (("p", "op-params", "avg-acc"), ("p", "op-params"))],
)
def test_the_family_is_what_was_asked_for(named, asked, family):
    frame = Correlation(asked=asked)(named, references=["best-acc"]).set_index("policy")
    assert set(frame.index[frame["p_common_holm"].notna()]) == set(family)
    np.testing.assert_allclose(
        frame.loc[list(family), "p_common_holm"], holm(frame.loc[list(family), "p_common"])
    )
    assert frame["p_common"].notna().all(), "all are tested, and stand beside the family"
    pairs = paired_differences(named, asked=asked)
    within = pairs["policy_a"].isin(family) & pairs["policy_b"].isin(family)
    assert (pairs["p_holm"].notna() == within).all()


def kinds_by_brute_force(truth, own, weightless):
    """Share of relabellings within kinds that agree as far, two-sided."""
    n = truth.shape[1]
    kept = [
        order
        for order in itertools.permutations(range(n))
        if all((i in weightless) == (order[i] in weightless) for i in range(n))
    ]
    means = [
        np.mean([spearmanr(x, t[list(order)]).statistic for x, t in zip(own, truth, strict=True)])
        for order in kept
    ]
    return len(kept), np.mean(np.abs(means) >= abs(means[0]) - 1e-9)


@pytest.mark.parametrize("weightless", [(), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_within_kinds_operations_are_exchanged_with_their_like(score_table, weightless):
    better = np.array([0, 0, 0, 2, 2])
    truth, own = np.random.default_rng(7).normal(size=(2, 3, 5)) + better
    scores = score_table({("truth", None, 0): truth, ("p", None, 0): own})
    row = Correlation(weightless=weightless)(scores, references=["truth"]).iloc[0]
    count, expected = kinds_by_brute_force(truth, own, {"abcde".index(op) for op in weightless})
    assert row["p_kinds"] == pytest.approx(expected)
    assert row["p_kinds_least"] == pytest.approx(1 / count)
    assert row["p_common_least"] == pytest.approx(1 / 120)


def test_that_one_kind_is_better_is_no_evidence_within_kinds(score_table):
    kinds = [0, 0, 0, 1, 1]
    rows = {("truth", None, 0): [kinds] * 6, ("p", None, 0): [kinds] * 6}
    row = Correlation(weightless=("a", "b", "c"))(score_table(rows), references=["truth"]).iloc[0]
    assert row["p_common"] == pytest.approx(12 / 120)
    assert row["p_kinds"] == 1


@pytest.mark.parametrize(
    ("name", "least", "within"),
    [
        ("nasbench201", 1 / 120, 1 / 12),
        ("transnas-micro", 1 / 24, 1 / 4),
        ("nasbench-macro", 1 / 6, 1 / 2),
        ("nb1shot1-1", 1 / 6, 1 / 2),
        ("darts", 1 / 5040, 1 / 144),
    ],
)
def test_the_least_values_of_spaces(name, least, within):
    space = get_space(name)
    generator = np.random.default_rng(0)
    rows = [
        {"policy": p, "seed": None, "iteration": 0, "edge": e, "op": op, "status": "ok",
         "strength": generator.normal()}
        for p in ("truth", "p") for e in space.stages[0] for op in space.operations[e]
    ]  # fmt: skip
    matches = Strengths(pd.DataFrame(rows)).matches("p", "truth")
    assert least_p_value(matches) == pytest.approx(least)
    assert least_p_value(matches, space.weightless) == pytest.approx(within)


def test_kinds_of_many_operations_are_drawn_within():
    kinds = tuple("aaaaabbbbbbbbb")
    orders = drawn_orders(kinds, MONTE_CARLO, np.random.default_rng(0))
    assert (np.array(kinds)[orders] == np.array(kinds)).all()
    assert least_of(kinds) == 1 / MONTE_CARLO


def test_holm_by_hand():
    found = holm([0.01, NAN, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(found, [0.04, NAN, 0.09, 0.09, 0.5])
    assert holm([]).tolist() == []
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


def test_holm_is_within_one_reference_and_iteration(score_table):
    generator = np.random.default_rng(2)
    rows = {
        (p, None, t): generator.normal(size=(2, 4)) for p in ("truth", "p", "q") for t in (0, 1)
    }
    frame = Correlation()(score_table(rows, operations="abcd"))
    for _, family in frame.groupby(["reference", "iteration"]):
        assert len(family) == 2
        np.testing.assert_allclose(family["p_common_holm"], holm(family["p_common"]))
