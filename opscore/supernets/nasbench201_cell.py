"""NAS-Bench-201 cells in train mode with their gradient written out.

In the terms of ``batch_statistics``, node t of a cell is, over its sources s,

    x_t = sum_s branch_1x1(r_s) + branch_3x3(r_s) + skip_st x_s + pool_st avg(x_s),    r = relu(x),

and with g_t = dL/dx_t

    g_s = [r_s > 0] sum_t (dL/dr_s of both branches) + sum_t skip_st g_t + avg^T sum_t pool_st g_t.

A cell keeps its rectified nodes and the outputs of its 3x3 convolutions; the framework would keep
three times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from opscore.spaces.nasbench201 import NODES
from opscore.supernets.batch_statistics import (
    PIECE_BYTES,
    Node,
    Pointwise,
    Slope,
    Spatial,
    by_pixel,
    convolve,
    spread,
)
from opscore.supernets.engine import AveragePool, cut, piece_size
from opscore.supernets.nasbench201_folded import CONV1, CONV3, POOL, SKIP, Rows, layers
from opscore.supernets.nasbench201_prefix import Place, Prefix
from opscore.supernets.workspace import Workspace


@dataclass(frozen=True)
class Edge:
    """An edge and what runs on it: weights by SKIP and POOL, convolutions by CONV3 and CONV1."""

    index: int
    source: int
    target: int
    linear: Mapping[int, float]
    branches: Mapping[int, Pointwise | Spatial]


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
            self.prefix.begin(x)
        nodes = {0: x}
        for source in range(3):
            if source in nodes:
                self._leave(source, nodes)
        # As on the plain path, a cell that nothing goes through still depends on its input.
        return nodes[3] if 3 in nodes else x * 0.0

    def _leave(self, source: int, nodes: dict[int, Tensor]) -> None:
        """Add what leaves a complete node to the nodes that it enters."""
        pieces = cut(nodes[source], self.size)
        edges = self._edges_from(source, nodes[source])
        linear: dict[int, list[Tensor]] = {SKIP: pieces}
        if any(POOL in edge.linear for edge in edges):
            linear[POOL] = [self.pool(piece) for piece in pieces]
        for edge in edges:
            fresh = edge.target not in nodes
            if fresh:
                nodes[edge.target] = self._node(edge.target, "node", nodes[0])
            for place, out in enumerate(cut(nodes[edge.target], self.size)):
                self._enter(edge, place, out, fresh)
                for op, weight in edge.linear.items():
                    out.add_(linear[op][place], alpha=weight)
        self.edges += edges

    def _edges_from(self, source: int, x: Tensor) -> list[Edge]:
        """The edges of a node on which something runs; x: the node."""
        mine = [i for i, (s, _) in enumerate(NODES) if s == source]
        places = [(i, op) for i in mine for op in (CONV3, CONV1) if self.rows[i][op]]
        branches: dict[Place, Pointwise | Spatial] = {}
        if places:
            # Not shared with other cells: it is kept for the gradient.
            buffer = self.memory.buffer((self.name, source, "rectified"), x)
            rectified = self._pieces(torch.clamp_min(x, 0, out=buffer))
            branches = {place: self._branch(place, rectified) for place in places}
        edges = [
            Edge(
                i,
                *NODES[i],
                linear={op: self.rows[i][op] for op in (SKIP, POOL) if self.rows[i][op]},
                branches={op: branches[i, op] for op in (CONV3, CONV1) if (i, op) in branches},
            )
            for i in mine
        ]
        return [edge for edge in edges if edge.linear or edge.branches]

    def _branch(self, place: Place, r: Node) -> Pointwise | Spatial:
        kernel, weight, eps = self.kernels[place], self.rows[place[0]][place[1]], self.eps
        if place[1] == CONV1:
            return Pointwise(r, kernel, weight, eps)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        make = partial(convolve, r, kernel, self.memory, (self.name, place))
        if self.prefix is None:
            outputs = make()
        else:
            outputs = self.prefix.outputs(place, self.rows, self.kernels, make)
        return Spatial(r, kernel, outputs, weight, eps)

    def _pieces(self, x: Tensor) -> Node:
        return Node(cut(x, self.size), by_image=self.gated)

    def _node(self, node: int, what: str, like: Tensor) -> Tensor:
        """Memory for an inner node or its gradient, which all cells share, or for what goes out."""
        if node in (0, 3):
            return torch.empty_like(like)
        return self.memory.buffer((like.shape, node, what), like)

    def _enter(self, edge: Edge, place: int, out: Tensor, fresh: bool) -> None:
        """Add an edge's convolutions to a piece of its target; write them there if it is fresh."""
        if not edge.branches:
            if fresh:
                out.zero_()
            return
        part = out if fresh else self.memory.buffer(("part", out.shape), out)
        first, *others = edge.branches.values()
        first.write(place, sum((other.shift for other in others), first.shift), part)
        for other in others:
            assert isinstance(other, Pointwise)
            other.add(place, part)
        if not fresh:
            out.add_(part)

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
        nodes = {3: self._pieces(gradient)}
        kernels: dict[Place, Tensor] = {}
        slopes: dict[Place, Slope] = {}
        for source in (2, 1, 0):
            edges = [e for e in self.edges if e.source == source and e.target in nodes]
            if not edges:
                continue
            incoming = Incoming(edges, nodes, self.memory)
            whole[source] = self._node(source, "gradient", gradient)
            for place, out in enumerate(cut(whole[source], self.size)):
                incoming.convolutions(place, out, wanted, kernels)
                incoming.linear(place, out, self.pool)
            nodes[source] = self._pieces(whole[source])
            kernels |= incoming.pointwise_kernels(wanted)
            slopes |= incoming.slopes
        dx = whole[0] if 0 in whole else torch.zeros_like(gradient)
        found = {place: dk.to(dx).view_as(self.kernels[place]) for place, dk in kernels.items()}
        return dx, found, slopes


class Incoming:
    """What comes to the gradient of a node from those of the nodes that it enters."""

    def __init__(self, edges: Sequence[Edge], nodes: Mapping[int, Node], memory: Workspace) -> None:
        self.edges = edges
        self.nodes = nodes
        self.memory = memory
        self.slopes: dict[Place, Slope] = {}
        self.pointwise: list[tuple[Edge, Pointwise]] = []
        self.spatial: list[tuple[Edge, Spatial]] = []
        for edge in edges:
            for op, branch in edge.branches.items():
                self.slopes[edge.index, op] = branch.slope(nodes[edge.target])
                if isinstance(branch, Pointwise):
                    self.pointwise.append((edge, branch))
                else:
                    self.spatial.append((edge, branch))
        maps = [b.gradient_maps(self.slopes[e.index, CONV1]) for e, b in self.pointwise]
        if maps:
            like = nodes[edges[0].target].pieces[0]
            self._across = [matrix.to(like.dtype) for matrix, _, _ in maps]
            self._own = torch.stack([own for _, own, _ in maps]).sum(dim=0).to(like.dtype)
            self._constant = torch.stack([constant for *_, constant in maps]).sum(dim=0)

    def convolutions(
        self, place: int, out: Tensor, wanted: Set[Place], kernels: dict[Place, Tensor]
    ) -> None:
        """out = [r > 0] dL/dr of a piece; adds to dL/dkernel of 3x3 convolutions."""
        if not self.slopes:
            out.zero_()
            return
        if self.pointwise:
            self._pointwise_gradient(place, out)
        total = out if self.pointwise else None
        for edge, branch in self.spatial:
            key = (edge.index, CONV3)
            g = self.nodes[edge.target].pieces[place]
            dr, dk = branch.gradients(place, g, self.slopes[key], kernel=key in wanted)
            total = dr if total is None else total.add_(dr)
            if dk is not None:
                kernels[key] = kernels[key].add_(dk) if key in kernels else dk
        _, branch_of_any = (self.pointwise or self.spatial)[0]
        r = branch_of_any.r.pieces[place]
        torch.ops.aten.threshold_backward(total, r, 0, grad_input=out)

    def _pointwise_gradient(self, place: int, out: Tensor) -> None:
        """out = sum of P^T g + Q r + p over the pointwise branches; r is the same for all."""
        r = self.pointwise[0][1].r.pieces[place]
        torch.mm(by_pixel(r), self._own, out=by_pixel(out))
        for (edge, _), matrix in zip(self.pointwise, self._across, strict=True):
            by_pixel(out).addmm_(by_pixel(self.nodes[edge.target].pieces[place]), matrix)
        out.add_(spread(self._constant, out))

    def linear(self, place: int, out: Tensor, pool: AveragePool) -> None:
        """out += what comes through skip connections and poolings."""
        pooled: Tensor | None = None
        for edge in self.edges:
            g = self.nodes[edge.target].pieces[place]
            if SKIP in edge.linear:
                out.add_(g, alpha=edge.linear[SKIP])
            if POOL in edge.linear:
                if pooled is None:
                    buffer = self.memory.buffer(("part", g.shape), g)
                    pooled = torch.mul(g, edge.linear[POOL], out=buffer)
                else:
                    pooled.add_(g, alpha=edge.linear[POOL])
        if pooled is not None:
            out.add_(pool.adjoint(pooled))

    def pointwise_kernels(self, wanted: Set[Place]) -> dict[Place, Tensor]:
        """dL/dV of the 1x1 convolutions wanted, float64 [C, C]."""
        places = [((edge.index, CONV1), branch) for edge, branch in self.pointwise]
        return {p: b.kernel_gradient(self.slopes[p]) for p, b in places if p in wanted}
