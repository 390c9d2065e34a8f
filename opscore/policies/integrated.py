"""Integrated gradients of a proxy along the weights of operations.

    ig(P):  argmax_o  integral from t0 to 1 of  w_eo dS/dw_eo (t w)  dt

for a differentiable proxy P, with w the weights that A_t gives to its operations (Sundararajan et
al. 2017). All weights grow together from t0 = 1/100, since log S of an empty mixture is minus
infinity. The attributions of all operations of all edges add up to S(w) - S(t0 w), so that they can
be compared across edges; taylor-pt is the integrand at t = 1. The integral is taken over log t with
:data:`NODES` nodes of Gauss and Legendre: so many forward and backward passes, however many
operations there are. That sum holds for synflow, which is smooth on the way; proxies made of
gradients jump wherever a rectifier turns, which no slope sees.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from opscore.policies.base import POLICIES, Context, Policy, PolicyFamily
from opscore.policies.taylor import OnePassPolicy
from opscore.proxies import get_proxy
from opscore.proxies.first_order import check_differentiable, value_and_slopes
from opscore.spaces import State

#: Places on the way at which slopes are taken.
NODES = 8

#: Where the way begins, as a share of the weights.
START = 0.01


def attributions(name: str, context: Context, state: State) -> Tensor:
    """What each operation has of S(w) - S(START w), [edges, operations]."""
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    half = -math.log(START) / 2
    parts = []
    for node, share in zip(nodes.tolist(), shares.tolist(), strict=True):
        scale = math.exp(half * (node - 1))
        _, weights, slopes = value_and_slopes(
            name, context.supernet, state, context.batch, scale=scale
        )
        parts.append(share * half * weights * slopes)
    return torch.stack(parts).sum(dim=0)


def _build(context: Context, argument: str) -> Policy:
    higher = get_proxy(argument).higher_is_better
    return OnePassPolicy(higher, lambda state: attributions(argument, context, state))


POLICIES.add(
    "ig",
    PolicyFamily(
        _build,
        OnePassPolicy,
        "integrated gradients along the weights of operations, for a differentiable proxy",
        check_differentiable,
    ),
    source="sundararajan2017",
)
