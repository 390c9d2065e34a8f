"""plain: the signed sum of weights times gradients.

    S = sum over weights of w dL/dw

(Abdelfattah et al. 2021, code; after Mozer and Smolensky 1989). Larger is taken as better.

Weights are those of all convolution and linear layers; L is the mean cross-entropy of one
minibatch. Positive and negative terms cancel, and with batch norm after every convolution most
layers cancel exactly: what is left comes from the last linear layer and from rounding. Train mode.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import weight_gradients


@register_proxy(
    "plain",
    higher_is_better=True,
    source="abdelfattah2021",
    mode="train",
    needs=("labels", "gradients"),
    engine="shared",
)
def plain(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    return sum(float((w.detach() * g).sum()) for w, g in weight_gradients(network, batch))
