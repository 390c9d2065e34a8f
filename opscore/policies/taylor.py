"""Cheap rivals that score every operation from one evaluation of the supernet.

    taylor-pt(P):    S - w_eo dS/dw_eo                                      estimates zc-pt(P)
    taylor-disc(P):  S + (1 - w_eo) dS/dw_eo - sum_{o' != o} w_eo' dS/dw_eo'  estimates disc-zc(P)
    sensitivity:     | w_eo dL/dw_eo |                         (FreeDARTS, ZEROS; larger is kept)

for a differentiable proxy P; see :mod:`opscore.proxies.first_order` and
:mod:`opscore.proxies.sensitivity`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from opscore.policies.base import POLICIES, Context, EdgeScores, Policy, PolicyFamily
from opscore.proxies import Score, get_proxy
from opscore.proxies.first_order import check_differentiable, value_and_slopes
from opscore.proxies.sensitivity import operation_sensitivities
from opscore.spaces import State

#: (S, weights [edges, operations], slopes [edges, operations]) -> scores [edges, operations].
Estimate = Callable[[float, Tensor, Tensor], Tensor]


class OnePassPolicy(Policy):
    """A table of scores for a whole state at once."""

    uses = frozenset({"supernet", "batch", "seed"})

    def __init__(self, higher_is_better: bool, table: Callable[[State], Tensor]) -> None:
        self.higher_is_better = higher_is_better
        self._table = table

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each edge; the time is split evenly."""
        start = time.perf_counter()
        table = self._table(state).tolist()
        asked = sum(len(state.remaining(edge)) for edge in edges)
        seconds = (time.perf_counter() - start) / max(asked, 1)
        return {
            edge: [Score.of(table[edge][op], seconds) for op in state.remaining(edge)]
            for edge in edges
        }


def estimated_perturbation(value: float, weights: Tensor, slopes: Tensor) -> Tensor:
    """S(A - (e, o)) to first order."""
    return value - weights * slopes


def estimated_discretization(value: float, weights: Tensor, slopes: Tensor) -> Tensor:
    """S(A + (e, o)) to first order."""
    return value + slopes - (weights * slopes).sum(dim=1, keepdim=True)


def _add_estimate(family: str, estimate: Estimate, *, turned: bool, summary: str) -> None:
    def build(context: Context, argument: str) -> Policy:
        def table(state: State) -> Tensor:
            return estimate(*value_and_slopes(argument, context.supernet, state, context.batch))

        higher = get_proxy(argument).higher_is_better
        return OnePassPolicy(higher != turned, table)

    POLICIES.add(family, PolicyFamily(build, OnePassPolicy, summary, check_differentiable))


def _build_sensitivity(context: Context, argument: str) -> Policy:
    def table(state: State) -> Tensor:
        found = operation_sensitivities(context.supernet, state, context.batch)
        return torch.as_tensor(found, dtype=torch.float64)

    return OnePassPolicy(True, table)


_add_estimate(
    "taylor-pt",
    estimated_perturbation,
    turned=True,
    summary="first-order estimate of zc-pt, for a differentiable proxy",
)
_add_estimate(
    "taylor-disc",
    estimated_discretization,
    turned=False,
    summary="first-order estimate of disc-zc, for a differentiable proxy",
)
POLICIES.add(
    "sensitivity",
    PolicyFamily(_build_sensitivity, OnePassPolicy, "|w dL/dw| of each operation's weight"),
)
