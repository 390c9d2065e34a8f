"""fisher: the squared effect on the loss of removing whole channels.

    t_nk = sum over positions of a_nk dL/da_nk,    f_k = 1/2 mean over n of t_nk^2
    S = sum over layers of (weights of one output channel) x sum_k f_k

(Theis et al. 2018; Turner et al. 2020; released in zero-cost-nas). Larger is better.

a is the output of a convolution or linear layer (before batch norm), n counts images and k
channels; a linear layer has no positions. L is the mean cross-entropy of the minibatch, so t is
1/N of a single image's. Train mode: batch norm uses the minibatch's statistics.

The factor (input channels / groups x kernel area) is the released code's: each f_k is spread over
the shape of the weight before it is summed. It is absent from the equation, and from the clean
meaning.
"""

from __future__ import annotations

import math

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import Layer, channel_effects


def layer_scores(network: nn.Module, batch: Batch) -> list[tuple[Layer, float]]:
    """The sum of f_k over the channels of each layer that runs."""
    return [
        (layer, float(0.5 * effect.square().mean(dim=0).sum()))
        for layer, effect in channel_effects(network, batch)
    ]


def clean_fisher(network: nn.Module, batch: Batch) -> float:
    """S as a plain sum over channels."""
    return math.fsum(score for _, score in layer_scores(network, batch))


@register_proxy(
    "fisher",
    higher_is_better=True,
    source="theis2018",
    mode="train",
    needs=("labels", "gradients"),
    clean=clean_fisher,
    survivors="uniform",
    engine="gradient",
)
def fisher(network: nn.Module, batch: Batch) -> float:
    """S with the released code's factor."""
    return math.fsum(
        layer.weight[0].numel() * score for layer, score in layer_scores(network, batch)
    )
