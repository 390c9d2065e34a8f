"""One node of a NAS-Bench-201 cell in train mode: what leaves it, and what its gradient gets back.

Work goes piece by piece, in an order that uses what the processor has just computed: all that
leaves a piece of a node at once, and all that comes back to a piece of its gradient at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from opscore.spaces.nasbench201 import NODES
from opscore.supernets.batch_statistics import (
    Node,
    Outputs,
    Pointwise,
    Slope,
    Spatial,
    by_pixel,
    spread,
)
from opscore.supernets.engine import AveragePool, cut
from opscore.supernets.nasbench201_folded import CONV1, CONV3, POOL, SKIP
from opscore.supernets.nasbench201_prefix import Place
from opscore.supernets.workspace import Workspace

if TYPE_CHECKING:
    from opscore.supernets.nasbench201_cell import CellPass


@dataclass(frozen=True)
class Edge:
    """An edge and what runs on it.

    Attributes:
        linear: weights by SKIP and POOL.
        inputs: by SKIP and POOL, what the weights are of, in pieces.
        branches: convolutions by CONV3 and CONV1.
    """

    index: int
    source: int
    target: int
    linear: Mapping[int, float]
    inputs: Mapping[int, Sequence[Tensor]]
    branches: Mapping[int, Pointwise | Spatial]

    def enter(self, place: int, out: Tensor, memory: Workspace, *, fresh: bool) -> None:
        """Add what the edge brings to a piece of its target; write it there if it is fresh."""
        if self.branches:
            part = out if fresh else memory.buffer(("part", out.shape), out)
            first, *others = self.branches.values()
            first.write(place, sum((other.shift for other in others), first.shift), part)
            for other in others:
                assert isinstance(other, Pointwise)
                other.add(place, part)
            if not fresh:
                out.add_(part)
        elif fresh:
            out.zero_()
        for op, weight in self.linear.items():
            out.add_(self.inputs[op][place], alpha=weight)


class Leaving:
    """What leaves a node of a cell: poolings, and convolutions of the rectified node.

    Args:
        cell: the pass through the cell.
        source: the node's number.
        x: the node; its pieces are appended when they are complete.
    """

    def __init__(self, cell: CellPass, source: int, x: Tensor) -> None:
        self.cell = cell
        self.indices = [i for i, (s, _) in enumerate(NODES) if s == source]
        places = [(i, op) for i in self.indices for op in (CONV3, CONV1) if cell.rows[i][op]]
        self.inputs: dict[int, list[Tensor]] = {SKIP: [], POOL: []}
        self.pools = any(cell.rows[i][POOL] for i in self.indices)
        self.pooled = cut(cell.memory.buffer((x.shape, source, "pooled"), x), cell.size)
        pointwise = any(op == CONV1 for _, op in places)
        self.r = Node(by_image=cell.gated, squared=pointwise)
        # Not shared with other cells: it is kept for the gradient.
        buffer = cell.memory.buffer((cell.name, source, "rectified"), x)
        self.rectified = cut(buffer, cell.size) if places else []
        self.outputs: dict[Place, Outputs] = {}
        self.missing: list[Place] = []
        for place in places:
            if place[1] == CONV3:
                known = cell.prefix and cell.prefix.known(place, cell.rows, cell.kernels)
                self.outputs[place] = known or Outputs(cell.memory, by_image=cell.gated)
                if known is None:
                    self.missing.append(place)
        self.kernels = {
            place: cell.kernels[place].contiguous(memory_format=torch.channels_last)
            for place in self.outputs
        }

    def append(self, piece: Tensor) -> None:
        """Compute what leaves the next piece."""
        place = len(self.inputs[SKIP])
        self.inputs[SKIP].append(piece)
        if self.pools:
            self.inputs[POOL].append(self.cell.pool(piece, out=self.pooled[place]))
        if self.rectified:
            self.r.append(torch.clamp_min(piece, 0, out=self.rectified[place]))
        for key in self.missing:
            convolve = partial(
                functional.conv2d, self.rectified[place], self.kernels[key], padding=1
            )
            name = (self.cell.name, key, place)
            self.outputs[key].append(self.cell.memory.renew(name, convolve))

    def edges(self) -> list[Edge]:
        """The edges on which something leaves, when all pieces are there."""
        if self.cell.prefix is not None:
            for key in self.missing:
                rows, kernels = self.cell.rows, self.cell.kernels
                self.cell.prefix.keep(key, rows, kernels, self.outputs[key])
        found = []
        for i in self.indices:
            row = self.cell.rows[i]
            linear = {op: row[op] for op in (SKIP, POOL) if row[op]}
            branches = {op: self._branch((i, op)) for op in (CONV3, CONV1) if row[op]}
            if linear or branches:
                found.append(Edge(i, *NODES[i], linear, self.inputs, branches))
        return found

    def _branch(self, place: Place) -> Pointwise | Spatial:
        weight, eps = self.cell.rows[place[0]][place[1]], self.cell.eps
        if place[1] == CONV1:
            return Pointwise(self.r, self.cell.kernels[place], weight, eps)
        return Spatial(self.r, self.kernels[place], self.outputs[place], weight, eps)


class Incoming:
    """What comes to the gradient of a node from those of the nodes that it enters.

    Args:
        edges: that leave the node, to nodes whose gradients are complete.
        nodes: these gradients.
        slopes: of the edges' convolutions.
        memory: where buffers come from.
    """

    def __init__(
        self,
        edges: Sequence[Edge],
        nodes: Mapping[int, Node],
        slopes: Mapping[Place, Slope],
        memory: Workspace,
    ) -> None:
        self.edges = edges
        self.nodes = nodes
        self.slopes = slopes
        self.memory = memory
        self.pointwise: list[tuple[Edge, Pointwise]] = []
        self.spatial: list[tuple[Edge, Spatial]] = []
        for edge in edges:
            for branch in edge.branches.values():
                if isinstance(branch, Pointwise):
                    self.pointwise.append((edge, branch))
                else:
                    self.spatial.append((edge, branch))
        maps = [b.gradient_maps(slopes[e.index, CONV1]) for e, b in self.pointwise]
        if maps:
            like = nodes[edges[0].target].pieces[0]
            self._across = [matrix.to(like.dtype) for matrix, _, _ in maps]
            self._own = torch.stack([own for _, own, _ in maps]).sum(dim=0).to(like.dtype)
            self._constant = torch.stack([constant for *_, constant in maps]).sum(dim=0)

    def convolutions(
        self, place: int, out: Tensor, wanted: Set[Place], kernels: dict[Place, Tensor]
    ) -> None:
        """out = [r > 0] dL/dr of a piece; adds to dL/dkernel of 3x3 convolutions."""
        if self.pointwise:
            self._pointwise_gradient(place, out)
        else:
            out.zero_()
        for edge, branch in self.spatial:
            key = (edge.index, CONV3)
            g = self.nodes[edge.target].pieces[place]
            dk = branch.gradients(place, g, self.slopes[key], out, kernel=key in wanted)
            if dk is not None:
                kernels[key] = kernels[key].add_(dk) if key in kernels else dk
        if self.pointwise or self.spatial:
            _, branch_of_any = (self.pointwise or self.spatial)[0]
            r = branch_of_any.r.pieces[place]
            torch.ops.aten.threshold_backward(out, r, 0, grad_input=out)

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
            pool.add_adjoint(pooled, out)
