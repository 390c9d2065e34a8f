"""A NAS-Bench-201 supernet under one state, for gradients: the same function with less work.

Rectified and pooled nodes are computed once and shared by the edges that read them, the weights of
convolutions go into their batch norms, and removed operations do not run. The convolution and
linear modules are called as on the plain path, so gradients with respect to their weights, the
gradients of those, and hooks on their outputs, see the same numbers in both modes.

Tensors keep the plain layout: channels last is faster, but its batch statistics lose two digits in
single precision, and gradients through fifteen cells then differ from the plain path's by 1e-3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.spaces.nasbench201 import NODES
from opscore.supernets.base import StateNetwork
from opscore.supernets.engine import AveragePool
from opscore.supernets.nasbench201_folded import CONV1, CONV3, POOL, SKIP, Rows, layers

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import NASBench201Supernet


class SharedNetwork(StateNetwork):
    """The network of one state; like any :class:`StateNetwork` it shares the supernet's modules."""

    supernet: NASBench201Supernet

    def __init__(self, supernet: NASBench201Supernet, weights: Tensor) -> None:
        super().__init__(supernet, weights)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes]."""
        rows: Rows = tuple(tuple(row) for row in self.weights.tolist())
        x: Tensor = self.supernet.stem(images)
        for block in self.supernet.cells:
            edges = getattr(block, "edges", None)
            x = block(x) if edges is None else cell_output(edges, x, rows)
        return self.supernet.head(self.supernet.lastact(x))


def cell_output(edges: nn.ModuleDict, x: Tensor, rows: Rows) -> Tensor:
    """Node 3 of a cell, from node 0 [N, C, H, W]."""
    nodes = [x]
    rectified: dict[int, Tensor] = {}
    pooled: dict[int, Tensor] = {}
    for node in range(1, 4):
        total: Tensor | None = None
        for (source, target), row in zip(NODES, rows, strict=True):
            if target != node:
                continue
            operations = edges[f"{target}<-{source}"]
            assert isinstance(operations, nn.ModuleDict)
            for op in (CONV1, CONV3):
                if row[op]:
                    if source not in rectified:
                        rectified[source] = functional.relu(nodes[source])
                    _, convolution, norm = layers(operations[str(op)])
                    part = weighted_norm(norm, convolution(rectified[source]), row[op])
                    total = part if total is None else total + part
            if row[POOL] and source not in pooled:
                pooled[source] = average_pool(nodes[source])
            linear = ((row[SKIP], nodes[source]), (row[POOL], pooled.get(source)))
            for weight, value in linear:
                if weight and value is not None:
                    total = weight * value if total is None else total.add(value, alpha=weight)
        # As on the plain path, a node that nothing enters still depends on its input.
        nodes.append(x * 0.0 if total is None else total)
    return nodes[3]


def weighted_norm(norm: nn.Module, x: Tensor, weight: float) -> Tensor:
    """weight * norm(x); cells' batch norms have no affine parameters of their own."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert not norm.affine
    statistics = (None, None) if norm.training else (norm.running_mean, norm.running_var)
    scale = x.new_full((x.shape[1],), weight)
    return functional.batch_norm(x, *statistics, scale, None, norm.training, eps=norm.eps)


def average_pool(x: Tensor) -> Tensor:
    """3x3 average over the pixels that exist, stride 1; the pooling routine is slow both ways."""
    if x.dtype == torch.float64:  # but depthwise convolutions in double precision are slower
        return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    pooled: Tensor = _AveragePool.apply(x, AveragePool(x.detach()))  # type: ignore[no-untyped-call]
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
