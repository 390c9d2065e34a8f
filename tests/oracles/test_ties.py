"""Ranks, percentiles and the best k do not depend on rounding errors."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from opscore.oracles import Oracle, load_oracle, load_oracles
from opscore.oracles.ties import decimal_numbers, equal_where_equal
from opscore.spaces import SearchSpace

SPACE = SearchSpace("ties", ("a",), (("x", "y", "z"),))


def oracle(trials: list[list[float]]) -> Oracle:
    values = np.array(trials)
    return Oracle(SPACE, values, "d", "test", 1, "mean", "made up")


def test_equal_means_share_a_rank_and_a_percentile() -> None:
    """Both rows have the mean 92.1, but not the same double."""
    tied = oracle([[92.00, 91.71, 92.59], [91.97, 92.18, 92.15], [90.0, 90.0, 90.0]])
    states = [SPACE.architecture([op]) for op in range(3)]
    assert [tied.rank(state) for state in states] == [1, 1, 3]
    assert [tied.percentile(state) for state in states] == pytest.approx([100 / 3, 100 / 3, 0])
    assert [state for state, _ in tied.top(2)] == states[:2]


def test_different_numbers_of_trainings_may_tie() -> None:
    tied = oracle([[91.0, 92.0, np.nan], [91.4, 91.5, 91.6], [91.5, np.nan, np.nan]])
    assert [tied.rank(SPACE.architecture([op])) for op in range(3)] == [1, 1, 1]


def test_single_precision_is_read_as_the_decimals_it_stands_for() -> None:
    stored = np.array([[45.32, 45.33], [45.44, np.nan]], dtype=np.float32).astype(np.float64)
    np.testing.assert_array_equal(decimal_numbers(stored), [[45.32, 45.33], [45.44, np.nan]])


def test_numbers_that_are_no_decimals_stay_as_they_are() -> None:
    losses = np.array([0.0418354198, 0.0055484273])
    assert decimal_numbers(losses) is losses
    np.testing.assert_array_equal(equal_where_equal(losses), losses)


def test_the_ranks_of_nasbench201_are_those_of_exact_arithmetic(data_dir: Path) -> None:
    """Means of hundredths, as fractions: 4,038 ranks were wrong when doubles were compared."""
    table = load_oracle("nasbench201", data_dir=data_dir)
    exact = []
    for trials in table.trials.reshape(-1, table.n_trials).tolist():
        known = [Fraction(round(100 * value), 100) for value in trials if not math.isnan(value)]
        exact.append(sum(known) / len(known))
    better = Counter(exact)
    place, rank_of = 1, {}
    for mean in sorted(better, reverse=True):
        rank_of[mean] = place
        place += better[mean]
    means = table.mean_accuracy.ravel()
    ranks = 1 + means.size - np.searchsorted(np.sort(means), means, side="right")
    assert ranks.tolist() == [rank_of[mean] for mean in exact]


def test_networks_at_chance_are_equal_on_cifar100(data_dir: Path) -> None:
    table = load_oracles("nasbench201", data_dir=data_dir)["cifar100"]
    chance = table.mean_accuracy[np.abs(table.mean_accuracy - 1.0) < 1e-6]
    assert chance.size > 1
    assert np.unique(chance).size == 1
