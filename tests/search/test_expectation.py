"""Exact expectations of searches that draw: by brute force, and beside what drawing gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sampling import all_errors, expected_of_best, expected_of_random

from opscore import load_oracle
from opscore.errors import OpscoreError

ERRORS = np.array([5.0, 9.0, 7.0, 20.0, 1.0])
STRENGTHS = np.array([3.0, 2.0, 3.0, np.nan, 0.0])


def test_the_best_of_a_sample_is_what_brute_force_counts():
    found = []
    for sample in itertools.product(range(5), repeat=4):
        usable = [i for i in sample if not np.isnan(STRENGTHS[i])]
        if usable:  # a sample without any strength ends on nothing
            found.append(ERRORS[max(usable, key=lambda i: STRENGTHS[i])])  # the first on ties
    expected = expected_of_best(ERRORS, STRENGTHS, 4)
    assert expected.mean == pytest.approx(np.mean(found))
    assert expected.std == pytest.approx(np.std(found))


def test_one_draw_is_random_and_many_take_the_best():
    everything = np.arange(5.0)
    assert expected_of_best(ERRORS, everything, 1) == pytest.approx(expected_of_random(ERRORS))
    assert expected_of_best(ERRORS, everything, 10_000) == pytest.approx((1.0, 0.0), abs=1e-6)


@pytest.mark.parametrize(("strengths", "draws"), [([np.nan] * 5, 3), ([1.0] * 5, 0)])
def test_nothing_to_take_is_refused(strengths, draws):
    with pytest.raises(OpscoreError):
        expected_of_best(ERRORS, np.array(strengths), draws)


def test_random_on_nasbench201(data_dir):
    oracle = load_oracle(source="table", data_dir=data_dir)
    errors = all_errors(oracle)
    assert len(errors) == 15_625
    assert expected_of_random(np.array(list(errors.values()))).mean == pytest.approx(
        12.94, abs=5e-3
    )
    state = oracle.space.architecture([3] * 6)
    assert errors[state.architecture_indices] == oracle.error(state)


@pytest.mark.exhaustive
def test_a_space_with_equal_and_impossible_architectures(data_dir):
    oracle = load_oracle("nb1shot1-1", data_dir=data_dir)
    errors = all_errors(oracle)
    state = next(
        state
        for state in map(oracle.space.architecture, map(list, errors))
        if oracle.space.canonical(state) != state
    )
    assert errors[state.architecture_indices] == oracle.error(oracle.space.canonical(state))
    assert len(errors) < np.prod(oracle.space.choice_counts)
