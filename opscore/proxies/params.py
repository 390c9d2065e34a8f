"""params: the number of parameters.

    S = number of parameters of the modules that run

(counted; the size baseline of every comparison). Larger is better. Needs no data: the minibatch
only tells which modules run.

Weights, biases and batch norm all count, as in the benchmarks' tables. In a supernet's state the
parameters of removed operations do not count (their modules do not run), nor do edge weights.
"""

from __future__ import annotations

from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import modules_that_run


@register_proxy("params", higher_is_better=True, source="counted", engine="unaltered")
def params(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    counted = {
        parameter: parameter.numel()
        for module in modules_that_run(network, batch.images[:1])
        for parameter in module.parameters(recurse=False)
    }
    return float(sum(counted.values()))
