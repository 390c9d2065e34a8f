"""gradsign: whether the images pull the weights in the same direction.

    S = sum over weights of | sum over images i of sign( dL_i / dw ) |

(Zhang and Jia 2022, algorithm 1). Larger is better.

L_i is the cross-entropy of image i alone. Weights are those of all convolution and linear layers.
Eval mode, so that L_i depends on image i alone: with fresh weights batch norm is the identity. One
backward pass gives the gradients of all images (per_sample.py).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import checked_labels, finite
from opscore.proxies.per_sample import per_sample_gradients


@register_proxy(
    "gradsign",
    higher_is_better=True,
    source="zhang2022",
    needs=("labels", "gradients", "per-sample gradients"),
    engine="shared",
)
def gradsign(network: nn.Module, batch: Batch) -> float:
    """S of a network."""

    def losses(logits: Tensor) -> Tensor:
        logits = finite(logits, "the network's output")
        labels = checked_labels(logits, batch.labels)
        return functional.cross_entropy(logits, labels, reduction="none")

    layers = per_sample_gradients(network, batch.images, losses, batch_norm=False)
    return sum(float(rows.sign().sum(dim=0).abs().sum()) for rows in layers)
