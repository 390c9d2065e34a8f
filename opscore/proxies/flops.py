"""flops: multiplications for one image.

    S = sum over convolution and linear layers of
        (outputs) x (input channels / groups) x (kernel area)

(counted; the cost baseline of every comparison). Larger is better. Needs no data: one image runs
through the network to see what runs, and at which resolution.

One multiplication with its addition counts once. Batch norm, pooling, activations, biases and
additions do not count; NAS-Bench-201's tables count some of them, which adds 1 to 7 %. In a
supernet's state the removed operations do not run, so they do not count; a layer that runs twice
counts twice.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import skip_removed
from opscore.supernets.counting import multiplications


@register_proxy("flops", higher_is_better=True, source="counted", engine="unaltered")
def flops(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    skip_removed(network)
    return float(multiplications(network, batch.images[:1]))
