from __future__ import annotations

import math

import pytest

from opscore.errors import UserError
from opscore.rng import numpy_generator
from opscore.search.orders import find_order
from opscore.spaces import get_space

NAN = math.nan
STRENGTHS = {0: [1.0, 2.0, 0.0], 1: [5.0, -9.0, NAN], 2: [2.0, 2.0, 2.0], 3: [NAN, NAN, NAN]}


def draw(number=0):
    return numpy_generator(0, "order", number)


def test_operations_rank_edges_by_their_best_and_edges_by_their_mean():
    # Edges 0 and 2 tie on the best operation; an edge without scores is last.
    assert find_order("global-op-iter").ranking(STRENGTHS) == (1, 0, 2, 3)
    assert find_order("global-op-once").ranking(STRENGTHS) == (1, 0, 2, 3)
    assert find_order("global-edge-iter").ranking(STRENGTHS) == (2, 0, 1, 3)
    assert find_order("global-edge-once").ranking(STRENGTHS) == (2, 0, 1, 3)


def test_iter_ranks_at_every_step_and_once_at_the_first():
    state = get_space("nasbench201").initial_state()
    for name, ranks in (
        ("global-op-iter", [True] * 3),
        ("global-edge-once", [True, False, False]),
        ("random", [False] * 3),
    ):
        assert [find_order(name).ranks(step, state) for step in range(3)] == ranks


def test_orders_without_scores():
    state = get_space("nasbench201").initial_state()
    assert find_order("fixed").unscored(state.discretize(1, 0), draw()) == (0, 2, 3, 4, 5)
    drawn = {find_order("random").unscored(state, draw(p)) for p in range(20)}
    assert len(drawn) > 10
    assert all(sorted(order) == list(range(6)) for order in drawn)


@pytest.mark.parametrize("name", ["global-op-once", "global-edge-once"])
def test_the_authors_once_orders_run_backwards(name):
    rule = find_order(name, "authors")
    assert rule.standing is None
    assert rule.unscored(get_space("nasbench201").initial_state(), draw()) == (5, 4, 3, 2, 1, 0)


def test_the_authors_decide_anew_in_global_edge_iter_only():
    anew = [
        name
        for name in ("fixed", "random", "global-op-iter", "global-edge-iter")
        if find_order(name, "authors").decide_anew
    ]
    assert anew == ["global-edge-iter"]
    assert not find_order("global-edge-iter").decide_anew


def test_a_step_of_the_authors_decides_an_edge_of_each_kind_of_cell():
    space = get_space("darts")
    state, rule = space.initial_state(), find_order("global-op-iter", "authors")
    normal, reduction = space.kinds["normal"], space.kinds["reduce"]
    assert rule.turns(state) == [normal, reduction]
    assert find_order("global-op-iter").turns(state) == [state.next_edges]
    assert rule.turns(get_space("nasbench201").initial_state()) == [tuple(range(6))]
    assert rule.ranks(1, state)
    for edge in (*normal, *reduction):
        state = state.discretize(edge, state.remaining(edge)[0])
    assert [len(group) for group in rule.turns(state)] == [3, 3]
    assert not rule.ranks(20, state)


def test_the_authors_nodes_choose_inputs_in_random_order():
    state = get_space("darts").initial_state()
    drawn = [find_order("fixed", "authors").unscored(state, draw(p)) for p in range(20)]
    assert {order[:28] for order in drawn} == {tuple(range(28))}
    assert len({order[28:] for order in drawn}) > 10
    assert find_order("fixed").unscored(state, draw()) == tuple(range(34))


def test_unknown_names_list_the_near_ones():
    with pytest.raises(UserError, match="did you mean global-op-iter"):
        find_order("global-op-itr")
    with pytest.raises(UserError, match="authors"):
        find_order("fixed", "author")
