from __future__ import annotations

import pytest

from opscore.errors import UserError
from opscore.spaces import SearchSpace, get_space, list_spaces

OPS = ("none", "skip", "conv")


@pytest.mark.parametrize("name", list_spaces())
def test_the_edge_that_alone_joins_input_to_output(name):
    """In the cells of NAS-Bench-201 and TransNAS; elsewhere operations are nodes, or nodes are
    put side by side."""
    space = get_space(name)
    expected = ["0->3"] if name in {"nasbench201", "transnas-micro"} else []
    assert [space.edges[edge] for edge in space.residual_edges] == expected


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (("a->b", "b->c", "a->c"), ["a->c"]),
        (("b->c", "a->c", "a->b"), ["a->c"]),
        (("a->b", "b->c"), []),
        (("a->b",), []),
        (("first", "second"), []),
    ],
)
def test_the_graph_says_so_whatever_edges_are_called(edges, expected):
    space = SearchSpace("small", edges, (OPS,) * len(edges))
    assert [space.edges[edge] for edge in space.residual_edges] == expected


def test_an_edge_without_a_choice_has_no_say():
    space = SearchSpace("small", ("0->1", "1->2", "0->2"), (OPS, OPS, ("skip",)))
    assert space.residual_edges == ()


@pytest.mark.parametrize("name", list_spaces())
def test_every_space_says_which_operations_have_no_weights(name):
    space = get_space(name)
    assert space.weightless
    assert not space.identity or space.identity in space.weightless


@pytest.mark.parametrize("given", [{"weightless": ("pool",)}, {"identity": "skp"}])
def test_what_no_edge_offers_is_refused(given):
    with pytest.raises(UserError, match="unknown operation of space 'small'"):
        SearchSpace("small", ("0->1", "1->2"), (OPS, OPS), **given)
