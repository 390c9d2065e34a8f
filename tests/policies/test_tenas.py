from __future__ import annotations

import math

import pytest

from opscore.experiments import ScoringContext, ScoringSettings
from opscore.policies import make_policy
from opscore.policies.tenas import rank_sums
from opscore.spaces import NASBENCH201

SETTINGS = ScoringSettings(
    policies=("tenas",), size="smoke", batch_size=8, images="digits", device="cpu"
)


def test_rank_sums_by_hand():
    # Condition numbers rank 2, 1, 3.5, 3.5, cut to integers; regions rank 3, 1.5, 4, 1.5.
    assert rank_sums([20, 10, 30, 30], [7, 5, 9, 5]) == [4 - 2 + 3, 4 - 1 + 1.5, 1 + 4, 1 + 1.5]


def test_a_pair_that_could_not_be_scored_takes_no_rank():
    sums = rank_sums([20, math.nan, 10], [1, 5, 2])
    assert math.isnan(sums[1])
    assert [sums[0], sums[2]] == [2 - 2 + 1, 2 - 1 + 2]


def test_all_open_edges_are_ranked_together_whichever_are_asked_for():
    state = NASBENCH201.initial_state().discretize(0, 3).discretize(1, 3).discretize(2, 3)
    state = state.discretize(3, 1)
    policy = make_policy("tenas", ScoringContext(SETTINGS, 0))
    scores = policy.scores(state, [4, 5])
    alone = make_policy("tenas", ScoringContext(SETTINGS, 0)).scores(state, [5])
    assert [s.value for s in alone[5]] == [s.value for s in scores[5]]
    values = [score.value for row in scores.values() for score in row if score.status == "ok"]
    assert len(values) >= 8
    # n - rank and rank sum up to n (n + 1) / 2 each, but for n and for ranks that were cut.
    assert sum(values) == pytest.approx(len(values) ** 2, abs=len(values))
    assert not policy.higher_is_better


def test_patches_are_small_normalised_and_seeded():
    context = ScoringContext(SETTINGS, 0)
    patches = context.patches
    assert patches.images.shape == (3000, 1, 3, 3)
    assert context.thin_supernet.stem[0].in_channels == 1
    again = ScoringContext(SETTINGS, 0).patches
    assert (patches.images == again.images).all()
