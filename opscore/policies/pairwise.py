"""An operation alone, and half of what it does together with those next to it.

    pairwise(P):  argmax_o  own(o) + 1/2 sum over q of I(o, q)

    I(o, q) = S(A_t) - S(A_t - o) - S(A_t - q) + S(A_t - o - q)
    own(o)  = S(A_t) - S(A_t - o) - sum over q of I(o, q)

with q the operations of adjacent open edges: those that share a node with e, or, where operations
stand in nodes, the edges of its stage. I is the interaction index of two (Grabisch and Roubens
1999). zc-pt credits an operation with all that it does together with others, whoever has the rest
of the merit; here both get half, as by Shapley's value, which this is where S has no interactions
but these.
"""

from __future__ import annotations

from collections.abc import Sequence

from opscore.policies.base import EdgeScores, register_policy
from opscore.policies.zero_cost import ProxyPolicy, scores_of
from opscore.proxies import Score, get_proxy
from opscore.spaces import SearchSpace, State


@register_policy(
    "pairwise",
    summary="what a zero-cost proxy loses with the operation, interactions of adjacent ones shared",
    check_argument=get_proxy,
)
class PairwisePolicy(ProxyPolicy):
    """A proxy's loss without the operation, less half of its interactions with adjacent ones."""

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each edge; a failure of any state is one."""
        ways = {
            (edge, op): [
                (state.perturb(*other), state.perturb(edge, op).perturb(*other))
                for other in next_to(state, edge)
            ]
            for edge in edges
            for op in state.remaining(edge)
        }
        alone = {place: state.perturb(*place) for place in ways}
        pairs = [each for row in ways.values() for pair in row for each in pair]
        states = list(dict.fromkeys([state, *alone.values(), *pairs]))
        found = dict(zip(states, scores_of(self.proxy, self.context, states), strict=True))

        def score(place: tuple[int, int]) -> Score:
            whole, without = found[state], found[alone[place]]
            parts, value = [whole, without], whole.value - without.value
            for other, both in ways[place]:
                parts += [found[other], found[both]]
                # What the operation loses where the other one has left, in place of all it loses.
                value += (found[other].value - found[both].value - whole.value + without.value) / 2
            return Score.together(value, parts)

        return {edge: [score((edge, op)) for op in state.remaining(edge)] for edge in edges}


def next_to(state: State, edge: int) -> list[tuple[int, int]]:
    """The (edge, operation)s of the open edges that are adjacent to an edge."""
    own = _ends(state.space, edge)
    return [
        (other, op)
        for other in state.open_edges
        if other != edge and own & _ends(state.space, other)
        for op in state.remaining(other)
    ]


def _ends(space: SearchSpace, edge: int) -> set[tuple[str, str]]:
    """What an edge shares with those next to it: the nodes of 'source->target', or its stage."""
    kind, _, arrow = space.edges[edge].rpartition(" ")
    if "->" in arrow:
        return {(kind, node) for node in arrow.split("->")}
    return {("stage", str(space.stage_of(edge)))}
