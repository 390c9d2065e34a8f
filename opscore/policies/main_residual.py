"""Which operation from one proxy, which edge from another.

    main(P)+c*residual(Q):  m_P(o)  +  c (r_Q(e, o) - m_Q(o))

with r the rank of an operation within its edge by zc-pt(P), or zc-pt(Q), from 0 (worst) to 1, and
m(o) its mean over the open edges that have an operation of that name. The first term is the same
on all edges; the second is what Q knows beyond such a preference.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from opscore.analysis.matches import ranks_to_one
from opscore.errors import UserError
from opscore.policies.base import Context, EdgeScores, Policy, register_policy
from opscore.policies.zero_cost import PerturbationPolicy
from opscore.proxies import Score, get_proxy
from opscore.spaces import State

#: Strengths of the operations of each edge.
Strengths = dict[int, list[float]]

#: What stands behind 'main(' in the policy's name, but for the last parenthesis.
_FORM = re.compile(r"(?P<main>.+)\)\+(?P<weight>\d*\.?\d+)\*residual\((?P<residual>.+)")


def parse(argument: str) -> tuple[str, float, str]:
    """P, c and Q of 'P)+c*residual(Q'; UserError for anything else."""
    match = _FORM.fullmatch(argument)
    if match is None:
        raise UserError(
            f"the form is main(P)+c*residual(Q), as in 'main(synflow)+0.5*residual(nwot)'; "
            f"got 'main({argument})'"
        )
    for proxy in (match["main"], match["residual"]):
        get_proxy(proxy)
    return match["main"], float(match["weight"]), match["residual"]


@register_policy(
    "main",
    summary="main(P)+c*residual(Q): preferences of P, and Q's deviations from its own on single "
    "edges",
    check_argument=parse,
    argument="P)+c*residual(Q",
)
class MainResidual(Policy):
    """Preferences of one proxy, and another's deviations from its own on single edges."""

    uses = frozenset({"supernet", "batch", "seed"})
    higher_is_better = True

    def __init__(self, context: Context, argument: str) -> None:
        main, self.weight, residual = parse(argument)
        self._main = PerturbationPolicy(context, main)
        self._residual = PerturbationPolicy(context, residual)

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the edges, by the ranks of all open edges; a failure of either proxy is one."""
        wanted = sorted({*edges, *state.open_edges})
        names = {
            edge: [state.space.operations[edge][op] for op in state.remaining(edge)]
            for edge in wanted
        }
        both = [policy.scores(state, wanted) for policy in (self._main, self._residual)]
        values = combined(
            names, _strengths(self._main, both[0]), _strengths(self._residual, both[1]), self.weight
        )
        return {
            edge: [
                Score.together(value, parts)
                for value, *parts in zip(values[edge], both[0][edge], both[1][edge], strict=True)
            ]
            for edge in edges
        }


def combined(
    names: Mapping[int, Sequence[str]], main: Strengths, other: Strengths, weight: float
) -> Strengths:
    """The equation above, of strengths that are known already.

    Args:
        names: the operations of each edge.
        main: strengths by zc-pt(P) of these, in their order; NaN where there is no number.
        other: by zc-pt(Q).
        weight: c.

    Returns:
        A strength for each operation of each edge; NaN where one of the two has none.
    """
    ranks = [{edge: ranks_to_one(row) for edge, row in table.items()} for table in (main, other)]
    usual, own = (_means(names, table) for table in ranks)
    return {
        edge: [
            # A rank that is missing makes the sum so.
            usual[name] + 0.0 * of_main + weight * (of_other - own[name])
            for name, of_main, of_other in zip(row, ranks[0][edge], ranks[1][edge], strict=True)
        ]
        for edge, row in names.items()
    }


def _strengths(policy: Policy, scores: EdgeScores) -> Strengths:
    return {edge: [policy.strength(score) for score in row] for edge, row in scores.items()}


def _means(names: Mapping[int, Sequence[str]], ranks: Strengths) -> dict[str, float]:
    """The mean rank of each operation over the edges that have one of its name."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for edge, row in ranks.items():
        for name, rank in zip(names[edge], row, strict=True):
            if not math.isnan(rank):
                by_name[name].append(rank)
    means = {name: float(np.mean(values)) for name, values in by_name.items()}
    return defaultdict(lambda: math.nan, means)
