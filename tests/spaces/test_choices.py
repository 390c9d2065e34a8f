"""Edges that keep several operations, stages, equal and invalid architectures."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from opscore.errors import UserError
from opscore.oracles import Oracle
from opscore.spaces import SearchSpace, State


@dataclass(frozen=True)
class Inputs(SearchSpace):
    """A block's operation, and two of three inputs; with inputs a and b the operation is idle."""

    def canonical(self, architecture: State) -> State:
        if architecture.remaining("inputs") == (0, 1):
            return architecture.space.architecture([0, (0, 1)])
        return architecture

    def is_valid(self, architecture: State) -> bool:
        return architecture.remaining("inputs") != (1, 2) or architecture.remaining(0) != (2,)


SPACE = Inputs(
    "inputs",
    ("block", "inputs"),
    (("x", "y", "z"), ("a", "b", "c")),
    keeps=(1, 2),
    stages=((0,), (1,)),
)


def oracle(values, **more):
    return Oracle(
        SPACE, np.asarray(values, float)[..., None], "d", "test", 1, "max", "mine", **more
    )


def test_an_edge_is_decided_when_as_many_are_left_as_it_keeps():
    state = SPACE.initial_state()
    assert SPACE.choice_counts == (3, 3)
    assert SPACE.choices[1] == ((0, 1), (0, 2), (1, 2))
    assert SPACE.size == state.n_completions == 9
    assert state.open_edges == (0, 1)
    assert state.next_edges == (0,), "the first stage comes first"
    later = state.discretize("block", "y")
    assert later.next_edges == (1,)
    done = later.prune("inputs", "b")
    assert done.is_architecture
    assert later.perturb("inputs", "b") != done, "nothing was decided"
    assert done == later.discretize("inputs", ["a", "c"]) == later.discretize(1, (0, 2))
    assert done.architecture_indices == (1, 1)
    assert SPACE.architecture([1, 1]) == SPACE.architecture(["y", ("c", "a")]) == done
    assert SPACE.format(done) == "y,a+c"
    assert SPACE.parse("y,a+c") == done


def test_one_operation_of_an_edge_that_keeps_two_is_sure_and_the_other_open():
    state = SPACE.initial_state().discretize("block", "x").discretize("inputs", "b")
    assert not state.is_architecture
    assert state.possible_choices(1) == (0, 2)
    assert [SPACE.format(done) for done in state.completions()] == ["x,a+b", "x,b+c"]
    with pytest.raises(UserError, match="edge inputs keeps 2 operations"):
        SPACE.architecture([0, 0]).perturb("inputs", "a")


def test_completions_of_every_state_are_the_architectures_that_agree_with_it():
    for left in itertools.product([False, True], repeat=3):
        if any(left):
            state = State(SPACE, ((True, True, False), left))
            kept = {op for op, there in enumerate(left) if there}
            agree = [c for c in SPACE.choices[1] if kept <= set(c) or set(c) <= kept]
            if len(kept) >= 2:
                agree = [c for c in SPACE.choices[1] if set(c) <= kept]
            found = [done.remaining(1) for done in state.completions()]
            assert found == agree * 2
            assert state.n_completions == len(found)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ([0, ("a",)], "edge inputs keeps 2 of its operations, got 1"),
        ([0, ("a", "b", "c")], "keeps 2 of its operations, got 3"),
        ([0, 3], "edge inputs has choices 0..2, not 3"),
        ([0, ("a", "d")], "unknown operation 'd'"),
    ],
)
def test_a_choice_that_the_edge_does_not_have(choices, words):
    with pytest.raises(UserError, match=words):
        SPACE.architecture(choices)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"keeps": (1, 4)}, "cannot keep 4 of 3"),
        ({"keeps": (1,)}, "says of 1 what is kept"),
        ({"stages": ((0,),)}, "must hold each edge once"),
    ],
)
def test_a_space_that_contradicts_itself(changed, words):
    with pytest.raises(UserError, match=words):
        SearchSpace("bad", SPACE.edges, SPACE.operations, **changed)


def test_equal_architectures_have_one_place_in_the_ranking():
    values = np.array([[50, 60, 70], [50, 61, 71], [50, 62, np.nan]])
    truth = oracle(values)
    assert truth.n_missing == 0, "what is not valid is not missing"
    assert truth.n_places == 6
    assert truth.rank(SPACE.parse("y,a+b")) == truth.rank(SPACE.parse("x,a+b")) == 6
    assert truth.rank(SPACE.parse("y,b+c")) == 1
    assert truth.percentile(SPACE.parse("y,b+c")) == pytest.approx(100 * 5 / 6)
    assert [SPACE.format(state) for state, _ in truth.top(9)][-1] == "x,a+b"


def test_best_and_mean_go_over_the_rows_of_the_benchmark():
    values = np.array([[50, 60, 70], [50, 61, 71], [50, 62, np.nan]])
    rows = ~np.isnan(values)
    rows[1:, 0] = False  # the benchmark has one row for the three that are equal
    truth = oracle(values, rows=rows)
    start = SPACE.initial_state()
    assert truth.mean(start.discretize(0, "x")) == pytest.approx(60)
    assert truth.mean(start.discretize(0, "y")) == pytest.approx(66)
    # No completion of this state is a row, but all are networks that the benchmark knows.
    assert truth.best(start.discretize(0, "y").discretize(1, (0, 1))) == 50
    assert truth.accuracy(SPACE.parse("z,a+b")) == 50


def test_a_partial_table_says_what_it_covers():
    values = np.array([[50, 60, 70], [50, 61, np.nan], [50, 62, np.nan]])
    with pytest.raises(UserError, match="lacks 1 of 9"):
        oracle(values)
    truth = oracle(values, allow_partial=True)
    assert "1 architectures missing (covers 88.9 %)" in truth.describe()
    assert truth.best(SPACE.initial_state().discretize(0, "y")) == 61
    with pytest.raises(UserError, match="the table lacks y,b\\+c"):
        truth.accuracy(SPACE.parse("y,b+c"))
