"""Pooling, several times faster than the routines of a CPU.

An average is a depthwise sum and a fixed map, a maximum that of rows, then of columns.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from opscore.engine.algebra.rules.pooling import Pool


class AveragePool:
    """Averages over the pixels of a window, those that exist or all.

    Double precision keeps the routine: its depthwise convolutions are slow.

    Args:
        like: [N, C, H, W].
        settings: of the layer; those of a 3x3 average over the pixels that exist when None.
    """

    def __init__(self, like: Tensor, settings: Pool | None = None) -> None:
        self.settings = settings or Pool((3, 3), (1, 1), (1, 1), False)
        kernel, stride, padding, count_padding = self.settings
        _, channels, height, width = like.shape
        self._ones = like.new_ones(channels, 1, *kernel)
        if count_padding:
            count = like.new_full((1, 1, 1, 1), float(kernel[0] * kernel[1]))
        else:
            pixels = like.new_ones(1, 1, height, width)
            count = functional.conv2d(pixels, self._ones[:1], None, stride, padding)
        # In the memory format of what it will be multiplied with.
        example = torch.empty_like(like[:1, :, : count.shape[2], : count.shape[3]])
        self._reciprocal = example.copy_(count.reciprocal())

    def __call__(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to the pooled resolution."""
        return self._sum(x).mul_(self._reciprocal)

    def adjoint(self, gradient: Tensor) -> Tensor:
        """dL/dx from dL/dpool(x), of the same shape; for stride 1."""
        return self._sum(gradient * self._reciprocal)

    def _sum(self, x: Tensor) -> Tensor:
        kernel, stride, padding, _ = self.settings
        if x.dtype == torch.float64:
            return functional.avg_pool2d(x, kernel, stride, padding, divisor_override=1)
        return functional.conv2d(x, self._ones, None, stride, padding, 1, len(self._ones))


def max_pool(x: Tensor, settings: Pool) -> Tensor:
    """The largest pixel of each window, without a graph: its routine also looks where that is."""
    kernel, stride, (rows, columns), _ = settings
    if x.device.type != "cpu":
        return torch.max_pool2d(x, kernel, stride, (rows, columns))
    x = functional.pad(x, (columns, columns, rows, rows), value=-math.inf)
    for dim, size, step in zip((2, 3), kernel, stride, strict=True):
        x = reduce(torch.maximum, x.unfold(dim, size, step).unbind(-1))
    return x


def average_pool(x: Tensor, settings: Pool) -> Tensor:
    """The pooled tensor with gradients, and gradients of those."""
    kernel, stride, padding, count_padding = settings
    centred = stride == (1, 1) and not count_padding
    centred &= all(k == 2 * p + 1 for k, p in zip(kernel, padding, strict=True))
    if x.dtype == torch.float64 or not centred:
        return functional.avg_pool2d(x, kernel, stride, padding, count_include_pad=count_padding)
    pool = AveragePool(x.detach(), settings)
    pooled: Tensor = _AveragePool.apply(x, pool)  # type: ignore[no-untyped-call]
    return pooled


class _AveragePool(torch.autograd.Function):
    """The pool with its adjoint as the backward pass: autograd's own would take longer.

    The adjoint is made of differentiable steps, so a second backward pass can go through it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: AveragePool) -> Tensor:
        ctx.pool = pool
        return pool(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        pool: AveragePool = ctx.pool
        return pool.adjoint(gradients[0]), None
