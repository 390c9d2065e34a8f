"""grasp: whether removing weights would weaken the flow of gradients.

    g = dL/dw,    S = - sum over weights of w (H g)

(Wang et al. 2020, eq. 8, summed per network as in zero-cost-nas, minus sign included). Larger is
better.

H is the Hessian of L, and H g comes from differentiating g_fixed . g(w). Weights are those of all
convolution and linear layers; L is the mean cross-entropy of one minibatch at temperature one.
Train mode: batch norm uses the minibatch's statistics. The original evaluates g twice on the same
minibatch, which gives the same numbers as once.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import counted_weights, gradients, loss


@register_proxy(
    "grasp",
    higher_is_better=True,
    source="wang2020",
    mode="train",
    needs=("labels", "gradients"),
    survivors="uniform",
    engine="shared",
)
def grasp(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    weights = counted_weights(network)
    if not weights:
        raise ArithmeticError("the network has no convolution or linear layer")
    with sdpa_kernel(SDPBackend.MATH):  # the other ways to attend have no second derivative
        first = gradients(loss(network, batch), weights, create_graph=True)
    product = torch.stack([(g.detach() * g).sum() for g in first]).sum()
    if not product.requires_grad:  # a gradient that depends on no weight: the Hessian is zero
        return 0.0
    second = gradients(product, weights)
    return 0.0 - sum(float((w.detach() * h).sum()) for w, h in zip(weights, second, strict=True))
