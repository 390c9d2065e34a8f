"""A rule without a network: a fixed order, but the skip connection first where it is residual.

    residual(params)   operations by their parameters
    residual(flops)    by the multiplications for one image
    residual(a>b>c)    by an order of one's own
    residual           the first

On an edge that alone joins a cell's input to its output (:attr:`SearchSpace.residual_edges`) the
skip connection comes first: it makes a residual block of the cell (He et al. 2016). It is the bar
for whoever claims to know one edge from another. In a space without such an edge this is the
fixed order alone, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opscore.errors import UserError, note
from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.policies.baselines import FixedOrder, OperationSize, parse_order
from opscore.spaces import SearchSpace, State

#: What operations may be ordered by, beside an order that is spelled out.
SIZES = ("params", "flops")

#: The rule as it stands beside other policies.
RESIDUAL = "residual(params)"


class Residual(Policy):
    """A fixed order in which the skip connection wins on residual edges."""

    uses = frozenset({"supernet", "batch"})
    exact = True
    higher_is_better = True

    def __init__(self, name: str, order: Policy, space: SearchSpace) -> None:
        self._order = order
        self._edges = space.residual_edges if space.identity else ()
        if not self._edges:
            note(f"{name}: {no_residual_edge(space)}, so it is the fixed order alone")

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """The order's scores; on residual edges the skip connection has one more than the best."""
        found = self._order.scores(state, edges)
        for edge in set(edges) & set(self._edges):
            names = [state.space.operations[edge][op] for op in state.remaining(edge)]
            if state.space.identity in names:
                place = names.index(state.space.identity)
                best = max(score.value for score in found[edge])
                found[edge][place] = replace(found[edge][place], value=best + 1)
        return found


def no_residual_edge(space: SearchSpace) -> str:
    """Why a space has no edge on which a skip connection would be residual."""
    if not space.residual_edges:
        return f"in space '{space.name}' no edge alone joins a cell's input to its output"
    return f"space '{space.name}' names no identity among its operations"


def has_residual_edge(space: SearchSpace) -> bool:
    """Whether the rule says more than its fixed order in this space."""
    return bool(space.residual_edges and space.identity)


def _check(argument: str) -> None:
    if argument not in ("", *SIZES):
        if ">" not in argument:
            raise UserError(
                f"residual takes {' or '.join(SIZES)}, or an order of operations, best first, as "
                f"in 'residual(nor_conv_3x3>skip_connect)'; got '{argument}'"
            )
        parse_order(argument)


def _build(context: Context, argument: str) -> Policy:
    name = f"residual({argument})" if argument else "residual"
    order = (
        FixedOrder(name, parse_order(argument), context.space)
        if ">" in argument
        else OperationSize(argument or SIZES[0], context)
    )
    return Residual(name, order, context.space)


POLICIES.add(
    "residual",
    PolicyFamily(
        _build,
        Residual,
        "a fixed order (params, flops or one's own), skip first on the edge from input to output",
        check_argument=_check,
        argument="ORDER",
    ),
)
