"""The order in which the edges of a proposal are decided (paper, section 4.2).

With s(e, o) the strength of operation o of edge e, larger meaning 'keep it' (for zc-pt with a
larger-is-better proxy, -S(A_t - (e, o))), the next edge of A_t is

    fixed             the space's first open edge
    random            the first open edge of a permutation drawn for the proposal
    global-op-iter    argmax_e max_o s(e, o), all open edges scored anew at each step
    global-edge-iter  argmax_e mean_o s(e, o), likewise
    global-op-once    by max_o s(e, o) of A_0, all edges scored once, before the first step
    global-edge-once  by mean_o s(e, o) of A_0, likewise

Ties go to the first edge. In a space whose edges are decided in stages, a stage comes after the
one before it, whatever the order; within it the order holds. Perturbations of a proposal, with |O|
operations on each of |E| edges:

    order              orders='paper'      orders='authors'
    fixed, random      |O||E|              the same
    global-op-iter     |O||E|(|E|+1)/2     the same; one kind of cell after the other, about half
    global-edge-iter   |O||E|(|E|+1)/2     |O||E| more: the edge is scored again, on new images
    *-once             2|O||E| - |O|       |O||E|: the last open edge, whatever the scores

In a space with several kinds of cell a step of the authors' decides an edge of each, one after the
other on the same minibatch: on DARTS global-op-iter has 1,470 perturbations for the operations of a
proposal, not 2,842. The nodes that choose inputs come in random order, whatever the order of the
operations.
The authors' -once programs score all edges, which costs |O||E| more, and then lose the ranking;
that scoring changes nothing and is left out here.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from opscore.errors import one_of
from opscore.search.base import ORDER_MEANINGS, ORDERS
from opscore.spaces import State

#: Strengths of the operations of an edge, NaN where one has no score, by edge.
Strengths = Mapping[int, Sequence[float]]

#: How far ahead an edge is, from the strengths of its operations that have a score.
Standing = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class OrderRule:
    """How an order finds the next edge.

    Attributes:
        name: one of :data:`opscore.search.base.ORDERS`.
        standing: ranks edges by strengths, largest first; None for an order without scores.
        each_step: whether the ranking is made anew at each step, or once for A_0.
        decide_anew: whether the chosen edge is scored once more to decide its operation although
            the ranking has just scored it.
        backwards: whether an order without scores goes from the last edge to the first.
        each_kind: whether a step decides an edge of each kind of cell, as the authors' steps do.
    """

    name: str
    standing: Standing | None = None
    each_step: bool = False
    decide_anew: bool = False
    backwards: bool = False
    each_kind: bool = False

    def ranks(self, step: int, state: State) -> bool:
        """Whether all open edges are scored at this step to find the next edge."""
        if self.standing is None or not (self.each_step or step == 0):
            return False
        return not (self.each_kind and any(state.space.keeps[e] > 1 for e in state.next_edges))

    def turns(self, state: State) -> list[tuple[int, ...]]:
        """The open edges that a step decides one of, one group after the other."""
        edges = state.next_edges
        return state.space.by_cell(edges) if self.each_kind else [tuple(edges)]

    def ranking(self, strengths: Strengths) -> tuple[int, ...]:
        """The edges, the furthest ahead first; ties, and edges without scores, by index."""
        assert self.standing is not None
        known = {e: [v for v in row if not math.isnan(v)] for e, row in strengths.items()}
        standings = {e: self.standing(row) if row else -math.inf for e, row in known.items()}
        return tuple(sorted(standings, key=lambda edge: (-standings[edge], edge)))

    def unscored(self, state: State, generator: np.random.Generator) -> tuple[int, ...]:
        """The open edges of A_0 in the sequence of an order without scores."""
        edges = tuple(sorted(state.open_edges, reverse=self.backwards))
        if self.name == "random":
            return _shuffled(edges, generator)
        if self.backwards or not self.each_kind:
            return edges
        choosing = tuple(edge for edge in edges if state.space.keeps[edge] > 1)
        others = tuple(edge for edge in edges if edge not in choosing)
        return (*others, *_shuffled(choosing, generator))


def find_order(name: str, orders: str = "paper") -> OrderRule:
    """The rule of an order's name, as the paper or its authors have it; see the module's head.

    UserError for an unknown name.
    """
    one_of("edge order", name, ORDERS)
    one_of("meaning of edge orders", orders, ORDER_MEANINGS)
    theirs = orders == "authors"
    if name in ("fixed", "random"):
        return OrderRule(name, each_kind=theirs)
    standing: Standing = max if name.startswith("global-op") else statistics.fmean
    if name.endswith("iter"):
        anew = theirs and name == "global-edge-iter"
        return OrderRule(name, standing, each_step=True, decide_anew=anew, each_kind=theirs)
    if theirs:
        return OrderRule(name, backwards=True, each_kind=True)
    return OrderRule(name, standing)


def _shuffled(edges: tuple[int, ...], generator: np.random.Generator) -> tuple[int, ...]:
    return tuple(edges[int(place)] for place in generator.permutation(len(edges)))
