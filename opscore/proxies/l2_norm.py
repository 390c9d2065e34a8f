"""l2_norm: the length of the weights, layer by layer.

    S = sum over layers l of || W_l ||_2

(Abdelfattah et al. 2021, code). Larger is better. Needs no data: the minibatch only tells which
layers run.

Layers are the convolution and linear layers of operations that are there: a removed operation of
a supernet does not count, or every state would have the same score. The weight that an operation
has on its edge plays no part.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import modules_that_run


@register_proxy("l2_norm", higher_is_better=True, source="abdelfattah2021", engine="unaltered")
def l2_norm(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    return sum(
        float(module.weight.detach().norm())
        for module in modules_that_run(network, batch.images[:1])
        if isinstance(module, nn.Conv2d | nn.Linear)
    )
