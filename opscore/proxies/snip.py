"""snip: how much the loss would change if single weights were removed.

    S = sum over weights of | w dL/dw |

(Lee et al. 2019, without the normalisation; summed per network as by Abdelfattah et al.
2021). Larger is better.

The saliency of a mask of ones on the weights is dL/dm = w dL/dw, so no mask is needed. Weights are
those of all convolution and linear layers; L is the mean cross-entropy of one minibatch. Train
mode: batch norm uses the minibatch's statistics.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import weight_gradients


@register_proxy(
    "snip",
    higher_is_better=True,
    source="lee2019",
    mode="train",
    needs=("labels", "gradients"),
    survivors="uniform",
    engine="gradient",
)
def snip(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    return sum(float((w.detach() * g).abs().sum()) for w, g in weight_gradients(network, batch))
