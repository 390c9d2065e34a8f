"""NAS-Bench-201 cells and residual blocks with batch norm folded into their convolutions.

Node t of a cell is, over its sources s and under the weights w that a state gives to the
operations of edge s->t,

    x_t = sum_s conv(relu(x_s), W_st) + b_st + skip_st x_s + pool_st avg(x_s),
    W_st = w_1x1 W'_1x1 (padded) + w_3x3 W'_3x3:

one convolution for an edge instead of two convolutions and two batch norms. Rectified and pooled
nodes are shared by the edges that read them. Operations of weight zero leave nothing behind.

Several states may go through a cell together: S states lie side by side in the channels, and the
convolutions are grouped, each state's with its own weights. Activations are then [N, S * C, H, W].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets.engine import AveragePool, Convolution, widen

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import Cell, ResidualBlock

NONE, SKIP, CONV1, CONV3, POOL = range(len(OPERATIONS))
CONVOLUTIONS = (CONV1, CONV3)

#: One row of operation weights for each edge, as exact numbers: what makes two networks equal.
Rows = tuple[tuple[float, ...], ...]

#: How a convolution and the batch norm after it, if there is one, become one.
Fold = Callable[[nn.Module, nn.Module | None], Convolution]


def distinct_rows(weights: Sequence[Tensor]) -> dict[Rows, list[int]]:
    """Networks that differ, with the positions of the weight tables [6, 5] that make each.

    The weight of 'none' plays no part. Sorted, so that neighbours share their first edges.
    """
    found: dict[Rows, list[int]] = {}
    for position, table in enumerate(weights):
        rows = tuple((0.0, *row[1:]) for row in table.tolist())
        found.setdefault(rows, []).append(position)
    return dict(sorted(found.items()))


def rows_into(rows: Rows, node: int) -> Rows:
    """The rows of the edges that a node depends on."""
    return tuple(row for row, (_, target) in zip(rows, NODES, strict=True) if target <= node)


@dataclass(frozen=True)
class CellPlan:
    """How the nodes of a cell follow from each other, under one state or several.

    Attributes:
        convolutions: by target, (source, the edge's convolution).
        linear: by target, (source, SKIP or POOL, the weight in each state).
    """

    convolutions: dict[int, list[tuple[int, Convolution]]] = field(default_factory=dict)
    linear: dict[int, list[tuple[int, int, Sequence[float]]]] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldedCell:
    """The convolutions of each edge of a cell by operation, batch norm folded."""

    edges: tuple[dict[int, Convolution], ...]

    @classmethod
    def of(cls, cell: Cell, fold: Fold) -> FoldedCell:
        """Fold a cell of the supernet, or of a stand-alone network: what an edge holds."""
        edges = []
        for source, target in NODES:
            operations = cell.edges[f"{target}<-{source}"]
            assert isinstance(operations, nn.ModuleDict)
            held = {op: layers(operations[str(op)]) for op in CONVOLUTIONS if str(op) in operations}
            edges.append({op: fold(part[1], part[2]) for op, part in held.items()})
        return cls(tuple(edges))

    def plan(self, states: Sequence[Rows], dtype: torch.dtype) -> CellPlan:
        """What computes the nodes under the weights of these states, side by side."""
        plan = CellPlan({node: [] for node in range(1, 4)}, {node: [] for node in range(1, 4)})
        for edge, ((source, target), held) in enumerate(zip(NODES, self.edges, strict=True)):
            by_op = list(zip(*(rows[edge] for rows in states), strict=True))
            weighted = [(by_op[op], held[op]) for op in CONVOLUTIONS if any(by_op[op])]
            if weighted:
                plan.convolutions[target].append((source, combine(weighted).to(dtype)))
            plan.linear[target] += [
                (source, op, by_op[op]) for op in (SKIP, POOL) if any(by_op[op])
            ]
        return plan


def layers(block: nn.Module) -> nn.Sequential:
    """The ReLU, convolution and batch norm of a ReLUConvBN."""
    assert isinstance(block.op, nn.Sequential)
    return block.op


def combine(weighted: Sequence[tuple[Sequence[float], Convolution]]) -> Convolution:
    """The weighted sum of convolutions of the same input, as one of the largest kernel size.

    weighted: for each convolution its weight in each state; one group of the result is a state.
    """
    size = max(conv.weight.shape[-1] for _, conv in weighted)
    states = len(weighted[0][0])

    def total(parts: Sequence[Tensor]) -> Tensor:
        scaled = [[w * part for w in ws] for (ws, _), part in zip(weighted, parts, strict=True)]
        return torch.stack([torch.cat(row) for row in scaled]).sum(dim=0)

    weight = total([widen(conv.weight, size) for _, conv in weighted])
    return Convolution(weight, total([conv.bias for _, conv in weighted]), states)


def add_scaled(total: Tensor | None, value: Tensor, weights: Sequence[float]) -> Tensor:
    """total + weight * value, in place; value: [N, S * C, H, W], weights: one for each state."""
    if len(weights) == 1:
        return value * weights[0] if total is None else total.add_(value, alpha=weights[0])
    scale = value.new_tensor(weights).repeat_interleave(value.shape[1] // len(weights))[
        :, None, None
    ]
    return value * scale if total is None else total.addcmul_(value, scale)


class Nodes:
    """The nodes of a cell for one piece of the batch; shared forms are made when first used.

    Args:
        known: the leading nodes, [n, S * C, H, W] each.
        pool: the average pooling of this shape.
    """

    def __init__(self, known: Sequence[Tensor], pool: AveragePool) -> None:
        self.values = list(known)
        self._pool = pool
        self._convolved: dict[int, Tensor] = {}
        self._pooled: dict[int, Tensor] = {}

    def convolved(self, node: int) -> Tensor:
        """What the convolutions that leave a node see: relu(x_node)."""
        if node not in self._convolved:
            self._convolved[node] = self.before_convolution(self.values[node])
        return self._convolved[node]

    def before_convolution(self, x: Tensor) -> Tensor:
        """What stands between a node and its convolutions."""
        return x.relu()

    def pooled(self, node: int) -> Tensor:
        """The 3x3 average of x_node."""
        if node not in self._pooled:
            self._pooled[node] = self._pool(self.values[node])
        return self._pooled[node]

    def complete(self, plan: CellPlan) -> Tensor:
        """Compute the nodes that are not known yet; the last one is the cell's output."""
        for node in range(len(self.values), 4):
            total: Tensor | None = None
            for source, convolution in plan.convolutions[node]:
                part = convolution(self.convolved(source))
                total = part if total is None else total.add_(part)
            for source, op, weights in plan.linear[node]:
                value = self.values[source] if op == SKIP else self.pooled(source)
                total = add_scaled(total, value, weights)
            self.values.append(torch.zeros_like(self.values[0]) if total is None else total)
        return self.values[3]


class FoldedReduction:
    """A residual block with its batch norms folded: two convolutions and a 1x1 shortcut."""

    def __init__(self, block: ResidualBlock, fold: Fold, dtype: torch.dtype) -> None:
        parts = [layers(part) for part in (block.conv_a, block.conv_b)]
        self.first, self.second = (fold(part[1], part[2]).to(dtype) for part in parts)
        self.shortcut = fold(block.downsample[1], None).to(dtype)

    def repeated(self, states: int) -> tuple[Convolution, Convolution, Convolution]:
        """First, second and shortcut for several states, side by side in the channels."""
        first, second, shortcut = (
            part.repeated(states) for part in (self.first, self.second, self.shortcut)
        )
        return first, second, shortcut
