from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscore.errors import UserError
from opscore.spaces import NASBENCH201, SearchSpace, State

SMALL = SearchSpace("small", ("a", "b"), (("x", "y"), ("x", "y", "z")))


def test_the_initial_state_keeps_everything():
    state = SMALL.initial_state()
    assert state.n_completions == SMALL.size == 6
    assert state.open_edges == (0, 1)
    assert not state.is_architecture
    assert SMALL.shape == (2, 3)
    assert SMALL.max_operations == 3


def test_discretize_and_perturb_by_index_and_name():
    state = SMALL.initial_state()
    assert state.discretize("b", "z") == state.discretize(1, 2)
    assert state.discretize(1, 2).mask == ((True, True), (False, False, True))
    assert state.perturb("b", "z").mask == ((True, True), (True, True, False))
    assert state == SMALL.initial_state(), "states are frozen"


def test_the_last_operation_cannot_be_removed():
    state = SMALL.initial_state().discretize(0, 1)
    with pytest.raises(UserError, match="edge a has no operation left"):
        state.perturb(0, 1)


def test_an_operation_that_is_gone_cannot_be_chosen():
    state = SMALL.initial_state().perturb(1, 0)
    with pytest.raises(UserError, match="operation x is no longer on edge b; left: y, z"):
        state.discretize(1, 0)


@pytest.mark.parametrize(
    ("edge", "op", "message"),
    [
        ("c", 0, "unknown edge 'c'"),
        (2, 0, "edge index 2 is outside 0..1"),
        (-1, 0, "edge index -1 is outside 0..1"),
        (0, "w", "unknown operation 'w'"),
        (0, 2, "operation index 2 is outside 0..1"),
    ],
)
def test_bad_edges_and_operations_say_what_is_wrong(edge, op, message):
    with pytest.raises(UserError, match=message):
        SMALL.initial_state().discretize(edge, op)


def test_bad_masks_are_refused():
    with pytest.raises(UserError, match="shape of space 'small'"):
        State(SMALL, ((True,), (True, True, True)))
    with pytest.raises(UserError, match="2 edges but operations for 1"):
        SearchSpace("bad", ("a", "b"), (("x",),))


def test_an_open_state_has_no_architecture():
    with pytest.raises(UserError, match="not an architecture yet: edges a, b are open"):
        _ = SMALL.initial_state().architecture_indices


def test_the_default_strings_go_both_ways():
    architecture = SMALL.parse("y, z")
    assert architecture.architecture_indices == (1, 2)
    assert SMALL.format(architecture) == str(architecture) == "y,z"
    assert str(SMALL.initial_state().discretize(0, 0)) == "a: x; b: x/y/z"
    with pytest.raises(UserError, match="2 operations, one per edge; got 1"):
        SMALL.parse("y")


@st.composite
def states(draw, space=NASBENCH201):
    mask = []
    for count in space.shape:
        row = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        mask.append(tuple(row) if any(row) else (True,) * count)
    return State(space, tuple(mask))


@given(states(SMALL))
def test_completions_are_the_architectures_below_a_state(state):
    found = list(state.completions())
    assert len(found) == len(set(found)) == state.n_completions
    for architecture in found:
        assert architecture.is_architecture
        for row, wide in zip(architecture.mask, state.mask, strict=True):
            assert all(w for r, w in zip(row, wide, strict=True) if r)


@given(states(), st.data())
def test_discretizing_equals_removing_all_others(state, data):
    edge = data.draw(st.integers(0, 5))
    op = data.draw(st.sampled_from(state.remaining(edge)))
    step = state
    for other in state.remaining(edge):
        if other != op:
            step = step.prune(edge, other)
    assert step == state.discretize(edge, op)
    assert hash(step) == hash(state.discretize(edge, op))


@given(states(), st.data())
def test_the_order_of_discretizations_does_not_matter(state, data):
    order = data.draw(st.permutations(range(6)))
    choices = [data.draw(st.sampled_from(state.remaining(edge))) for edge in range(6)]
    walked = state
    for edge in order:
        walked = walked.discretize(edge, choices[edge])
    assert walked == NASBENCH201.architecture(choices)
