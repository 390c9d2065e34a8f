from __future__ import annotations

import numpy as np
import pytest

import opscore
from opscore.errors import UserError
from opscore.oracles.references import is_reference
from opscore.policies import make_policy
from tests.oracles.test_base import SPACE, make
from tests.policies.test_policies import CONTEXT, INITIAL

TABLE = np.arange(12.0).reshape(2, 3, 2) ** 2


@pytest.mark.parametrize("k", [1, 2, 5, 6, 100])
def test_the_mean_of_the_best_k_completions(k):
    state = SPACE.initial_state().discretize("a", "x")  # 0, 1, 4, 9, 16, 25
    expected = np.mean([25, 16, 9, 4, 1, 0][:k])
    assert make(TABLE[..., None]).best(state, k) == pytest.approx(expected)


def test_what_a_partial_table_lacks_is_left_out():
    trials = TABLE[..., None].copy()
    trials[0, 1:] = np.nan
    partial = make(trials, allow_partial=True)
    state = SPACE.initial_state().discretize("a", "x")
    assert partial.best(state, 3) == pytest.approx(0.5)
    assert np.isnan(partial.best(state.discretize("b", "y"), 3))


def values(name):
    scores = make_policy(name, CONTEXT).scores(INITIAL, [0])
    return [score.value for score in scores[0]]


def test_k_runs_from_the_best_to_the_mean():
    assert values("best-acc(k=1)") == values("best-acc")
    assert values("best-acc(k=3125)") == pytest.approx(values("avg-acc"))
    assert values("best-acc") > values("best-acc(k=10)") > values("best-acc(k=30)")


@pytest.mark.parametrize("argument", ["10", "k=0", "k=-1", "k=1.5", "k=", "n=3"])
def test_a_bad_k_is_one_line(argument):
    with pytest.raises(UserError, match=r"as in 'best-acc\(k=10\)'"):
        make_policy(f"best-acc({argument})", CONTEXT)


def test_which_names_are_references():
    assert all(map(is_reference, ["best-acc", "avg-acc", "best-acc(k=10)"]))
    assert not any(map(is_reference, ["best-fixed-order", "op-params", "zc-pt(nwot)"]))


def test_scores_are_compared_with_the_best_ten_like_with_any_reference(data_dir):
    """Others' computation: best-acc with the mean of the 10 and the 30 best, .91 and .89."""
    result = opscore.initial(
        ["best-acc(k=10)", "best-acc(k=30)"], data_dir=data_dir, baselines=False
    )
    found = result.against("best-acc").set_index("policy")["rho"]
    assert found["best-acc(k=10)"] == pytest.approx(0.92, abs=0.02)
    assert found["best-acc(k=30)"] == pytest.approx(0.89, abs=0.02)
