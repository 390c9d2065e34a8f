"""zen_score: how strongly a Gaussian network's features react to its input, batch norm undone.

    S = log E || F(x) - F(x + a e) ||_1 + sum over batch norms of log sqrt(mean of sigma^2)

with x, e ~ N(0, 1) and a = 0.01 (Lin et al. 2021, algorithm 1; NASLib's copy). Larger is
better. Needs no data: the minibatch gives the shape of x, and its images the seed of the draws.

All convolution and linear weights are drawn from N(0, 1), batch norm gets weight 1 and bias 0.
F is the last feature map, before global pooling: the last output of a module that has four
dimensions and no adaptive pooling to one place before it (the logits when there is none). The norm
adds over channels and positions and is averaged over the batch.
sigma^2 are the running variances after the two forward passes, as released, so a moving average
that began at one. Batch norms of removed operations do not run and do not count. Train mode.
The paper averages 32 draws; this is one, as in NASLib.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import (
    draw_of,
    logits_of,
    modules_that_run,
    normal_like,
    plain_weight,
    skip_removed,
)
from opscore.supernets.counting import hooked

#: a of the equation.
MIXUP = 1e-2


@register_proxy("zen_score", higher_is_better=True, source="lin2021", mode="train")
@torch.no_grad()
def zen_score(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    draw = draw_of(batch, "zen_score")
    skip_removed(network)
    gaussian_weights(network, draw)
    first, noise = (normal_like(batch.images, draw) for _ in range(2))
    moved = first + MIXUP * noise  # before a forward pass that may write into its images
    change = last_features(network, first) - last_features(network, moved)
    reaction = float(change.abs().flatten(1).sum(dim=1).mean())
    variances = [
        float(module.running_var.mean())
        for module in modules_that_run(network.eval(), batch.images[:1])
        if isinstance(module, nn.BatchNorm2d) and module.running_var is not None
    ]
    scale = math.fsum(0.5 * math.log(variance) for variance in variances)
    return (math.log(reaction) if reaction > 0 else -math.inf) + scale


def gaussian_weights(network: nn.Module, draw: torch.Generator) -> None:
    """N(0, 1) weights for convolution and linear layers; batch norm as new."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = plain_weight(module)
            weight.copy_(normal_like(weight, draw))
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()


def last_features(network: nn.Module, images: Tensor) -> Tensor:
    """The last features of a forward pass, [N, C, H, W]; the logits when there are none."""
    features: list[Tensor] = []
    pooled = False

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        nonlocal pooled
        if isinstance(output, Tensor) and output.ndim == 4:
            whole = output.shape[2:].numel() == 1
            # A gate pools too, but larger features follow it.
            pooled = whole and (pooled or isinstance(module, nn.AdaptiveAvgPool2d))
            if not pooled:
                features[:] = [output]

    # Containers too: the last features may be a sum that a cell makes, and no layer's own output.
    with hooked([module.register_forward_hook(keep) for module in network.modules()]):
        logits = logits_of(network, images)
    return features[0] if features else logits
