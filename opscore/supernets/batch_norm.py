"""Batch norm of the layers outside cells, in train mode and channels last, without lost digits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from opscore.supernets.batch_statistics import PIECE_BYTES, Node, Normalized, Outputs
from opscore.supernets.engine import cut, piece_size
from opscore.supernets.workspace import Workspace


def run(layers: nn.Sequential, x: Tensor, memory: Workspace) -> Tensor:
    """``layers(x)`` in train mode, for one gradient; running statistics are left alone.

    x: [N, C, H, W] in channels last.
    """
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            x = _BatchNorm.apply(x, layer.weight, layer.bias, layer.eps, memory)  # type: ignore[no-untyped-call]
        else:
            x = layer(x)
    return x


class _BatchNorm(torch.autograd.Function):
    """out = weight (x - mean(x)) / s + bias, by :class:`Normalized`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, memory: Workspace
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        size = piece_size(x.shape[1:], x, PIECE_BYTES)
        branch = Normalized(Outputs(memory, cut(x, size)), weight.double(), eps)
        out = torch.empty_like(x)
        for place, part in enumerate(cut(out, size)):
            branch.write(place, branch.shift + bias, part)
        ctx.branch, ctx.size = branch, size
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        branch: Normalized = ctx.branch
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        g = Node(cut(gradient, ctx.size))
        products = [branch.products_with(place, part) for place, part in enumerate(g.pieces)]
        slope = branch.slope(g, products)
        dx = torch.empty_like(gradient)
        for place, part in enumerate(cut(dx, ctx.size)):
            branch.derivative(place, g.pieces[place], slope, part)
        dweight = g.count * slope.covariance * branch.variance.rsqrt()
        dbias = g.count * g.mean
        return dx, dweight.to(dx), dbias.to(dx), None, None
