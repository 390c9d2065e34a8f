"""NAS-Bench-201 cells in train mode with their gradient written out.

In the terms of ``batch_statistics``, node t of a cell is, over its sources s,

    x_t = sum_s branch_1x1(r_s) + branch_3x3(r_s) + skip_st x_s + pool_st avg(x_s),    r = relu(x),

and with g_t = dL/dx_t

    g_s = [r_s > 0] sum_t (dL/dr_s of both branches) + sum_t skip_st g_t + avg^T sum_t pool_st g_t.

A cell keeps its rectified nodes and the outputs of its 3x3 convolutions; the framework would keep
three times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from opscore.spaces.nasbench201 import NODES
from opscore.supernets.batch_statistics import (
    PIECE_BYTES,
    Node,
    Pointwise,
    Slope,
    Spatial,
)
from opscore.supernets.engine import AveragePool, cut, piece_size
from opscore.supernets.nasbench201_folded import CONV1, CONV3, Rows, layers
from opscore.supernets.nasbench201_node import Edge, Incoming, Leaving
from opscore.supernets.nasbench201_prefix import Place, Prefix
from opscore.supernets.workspace import Workspace


@dataclass(frozen=True)
class CellLayers:
    """A cell under one state: the weights of its operations, and the convolutions that run."""

    rows: Rows
    convolutions: Mapping[Place, nn.Conv2d]
    eps: float

    @classmethod
    def of(cls, edges: nn.ModuleDict, rows: Rows) -> CellLayers:
        """From the modules of a cell, whose batch norms are all alike and without parameters."""
        found: dict[Place, nn.Conv2d] = {}
        eps = 0.0
        for i, ((source, target), row) in enumerate(zip(NODES, rows, strict=True)):
            operations = edges[f"{target}<-{source}"]
            assert isinstance(operations, nn.ModuleDict)
            for op in (CONV3, CONV1):
                if row[op]:
                    _, convolution, norm = layers(operations[str(op)])
                    assert isinstance(convolution, nn.Conv2d)
                    assert isinstance(norm, nn.BatchNorm2d)
                    found[i, op] = convolution
                    eps = norm.eps
        return cls(rows, found, eps)


class CellPass:
    """One pass through a cell, forward and then backward.

    Args:
        layers: what runs.
        memory: where buffers come from.
        name: of the cell, among those that use the same memory.
        gated: whether :meth:`effects` will be asked for.
        prefix: of a first cell, what it shares with other states.
    """

    def __init__(
        self,
        layers: CellLayers,
        memory: Workspace,
        name: int,
        *,
        gated: bool = False,
        prefix: Prefix | None = None,
    ) -> None:
        self.rows = layers.rows
        self.eps = layers.eps
        self.kernels = {p: conv.weight.detach() for p, conv in layers.convolutions.items()}
        self.memory = memory
        self.number = memory.passes
        self.name = name
        self.gated = gated
        self.prefix = prefix
        self.edges: list[Edge] = []

    def forward(self, x: Tensor) -> Tensor:
        """Node 3 from node 0, both [N, C, H, W] in channels last."""
        self.size = piece_size(x.shape[1:], x, PIECE_BYTES)
        self.pool = AveragePool(x)
        if self.prefix is not None:
            self.prefix.begin(x, by_image=self.gated)
        nodes = {0: x}
        for node in range(4):
            entering = [edge for edge in self.edges if edge.target == node]
            if entering:
                nodes[node] = self._node(node, "node", x)
            if node not in nodes:
                continue
            leaving = Leaving(self, node, nodes[node])
            for place, piece in enumerate(cut(nodes[node], self.size)):
                for edge in entering:
                    edge.enter(place, piece, self.memory, fresh=edge is entering[0])
                leaving.append(piece)
            self.edges += leaving.edges()
        # As on the plain path, a cell that nothing goes through still depends on its input.
        return nodes[3] if 3 in nodes else x * 0.0

    def _node(self, node: int, what: str, like: Tensor) -> Tensor:
        """Memory for an inner node or its gradient, which all cells share, or for what goes out."""
        if node in (0, 3):
            return torch.empty_like(like)
        return self.memory.buffer((like.shape, node, what), like)

    def effects(self, place: Place, slope: Slope) -> Tensor:
        """Sums over positions of y dL/dy, [N, C], of a convolution; slope: its own."""
        (branch,) = [e.branches[place[1]] for e in self.edges if e.index == place[0]]
        return branch.effects(slope).to(self.kernels[place].dtype)

    def backward(
        self, gradient: Tensor, wanted: Set[Place]
    ) -> tuple[Tensor, dict[Place, Tensor], dict[Place, Slope]]:
        """dL/dx, dL/dkernel of those wanted, and the slopes of all, from dL/d(node 3).

        Convolutions that the gradient does not reach have no slope and no dL/dkernel.
        RuntimeError when another pass has begun in the same memory.
        """
        self.memory.check(self.number)
        whole = {3: gradient}
        nodes: dict[int, Node] = {}
        kernels: dict[Place, Tensor] = {}
        slopes: dict[Place, Slope] = {}
        for node in (3, 2, 1, 0):
            leaving = [e for e in self.edges if e.source == node and e.target in nodes]
            if leaving:
                whole[node] = self._node(node, "gradient", gradient)
            if node not in whole:
                continue
            incoming = Incoming(leaving, nodes, slopes, self.memory)
            entering = self._branches_into(node)
            products: dict[Place, list[Tensor]] = {place: [] for place in entering}
            nodes[node] = Node()
            for place, g in enumerate(cut(whole[node], self.size)):
                if leaving:
                    incoming.convolutions(place, g, wanted, kernels)
                    incoming.linear(place, g, self.pool)
                nodes[node].append(g)
                for key, branch in entering.items():
                    products[key].append(branch.products_with(place, g))
            for key, branch in entering.items():
                slopes[key] = branch.slope(nodes[node], products[key])
                if key in wanted and isinstance(branch, Pointwise):
                    kernels[key] = branch.kernel_gradient(slopes[key])
        dx = whole[0] if 0 in whole else torch.zeros_like(gradient)
        found = {place: dk.to(dx).view_as(self.kernels[place]) for place, dk in kernels.items()}
        return dx, found, slopes

    def _branches_into(self, node: int) -> dict[Place, Pointwise | Spatial]:
        edges = [edge for edge in self.edges if edge.target == node]
        return {(e.index, op): branch for e in edges for op, branch in e.branches.items()}
