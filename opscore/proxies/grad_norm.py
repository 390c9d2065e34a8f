"""grad_norm: the length of the loss gradient, layer by layer.

    S = sum over layers l of || dL/dW_l ||_2

(Abdelfattah et al. 2021; the authors' zero-cost-nas). Larger is better.

L is the mean cross-entropy of one minibatch. Layers are all convolution and linear weights; one
norm for each, then the sum. Biases and batch norm do not count; a layer that plays no part adds
zero. Train mode: batch norm uses the minibatch's statistics.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import weight_gradients


@register_proxy(
    "grad_norm",
    higher_is_better=True,
    source="abdelfattah2021",
    mode="train",
    needs=("labels", "gradients"),
    survivors="uniform",
    engine="gradient",
)
def grad_norm(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    return sum(float(gradient.norm()) for _, gradient in weight_gradients(network, batch))
