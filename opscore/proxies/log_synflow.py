"""log_synflow: synflow with gradients that a logarithm compresses before the product.

    S = sum over conv and linear weights of | theta log(1 + dR/dtheta) |

with R as in synflow: the sum of the logits of absolute weights for an image of ones, without batch
norm, in double precision (Cavagnero et al. 2023). Larger is better. In synflow the few weights with
the largest gradients make the sum; here every weight counts about as its size. The score depends on
the weights alone.
"""

from __future__ import annotations

import torch
from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.synflow import flow_gradients


@register_proxy(
    "log_synflow", higher_is_better=True, source="cavagnero2023", needs=("gradients", "double")
)
def log_synflow(network: nn.Module, batch: Batch) -> float:
    """S of a network; the network is altered."""
    parts = [(w.detach() * torch.log1p(g)).abs().sum() for w, g in flow_gradients(network, batch)]
    return float(sum(parts))
