"""One truth: whatever prints an error or a rank asks it, and names its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore.experiments import OracleSettings
from opscore.oracles import NO_TRUTH, Oracle, Truth, load_truth
from opscore.spaces import SearchSpace

SPACE = SearchSpace("tiny", ("e0", "e1"), (("a", "b"), ("a", "b")))
FIRST = np.array([[90.0, 80.0], [70.0, np.nan]])
SMALL = {"size": "smoke", "batch_size": 4, "images": "digits"}


def table(dataset, accuracies):
    return Oracle(
        SPACE,
        accuracies[..., None],
        dataset,
        "test",
        200,
        "mean",
        source="made up",
        allow_partial=True,
    )


def test_an_architecture_is_judged_on_each_dataset():
    truth = Truth(SPACE, {"one": table("one", FIRST), "other": table("other", FIRST.T + 5)})
    one, other = truth.judge(SPACE.as_architecture("a,b"))
    assert one == {
        "architecture": "a,b",
        "dataset": "one",
        "error": 20.0,
        "rank": 2,
        "percentile": pytest.approx(100 / 3),
        "regret": 10.0,
    }
    assert (other["error"], other["rank"], other["regret"]) == (25.0, 3, 20.0)
    assert [row["architecture"] for row in truth.best()] == ["a,a", "a,a"]
    (unknown, _) = truth.judge(SPACE.as_architecture("b,b"))
    assert pd.isna([unknown[name] for name in ("error", "rank", "percentile", "regret")]).all()


def test_a_truth_names_its_table():
    truth = Truth(SPACE, {"one": table("one", FIRST)})
    assert truth.facts() == {
        "source": "made up",
        "digest": truth.tables["one"].content,
        "split": "test",
        "epochs": 200,
        "datasets": ["one"],
    }
    assert truth.describe() == (
        f"test at 200 epochs, one training; made up, sha256 {truth.facts()['digest'][:12]}"
    )
    other = Truth(SPACE, {"one": table("one", FIRST + 1)})
    assert other.facts()["digest"] != truth.facts()["digest"]


@pytest.mark.parametrize("space", ["darts", "nasbench201"])
def test_without_a_table_only_the_architecture_is_known(space):
    truth = load_truth(space, source=NO_TRUTH)
    (row,) = truth.judge(next(iter(truth.space.initial_state().completions())))
    assert row["dataset"] == ""
    assert np.isnan(row["error"])
    assert truth.facts() == {}


def test_searches_and_scores_are_judged_alike():
    searched = opscore.run_search(["optimum", "random"], seeds=(0,), **SMALL)
    scored = opscore.initial(["best-acc"], baselines=False, **SMALL)
    assert searched.facts()["truth"] == scored.facts()["truth"]
    for ends in (searched.architectures, scored.selection):
        for row in ends.to_dict("records"):
            judged = opscore.evaluate_search([row["architecture"]]).set_index("dataset")
            assert row["error"] == judged.loc[row["dataset"], "error"]
            assert row["rank"] == judged.loc[row["dataset"], "rank"]
    named = load_truth().describe()
    assert any(named in note for note in searched.notes())
    assert any(named in note for note in scored.notes())


def test_the_optimum_is_the_best_of_each_dataset(data_dir):
    found = opscore.run_search(["optimum"], data_dir=data_dir, **SMALL).architectures
    assert len(found) == 3
    assert (found["rank"] == 1).all()
    assert (found["regret"] == 0).all()
    assert found["error"].round(2).tolist() == [5.63, 26.49, 52.69]


def test_errors_are_of_the_split_that_is_asked_for(data_dir):
    asked = OracleSettings(split="valid")
    scored = opscore.initial(
        ["best-acc"], oracle=asked, data_dir=data_dir, baselines=False, **SMALL
    )
    assert scored.facts()["truth"]["split"] == "valid"
    (row,) = scored.selection.query("policy == 'best-acc' and dataset == 'cifar10'").itertuples()
    judged = opscore.evaluate_search([row.architecture], split="valid", data_dir=data_dir)
    assert row.error == judged.set_index("dataset").loc["cifar10", "error"]
