"""The supernets and stand-alone networks of NAS-Bench-1Shot1, as the paper's authors score them.

stem -> 9 cells, before the fourth and the seventh a max pooling, and from there twice the width ->
ReLU, 1x1 convolution, batch norm -> mean over positions -> linear.

A block reads the sum of its parents: its own projection of the cell's input, and earlier blocks,
each with its share of the block's edge of parents; where there is no such edge it reads all of
them as they are. The cell's output is the projected input with its share, plus all blocks with
theirs, side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from opscore.spaces import State
from opscore.spaces.nasbench101_cells import CONV3X3, MAXPOOL3X3
from opscore.spaces.nb1shot1 import NB1SHOT1, OPERATIONS, NB1Shot1Space
from opscore.supernets.base import Layers, StandAlone, Supernet
from opscore.supernets.choice import Choice, Row, WeightedSum
from opscore.supernets.darts import ReLUConvBN
from opscore.supernets.families import SUPERNETS, Family

SIZES = {
    "paper": {"channels": 16, "cells": 9},
    "cpu": {"channels": 8, "cells": 3},
    "smoke": {"channels": 4, "cells": 3},
}

#: Cells come in so many groups of one width.
GROUPS = 3


def conv_bn_relu(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Convolution, batch norm, ReLU, as NAS-Bench-101 has them."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(inplace=False),
    )


def make_operation(name: str, channels: int) -> nn.Module:
    """A candidate of a block; width and resolution are kept.

    The authors' code follows the pooling with a batch norm.
    """
    if name == MAXPOOL3X3:
        return nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), nn.BatchNorm2d(channels, affine=False)
        )
    return conv_bn_relu(channels, channels, 3 if name == CONV3X3 else 1)


class Block(nn.Module):
    """A choice block: what it reads, and its operations.

    Args:
        c_in: width of the cell's input.
        channels: width of the block.
        kept: indices of its operations.
        reads: vertices that it reads: 0 is the cell's input, others are blocks before it.
        weighted: whether its parents have weights; else they are added as they are.
    """

    def __init__(
        self, c_in: int, channels: int, kept: Sequence[int], reads: Sequence[int], weighted: bool
    ) -> None:
        super().__init__()
        self.reads = tuple(reads)
        self.projection = conv_bn_relu(c_in, channels, 1) if 0 in self.reads else None
        self.parents = WeightedSum() if weighted else None
        self.choice = Choice(
            {op: make_operation(OPERATIONS[op], channels) for op in kept}, removed="whole"
        )

    def forward(
        self, x: Tensor, blocks: Mapping[int, Tensor], rows: Sequence[Row], run_removed: bool
    ) -> Tensor:
        """Of the cell's input and earlier blocks by vertex; rows: operations, then parents."""
        values = [blocks[vertex] for vertex in self.reads if vertex]
        if self.projection is not None:
            values = [self.projection(x), *values]
        if self.parents is not None:
            total = self.parents(values, rows[1])
        else:
            total = values[0]
            for value in values[1:]:
                total = total + value
        out: Tensor = self.choice(total, rows[0], run_removed)
        return out


def parents_of(space: NB1Shot1Space, state: State) -> dict[int, list[int]]:
    """What each vertex reads: the blocks that there are, in order, and then the output.

    Blocks that take no part in an architecture are left out.
    """
    output = space.n_blocks + 1
    blocks = list(range(1, output))
    if state.is_architecture:
        used = space.cell(state).used()
        blocks = [vertex for vertex in blocks if vertex in used]
    return {
        vertex: [p for p in space.parents(state, vertex) if p == 0 or p in blocks]
        for vertex in [*blocks, output]
    }


class Cell(nn.Module):
    """The blocks of a cell and its output.

    Args:
        c_in: width of the cell's input.
        channels: width of a block; the output is as many times wider as the space has blocks.
        state: what there is.
    """

    def __init__(self, c_in: int, channels: int, state: State) -> None:
        super().__init__()
        space = state.space
        assert isinstance(space, NB1Shot1Space)
        self.space = space
        self.channels = channels
        *reads, (_, self.outputs) = parents_of(space, state).items()
        self.blocks = nn.ModuleDict(
            {
                str(vertex): Block(
                    c_in,
                    channels,
                    state.remaining(vertex - 1),
                    parents,
                    vertex in space.parent_edges,
                )
                for vertex, parents in reads
            }
        )
        wide = channels * space.n_blocks
        self.projection = conv_bn_relu(c_in, wide, 1) if 0 in self.outputs else None
        self.output = WeightedSum()

    def forward(self, x: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """Features [N, blocks x channels, height, width]; rows: by edge of the space."""
        edges = self.space.parent_edges
        found: dict[int, Tensor] = {}
        for name, block in self.blocks.items():
            vertex = int(name)
            own = [rows[vertex - 1]]
            if vertex in edges:
                own.append(rows[edges[vertex]])
            found[vertex] = block(x, found, own, run_removed)
        parts = [self._beside(found[v], v) for v in self.outputs if v]
        if self.projection is not None:
            parts = [self.projection(x), *parts]
        out: Tensor = self.output(parts, rows[edges[self.space.n_blocks + 1]])
        return out

    def _beside(self, block: Tensor, vertex: int) -> Tensor:
        """A block's features at their place among those of all blocks, zeros elsewhere."""
        before = (vertex - 1) * self.channels
        after = (self.space.n_blocks - vertex) * self.channels
        return functional.pad(block, (0, 0, 0, 0, before, after))


class NB1Shot1Layers(Layers):
    """The cells, and the stem and head around them."""

    def __init__(
        self, state: State, channels: int, cells: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        self.stem = conv_bn_relu(in_channels, channels, 3)
        width, c_in = channels, channels
        made: list[nn.Module] = []
        for number in range(cells):
            if number and number % (cells // GROUPS) == 0:
                made.append(nn.MaxPool2d(2, stride=2, padding=1))
                width *= 2
            cell = Cell(c_in, width, state)
            made.append(cell)
            c_in = width * cell.space.n_blocks
        self.cells = nn.ModuleList(made)
        self.postprocess = ReLUConvBN(c_in, width, affine=False)
        self.classifier = nn.Linear(width, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x: Tensor = self.stem(images)
        for cell in self.cells:
            x = cell(x, rows, run_removed) if isinstance(cell, Cell) else cell(x)
        logits: Tensor = self.classifier(self.postprocess(x).mean(dim=(2, 3)))
        return logits


class NB1Shot1Supernet(Supernet, NB1Shot1Layers):
    """All operations of all blocks, and all parents.

    At paper size 1,101,402 parameters in spaces 1 and 2, and 1,509,594 in space 3.
    """


class NB1Shot1Network(StandAlone, NB1Shot1Layers):
    """The blocks and parents that take part."""


for _space in NB1SHOT1:
    family = Family(NB1Shot1Supernet, NB1Shot1Network, SIZES, version=3, batch_size=128)
    SUPERNETS.add(_space.name, family)
