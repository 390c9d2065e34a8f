"""The NAS-Bench-201 supernet and stand-alone networks, as the paper's authors build them.

Modules carry the names of the authors' code, so a checkpoint of theirs loads as it is; a
stand-alone network's parameters have the names that they have in the supernet.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from opscore.spaces import State
from opscore.spaces.nasbench201 import NASBENCH201, NODES, OPERATIONS
from opscore.supernets.base import Layers, StandAlone, Supernet, Zero, conv_bn
from opscore.supernets.checkpoints import nasbench201_size
from opscore.supernets.choice import Choice, Row, Wrapper
from opscore.supernets.families import SUPERNETS, Family, Final

#: Base channels, and searchable cells in each stage.
SIZES = {
    "paper": {"channels": 16, "cells": 5},
    "cpu": {"channels": 8, "cells": 1},
    "smoke": {"channels": 4, "cells": 1},
}


class ReLUConvBN(Wrapper):
    """ReLU, convolution, batch norm.

    The name matters: the authors' activation hooks match every class whose name contains 'ReLU',
    and so count this module's input as well as the ReLU's inside it (docs/faithful.md).
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__()
        convolution = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        norm = nn.BatchNorm2d(c_out, affine=affine)
        self.op = nn.Sequential(nn.ReLU(inplace=False), convolution, norm)


def make_operation(name: str, channels: int, affine: bool) -> nn.Module:
    """A candidate operation; width and resolution are kept."""
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name]
    return ReLUConvBN(channels, channels, kernel, stride=1, affine=affine)


class Cell(nn.Module):
    """Four nodes; node i sums its incoming edges; the output is node 3 alone."""

    def __init__(self, channels: int, state: State, affine: bool) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": Choice(
                    {
                        op: make_operation(OPERATIONS[op], channels, affine)
                        for op in state.remaining(edge)
                    }
                )
                for edge, (source, target) in enumerate(NODES)
            }
        )

    def forward(self, x: Tensor, weights: Sequence[Row], run_removed: bool) -> Tensor:
        nodes: list[Tensor] = [x]
        for node in range(1, 4):
            terms = [
                self.edges[f"{node}<-{source}"](nodes[source], weights[index], run_removed)
                for index, (source, target) in enumerate(NODES)
                if target == node
            ]
            nodes.append(torch.stack(terms).sum(dim=0) if len(terms) > 1 else terms[0])
        return nodes[3]


class ResidualBlock(nn.Module):
    """Halves the resolution and doubles the width; the shortcut has no batch norm."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, kernel=3, stride=2, affine=True)
        self.conv_b = ReLUConvBN(c_out, c_out, kernel=3, stride=1, affine=True)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, padding=0), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


class NASBench201Layers(Layers):
    """The cells, which share the edges' weights, in three stages with two reductions, stem, head.

    Attributes:
        affine: whether batch norms in cells have weights.
    """

    affine: bool

    def __init__(
        self, state: State, channels: int, cells: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        width = channels
        self.stem = nn.Sequential(*conv_bn(in_channels, width, 3))
        made: list[nn.Module] = []
        for stage in range(3):
            if stage > 0:
                made.append(ResidualBlock(width, 2 * width))
                width *= 2
            made.extend(Cell(width, state, self.affine) for _ in range(cells))
        self.cells = nn.ModuleList(made)
        self.lastact = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(width, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x: Tensor = self.stem(images)
        for cell in self.cells:
            x = cell(x, rows, run_removed) if isinstance(cell, Cell) else cell(x)
        logits: Tensor = self.classifier(self.lastact(x).mean(dim=(2, 3)))
        return logits


class NASBench201Supernet(Supernet, NASBench201Layers):
    """All five operations on all six edges of every cell. At paper size 1,686,106 parameters."""

    affine = False


class NASBench201Network(StandAlone, NASBench201Layers):
    """The chosen operations only."""

    affine = True


class OneCell(nn.Module):
    """The first cell of a supernet with one channel, without stem, head or reduction.

    Args:
        supernet: of one channel and one cell a stage.
        weights: operation weights [edges, operations].
    """

    def __init__(self, supernet: Supernet, weights: Tensor) -> None:
        super().__init__()
        assert isinstance(supernet, NASBench201Supernet)
        self.cell = supernet.cells[0]
        self.rows = [[0.0 if value == 0 else value for value in row] for row in weights.tolist()]

    def forward(self, images: Tensor) -> Tensor:
        """Features [N, 1, height, width] of images [N, 1, height, width]."""
        features: Tensor = self.cell(images, self.rows, False)
        return features


SUPERNETS.add(
    NASBENCH201.name,
    Family(
        NASBench201Supernet,
        NASBench201Network,
        SIZES,
        size_of=nasbench201_size,
        reduced=({"channels": 3, "cells": 1}, {"channels": 1, "cells": 1}),
        body=OneCell,
        finals={
            "cifar10": Final(SIZES["paper"], 10),
            "cifar100": Final(SIZES["paper"], 100),
            "imagenet16-120": Final(SIZES["paper"], 120, 16),
        },
    ),
)
