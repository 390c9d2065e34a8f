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
    assert [find_order("global-op-iter").ranks(step) for step in range(3)] == [True] * 3
    assert [find_order("global-edge-once").ranks(step) for step in range(3)] == [True, False, False]
    assert not any(find_order("random").ranks(step) for step in range(3))


def test_orders_without_scores():
    assert find_order("fixed").unscored((0, 2, 5), draw()) == (0, 2, 5)
    drawn = {find_order("random").unscored(tuple(range(6)), draw(p)) for p in range(20)}
    assert len(drawn) > 10
    assert all(sorted(order) == list(range(6)) for order in drawn)


@pytest.mark.parametrize("name", ["global-op-once", "global-edge-once"])
def test_the_authors_once_orders_run_backwards(name):
    rule = find_order(name, "authors")
    assert rule.standing is None
    assert rule.unscored((0, 1, 2), draw()) == (2, 1, 0)


def test_the_authors_decide_anew_in_global_edge_iter_only():
    anew = [
        name
        for name in ("fixed", "random", "global-op-iter", "global-edge-iter")
        if find_order(name, "authors").decide_anew
    ]
    assert anew == ["global-edge-iter"]
    assert not find_order("global-edge-iter").decide_anew


def test_the_authors_global_op_iter_decides_an_edge_of_each_kind_of_cell():
    space = get_space("darts")
    state, rule = space.initial_state(), find_order("global-op-iter", "authors")
    normal, reduction = space.kinds["normal"], space.kinds["reduce"]
    queue = [normal[3], normal[1], reduction[2], reduction[5]]
    assert rule.next_edges(queue, state) == [normal[3], reduction[2]]
    assert find_order("global-op-iter").next_edges(queue, state) == [normal[3]]
    one_kind = get_space("nasbench201").initial_state()
    assert rule.next_edges([4, 2, 0], one_kind) == [4]
    for edge in (*normal, *reduction):
        state = state.discretize(edge, state.remaining(edge)[0])
    assert rule.next_edges(state.next_edges, state) == [state.next_edges[0]]


def test_unknown_names_list_the_near_ones():
    with pytest.raises(UserError, match="did you mean global-op-iter"):
        find_order("global-op-itr")
    with pytest.raises(UserError, match="authors"):
        find_order("fixed", "author")
