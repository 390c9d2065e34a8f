from __future__ import annotations

import numpy as np
import pytest

from opscore.analysis import agreement_between_trainings
from opscore.analysis.between_trainings import _draws, _halves
from opscore.oracles import Oracle, load_oracle
from opscore.rng import numpy_generator
from opscore.spaces import SearchSpace

SPACE = SearchSpace("small", ("a", "b", "c"), (("x", "y", "z"),) * 3)


def oracle(trials):
    return Oracle(SPACE, trials, "none", "test", 1, "max", "made for this test")


@pytest.mark.exhaustive
def test_references_between_two_trainings_of_nasbench201(data_dir):
    """Others' computation: 12 draws of two trainings; these are 100."""
    rows = agreement_between_trainings(load_oracle("nasbench201", data_dir=data_dir))
    found = rows.set_index("reference")
    assert found["rho"].to_dict() == pytest.approx(
        {"best-acc": 0.81, "best-acc(k=10)": 0.93, "best-acc(k=30)": 0.98, "avg-acc": 1.0}, abs=0.03
    )
    assert found["edge_specific"].to_dict() == pytest.approx(
        {"best-acc": 0.59, "best-acc(k=10)": 0.80, "best-acc(k=30)": 0.91, "avg-acc": 1.0}, abs=0.05
    )


def test_trainings_that_agree_agree_entirely(monkeypatch):
    monkeypatch.setattr("opscore.analysis.between_trainings.N_DRAWS", 10)
    once = np.random.default_rng(0).random((3, 3, 3, 1))
    same = agreement_between_trainings(oracle(np.repeat(once, 2, axis=-1)))
    assert same["rho"].tolist() == pytest.approx([1] * 4)
    assert same["edge_specific"].dropna().tolist() == pytest.approx([1] * 4)


def test_nothing_to_compare_with_one_training():
    rows = agreement_between_trainings(oracle(np.random.default_rng(0).random((3, 3, 3, 1))))
    assert rows.empty
    assert list(rows) == ["reference", "rho", "edge_specific", "n_draws"]


def test_entries_with_the_same_trainings_are_one_network():
    """Two networks in 27 entries: each draw sees one training of either, and not both."""
    trials = np.where(np.arange(27).reshape(3, 3, 3)[..., None] % 2 == 0, [1.0, 2.0], [4.0, 3.0])
    one, other = _halves(oracle(trials), next(_draws(trials, numpy_generator(0, "test"))))
    assert len(np.unique(one.trials)) == len(np.unique(other.trials)) == 2
