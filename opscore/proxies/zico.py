"""zico: how steady the gradients are from minibatch to minibatch.

    S = sum over layers of log( sum over weights of  E|g| / sqrt(Var g) )

(Li et al. 2023: ZiCo; the authors' code). Larger is better.

E and Var run over two minibatches, as in the paper: here the two halves of the one that is given.
g is the gradient of the mean cross-entropy. Layers are all convolution and linear weights; weights
with no variance beyond rounding are left out, and so are layers that have no other. The paper takes
the variance of |g|: that is the clean meaning; its code, and the faithful meaning, that of g. Train
mode: batch norm uses each half's own statistics.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import counted_weights, gradients, loss, require_images


def half_gradients(network: nn.Module, batch: Batch) -> list[Tensor]:
    """For each layer, the gradients of the two halves: [2, size]."""
    middle = len(batch) // 2
    parts = (slice(0, middle), slice(middle, 2 * middle))
    halves = [Batch(batch.images[part], batch.labels[part], batch.source) for part in parts]
    weights = counted_weights(network)
    both = [gradients(loss(network, half), weights) for half in halves]
    return [torch.stack(pair).flatten(1) for pair in zip(*both, strict=True)]


def layer_sum(size: Tensor, varying: Tensor) -> float:
    """log of the sum over weights of mean(size) / deviation(varying); 0 where nothing varies.

    A deviation that the gradients' precision cannot tell from zero is none: else rounding would
    decide, in the largest terms of the sum.
    """
    deviation = varying.std(dim=0, correction=0)
    moves = deviation > torch.finfo(varying.dtype).eps * varying.abs().max()
    total = float((size.mean(dim=0)[moves] / deviation[moves]).double().sum())
    return math.log(total) if total > 0 else 0.0


def clean_zico(network: nn.Module, batch: Batch) -> float:
    """S with the variance of |g|."""
    require_images(batch, 4, "zico")
    return sum(layer_sum(g.abs(), g.abs()) for g in half_gradients(network, batch))


@register_proxy(
    "zico",
    higher_is_better=True,
    source="li2023",
    mode="train",
    needs=("labels", "gradients"),
    clean=clean_zico,
    engine="shared",
)
def zico(network: nn.Module, batch: Batch) -> float:
    """S with the variance of g."""
    require_images(batch, 4, "zico")
    return sum(layer_sum(g.abs(), g) for g in half_gradients(network, batch))
