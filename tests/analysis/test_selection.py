from __future__ import annotations

import numpy as np
import pytest

from opscore import schema
from opscore.analysis import Selection
from opscore.errors import UserError
from opscore.oracles import Oracle, Truth
from opscore.spaces import SearchSpace

SPACE = SearchSpace("tiny", ("e0", "e1"), (("a", "b", "c"), ("a", "b", "c")))
NAN = float("nan")


def table(dataset, accuracies):
    """A truth of a space with two edges: accuracies of shape (3, 3)."""
    return Oracle(
        SPACE, accuracies[..., None], dataset, "test", 200, "mean", source="made up for the test"
    )


TRUTH = Truth(
    SPACE,
    {
        "cifar10": table("cifar10", np.arange(9.0).reshape(3, 3)),
        "cifar100": table("cifar100", np.ones((3, 3))),
    },
)


def test_each_edge_is_maximised_on_its_own_and_looked_up_on_every_dataset(score_table):
    scores = score_table({("p", 3, 0): [[1, 5, 2], [9, 1, 4]]})
    frame = Selection()(scores, TRUTH)
    assert frame.columns.tolist() == list(schema.SELECTION)
    assert frame["architecture"].tolist() == ["b,a"] * 2
    assert frame["dataset"].tolist() == ["cifar10", "cifar100"]
    assert frame["error"].tolist() == [97, 99]
    assert frame["rank"].tolist() == [6, 1]
    assert frame["percentile"].tolist() == pytest.approx([100 / 3, 0])
    assert frame["seed"].tolist() == [3, 3]
    assert frame.attrs["left_out"] == []


@pytest.mark.parametrize(("tie_break", "picked"), [("first", "a,b"), ("last", "c,c")])
def test_ties_go_to_the_first_operation_of_the_space_or_the_last(score_table, tie_break, picked):
    scores = score_table({("p", None, 0): [[2, 2, 2], [1, 2, 2]]})
    for rows in (scores, scores.iloc[::-1]):
        frame = Selection(tie_break)(rows, TRUTH)
        assert frame["architecture"].unique().tolist() == [picked]


def test_failed_scores_are_never_picked(score_table):
    scores = score_table({("p", None, 0): [[NAN, -5, -7], [NAN, NAN, -1]]})
    assert Selection()(scores, TRUTH)["architecture"].tolist() == ["b,c"] * 2


def test_an_edge_without_a_score_leaves_the_row_out_and_says_so(score_table):
    scores = score_table(
        {("p", 0, 0): [[1, 2, 3], [NAN] * 3], ("p", 1, 0): [[1, 2, 3]] * 2, ("q", None, 0): [1, 2]}
    )
    frame = Selection()(scores, TRUTH)
    assert frame["seed"].tolist() == [1, 1]
    assert frame.attrs["left_out"] == [
        {"policy": "p", "seed": 0, "edges": [1]},
        {"policy": "q", "seed": None, "edges": [1]},
    ]


def test_only_iteration_0_counts(score_table):
    scores = score_table({("p", 0, 0): [[1, 2, 3]] * 2, ("p", 0, 1): [[3, 2, 1]] * 2})
    assert Selection()(scores, TRUTH)["architecture"].tolist() == ["c,c"] * 2


def test_bad_input_is_said(score_table):
    with pytest.raises(UserError, match="unknown tie break 'frist'; did you mean first"):
        Selection("frist")
    with pytest.raises(UserError, match="unknown operation"):
        Selection()(score_table({("p", None, 0): [[1], [1]]}, operations="z"), TRUTH)
    with pytest.raises(UserError, match="twice"):
        Selection()(score_table({("p", None, 0): [[1, 2]]}, operations="aa"), TRUTH)
