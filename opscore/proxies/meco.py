"""meco: how independent the channels of each feature map are.

    S = sum over layers of lambda_min( P ),    P = correlation matrix of the layer's channels

(Jiang et al. 2023: MeCo). Larger is better. Needs no data: one image of N(0, 1) pixels goes
through the network, drawn from a seed that the minibatch's images give.

A channel is the vector of its positions. Channels that do not vary have correlation zero with all,
themselves included, so a layer with one of them adds zero; so does a layer with more channels than
positions. The authors' code, and the faithful meaning, count the output of every module, so that
blocks count beside the layers in them. The clean meaning counts convolutions only. Removed
operations do not run and do not count. Eval mode.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import draw_of, normal_like, skip_removed
from opscore.supernets.counting import hooked


@torch.no_grad()
def sum_over_outputs(
    network: nn.Module, batch: Batch, counted: Callable[[nn.Module], bool]
) -> float:
    """S over the feature maps that counted modules return."""
    total = 0.0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        nonlocal total
        if isinstance(output, Tensor) and output.ndim == 4:
            total += smallest_eigenvalue(output[0].flatten(1))

    skip_removed(network)
    noise = normal_like(batch.images[:1], draw_of(batch, "meco"))
    with hooked([m.register_forward_hook(add) for m in network.modules() if counted(m)]):
        network(noise)
    return total


def smallest_eigenvalue(channels: Tensor) -> float:
    """lambda_min of the correlation matrix of rows [channels, positions]."""
    if len(channels) == 1:
        return 1.0
    matrix = torch.corrcoef(channels.double()).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    return float(torch.linalg.eigvalsh(matrix)[0])


def clean_meco(network: nn.Module, batch: Batch) -> float:
    """S over convolutions."""
    return sum_over_outputs(network, batch, lambda module: isinstance(module, nn.Conv2d))


@register_proxy(
    "meco",
    higher_is_better=True,
    source="jiang2023",
    needs=("double",),
    clean=clean_meco,
    engine="unaltered",
)
def meco(network: nn.Module, batch: Batch) -> float:
    """S over the outputs of all modules."""
    return sum_over_outputs(network, batch, lambda module: True)
