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
from collections.abc import Sequence

import numpy as np

from opscore.analysis.cells import average_ranks
from opscore.errors import UserError
from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.policies.zero_cost import PerturbationPolicy
from opscore.proxies import Score, get_proxy
from opscore.proxies.score import OK
from opscore.spaces import State

#: What stands behind 'main(' in the policy's name, but for the last parenthesis.
_FORM = re.compile(r"(?P<main>.+)\)\+(?P<weight>\d*\.?\d+)\*residual\((?P<residual>.+)")


class MainResidual(Policy):
    """Preferences of one proxy, and another's deviations from its own on single edges."""

    uses = frozenset({"supernet", "batch", "seed"})
    higher_is_better = True

    def __init__(self, argument: str, context: Context) -> None:
        main, self.weight, residual = parse(argument)
        self.name = f"main({argument})"
        self._main = PerturbationPolicy(get_proxy(main), context)
        self._residual = PerturbationPolicy(get_proxy(residual), context)

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the edges, by the ranks of all open edges; a failure of either proxy is one."""
        wanted = sorted({*edges, *state.open_edges})
        main = self._main.scores(state, wanted)
        other = self._residual.scores(state, wanted)
        usual = _means(state, _ranks(self._main, main))
        ranks = _ranks(self._residual, other)
        own = _means(state, ranks)
        result: EdgeScores = {}
        for edge in edges:
            result[edge] = []
            names = [state.space.operations[edge][op] for op in state.remaining(edge)]
            for place, name in enumerate(names):
                both = main[edge][place], other[edge][place]
                seconds = both[0].seconds + both[1].seconds
                bad = next((score for score in both if score.status != OK), None)
                value = usual[name] + self.weight * (ranks[edge][place] - own[name])
                result[edge].append(
                    Score.of(value, seconds)
                    if bad is None
                    else Score(math.nan, bad.status, seconds)
                )
        return result


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


def _ranks(policy: Policy, scores: EdgeScores) -> dict[int, list[float]]:
    """Ranks of the strengths within each edge, from 0 to 1; NaN for failures."""
    found = {}
    for edge, row in scores.items():
        strengths = np.array([policy.strength(score) for score in row])
        ranks = np.full(len(row), np.nan)
        known = ~np.isnan(strengths)
        ranks[known] = (average_ranks(strengths[known]) - 1) / max(known.sum() - 1, 1)
        found[edge] = ranks.tolist()
    return found


def _means(state: State, ranks: dict[int, list[float]]) -> dict[str, float]:
    """The mean rank of each operation over the edges that have one of its name."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for edge, row in ranks.items():
        for op, rank in zip(state.remaining(edge), row, strict=True):
            if not math.isnan(rank):
                by_name[state.space.operations[edge][op]].append(rank)
    means = {name: float(np.mean(values)) for name, values in by_name.items()}
    return defaultdict(lambda: math.nan, means)


def _build(context: Context, argument: str) -> Policy:
    return MainResidual(argument, context)


POLICIES.add(
    "main",
    PolicyFamily(
        _build,
        MainResidual,
        "main(P)+c*residual(Q): preferences of P, and Q's deviations from its own on single edges",
        check_argument=parse,
        argument="P)+c*residual(Q",
    ),
)
