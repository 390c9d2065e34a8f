from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, spearmanr, wilcoxon

from opscore.analysis import exact
from opscore.analysis.exact import permutation_p_value, sign_flip_test
from opscore.errors import OpscoreError

SLACK = 1e-9


def rho(x, y):
    return spearmanr(x, y).statistic


def brute_force(x, y):
    """All permutations of every row of y against the rows of x, one by one."""
    means = [
        np.mean([rho(a, b) for a, b in zip(x, permuted, strict=True)])
        for permuted in itertools.product(*(list(itertools.permutations(row)) for row in y))
    ]
    observed = np.mean([rho(a, b) for a, b in zip(x, y, strict=True)])
    return np.mean(np.abs(means) >= abs(observed) - SLACK)


def rows(length, values):
    return st.lists(values, min_size=length, max_size=length).filter(lambda row: len(set(row)) > 1)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), shape=st.sampled_from([(4,), (3, 3), (3, 4), (3, 2, 3)]))
def test_it_is_what_brute_force_counts(data, shape):
    few = st.integers(0, 3)  # few values make many ties
    x = [data.draw(rows(length, few)) for length in shape]
    y = [data.draw(rows(length, few)) for length in shape]
    assert permutation_p_value(x, y) == pytest.approx(brute_force(x, y), abs=1e-12)


@pytest.mark.parametrize("y", [[2, 1, 4, 3, 5], [1, 1, 2, 3, 3], [5, 3, 4, 1, 2]])
def test_one_cell_is_scipys_exact_permutation_test(y):
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    expected = permutation_test(
        (x,), lambda a: rho(a, y), permutation_type="pairings", n_resamples=np.inf
    )
    assert permutation_p_value([x], [y]) == pytest.approx(expected.pvalue)


def test_closed_forms():
    up, down = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]
    assert permutation_p_value([up], [up]) == pytest.approx(2 / 120)
    assert permutation_p_value([up], [down]) == pytest.approx(2 / 120)
    assert permutation_p_value([up] * 3, [up] * 3) == pytest.approx(2 / 120**3)
    assert permutation_p_value([up, up], [up, down]) == 1.0
    assert permutation_p_value([up] * 24, [up] * 24) == pytest.approx(2 / 120.0**24)
    assert np.isnan(permutation_p_value([], []))


def test_seeds_of_one_edge_permuted_together_are_not_new_evidence():
    up = [1, 2, 3, 4, 5]
    once = permutation_p_value([up] * 2, [up] * 2, blocks=[0, 1])
    again = permutation_p_value([up] * 8, [up] * 8, blocks=[0, 1] * 4)
    assert again == pytest.approx(once) == pytest.approx(2 / 120**2)


def test_blocks_are_what_brute_force_counts():
    generator = np.random.default_rng(3)
    x, y = generator.integers(0, 4, (2, 2, 4)), generator.permutation(4)  # (seeds, edges, ops)
    truth = [y, y[::-1]]
    means = [
        np.mean([rho(x[s, e], truth[e][list(order[e])]) for s in range(2) for e in range(2)])
        for order in itertools.product(itertools.permutations(range(4)), repeat=2)
    ]
    observed = np.mean([rho(x[s, e], truth[e]) for s in range(2) for e in range(2)])
    expected = np.mean(np.abs(means) >= abs(observed) - SLACK)
    found = permutation_p_value(
        [x[s, e] for s in range(2) for e in range(2)], truth * 2, blocks=[0, 1, 0, 1]
    )
    assert found == pytest.approx(expected)


def test_weights_are_those_of_the_mean():
    up, other = [1, 2, 3, 4], [2, 1, 3, 4]
    alone = permutation_p_value([up, up], [other, up], weights=[1.0, 1e-12])
    assert alone == pytest.approx(permutation_p_value([up], [other]))


def test_a_score_that_failed_does_not_make_a_seed_new_evidence():
    up = [1.0, 2.0, 3.0, 4.0, 5.0]
    short = [1.0, 2.0, np.nan, 4.0, 5.0]
    # Of 120 permutations of the edge, seen by both seeds, the identity and the reversal reach 1.
    found = permutation_p_value([up, short], [up, up], blocks=[0, 0])
    assert found == pytest.approx(2 / 120)
    # Alone, the short seed has 5 places where the operation without a score can come from.
    assert permutation_p_value([short], [up]) == pytest.approx(2 * 5 / 120)


def test_gaps_are_what_brute_force_counts():
    generator = np.random.default_rng(5)
    for _ in range(5):
        x = generator.integers(0, 4, (3, 4)).astype(float)
        x[0, 1] = x[1, 2] = np.nan
        x[:, 0], x[:, 3] = -1, 9  # no row is constant
        y = generator.permutation(4).astype(float)

        def mean(order, x=x, y=y):
            kept = ~np.isnan(x)
            return np.mean([rho(x[s][kept[s]], y[list(order)][kept[s]]) for s in range(3)])

        means = [mean(order) for order in itertools.permutations(range(4))]
        expected = np.mean(np.abs(means) >= abs(mean(range(4))) - SLACK)
        found = permutation_p_value(list(x), [y] * 3, blocks=[0] * 3)
        assert found == pytest.approx(expected)


def test_gaps_in_both_rows_are_symmetric():
    x = [3.0, np.nan, 1.0, 2.0, 7.0]
    y = [1.0, 4.0, 2.0, np.nan, 3.0]
    assert permutation_p_value([x], [y]) == pytest.approx(permutation_p_value([y], [x]))


def test_under_the_null_it_is_at_most_uniform():
    generator = np.random.default_rng(0)
    found = [permutation_p_value(*generator.normal(size=(2, 3, 4))) for _ in range(400)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) < level + 3 * np.sqrt(level / 400)


def test_long_rows_are_drawn_with_a_seed_and_never_give_zero():
    x = np.arange(12)
    assert permutation_p_value([x], [x]) == pytest.approx(1 / exact.MONTE_CARLO, rel=2)
    y = np.random.default_rng(1).permutation(12)
    assert permutation_p_value([x], [y]) == permutation_p_value([x], [y])
    assert permutation_p_value([x], [y]) == pytest.approx(spearmanr(x, y).pvalue, abs=0.02)


def test_a_constant_row_is_refused():
    with pytest.raises(OpscoreError, match="constant row"):
        permutation_p_value([[1, 1, 1]], [[1, 2, 3]])


@pytest.mark.parametrize("seed", range(5))
def test_sums_on_a_grid_give_an_upper_bound_that_is_near(monkeypatch, seed):
    differences = np.random.default_rng(seed).normal(0.3, size=20)
    whole = sign_flip_test(differences)
    monkeypatch.setattr(exact, "MAX_VALUES", 900)
    assert whole - 1e-12 <= sign_flip_test(differences) <= whole + 2e-4


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(-1, 1).map(lambda v: round(v, 2)), min_size=1, max_size=9))
def test_sign_flips_are_what_brute_force_counts(values):
    sums = [np.dot(s, values) for s in itertools.product([-1, 1], repeat=len(values))]
    expected = np.mean(np.abs(sums) >= abs(sum(values)) - SLACK)
    assert sign_flip_test(values) == pytest.approx(expected)


def test_sign_flips_in_closed_form_and_beside_wilcoxon():
    assert sign_flip_test([1.0] * 6) == pytest.approx(2 / 2**6)
    assert sign_flip_test([0.37] * 24) == pytest.approx(2 / 2**24)
    assert sign_flip_test([0.0, 0.0]) == 1.0
    assert np.isnan(sign_flip_test([float("nan")]))
    ranks = [1, 2, 3, -4, 5, 6, 7, -8, 9]  # on ranks it is the signed-rank test
    assert sign_flip_test(ranks) == pytest.approx(wilcoxon(ranks, method="exact").pvalue)


def test_sign_flips_of_many_uneven_differences_stay_small():
    differences = np.random.default_rng(0).normal(size=36)  # 2^36 sums, none of them equal
    assert 0 < sign_flip_test(differences) <= 1
