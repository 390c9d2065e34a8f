"""The supernet and stand-alone networks of TransNAS-Bench-101 micro, for image classification.

Stem: 3x3 convolution of stride 2, batch norm, then ReLU, 3x3 convolution of stride 2, batch norm.
Then a module of two cells for each digit of the skeleton 41414, whose first cell may change width
and resolution, a global average pooling, and a linear layer.

A change happens inside the cell, on the edges that leave its input. The benchmark's images are
256 x 256 photographs of rooms, which this package does not have; networks are scored on other sets,
scaled to 64 x 64, since the skeleton divides the side by 32. The heads of tasks other than
classification (decoders) are not built: what is scored is the part that all tasks share.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.spaces import State
from opscore.spaces.nasbench201 import NODES
from opscore.spaces.transnas import OPERATIONS, SKELETON, TRANSNAS_MICRO
from opscore.supernets.base import (
    Layers,
    StandAlone,
    Supernet,
    Zero,
    conv_bn,
    initialize_by_fan_out,
)
from opscore.supernets.choice import Choice, Row
from opscore.supernets.families import SUPERNETS, Family
from opscore.supernets.nasbench201 import ReLUConvBN

SIZES = {"paper": {"channels": 64}, "cpu": {"channels": 16}, "smoke": {"channels": 4}}

#: Side of the images, pixels.
IMAGE_SIDE = 64

#: Cells of a module.
CELLS = 2

#: By digit of the skeleton: factor of the width, and stride.
CHANGES = {"1": (1, 1), "2": (2, 1), "3": (1, 2), "4": (2, 2)}


class FactorizedReduction(nn.Module):
    """ReLU, two 1x1 convolutions, the second on the image moved by one pixel, batch norm."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.relu = nn.ReLU(inplace=False)
        halves = (c_out // 2, c_out - c_out // 2) if stride > 1 else (c_out,)
        self.convs = nn.ModuleList(
            nn.Conv2d(c_in, width, 1, stride=stride, bias=False) for width in halves
        )
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        parts = [self.convs[0](x)]
        if self.stride > 1:
            moved = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
            parts.append(self.convs[1](moved))
        out: Tensor = self.bn(torch.cat(parts, dim=1))
        return out


def make_operation(name: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """A candidate operation of an edge."""
    changes = c_in != c_out or stride > 1
    if name == "none":
        return Zero(stride, c_out // c_in)
    if name == "skip_connect":
        return FactorizedReduction(c_in, c_out, stride) if changes else nn.Identity()
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name]
    return ReLUConvBN(c_in, c_out, kernel, stride, affine=True)


class Cell(nn.Module):
    """Four nodes; node i sums its incoming edges; the output is node 3 alone."""

    def __init__(self, c_in: int, c_out: int, stride: int, state: State) -> None:
        super().__init__()
        edges: list[nn.Module] = []
        for edge, (source, _) in enumerate(NODES):
            shape = (c_out, c_out, 1) if source else (c_in, c_out, stride)
            ops = state.remaining(edge)
            edges.append(Choice({op: make_operation(OPERATIONS[op], *shape) for op in ops}))
        self.edges = nn.ModuleList(edges)

    def forward(self, x: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        nodes = [x]
        for node in range(1, 4):
            terms = [
                edge(nodes[source], row, run_removed)
                for (source, target), edge, row in zip(NODES, self.edges, rows, strict=True)
                if target == node
            ]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            nodes.append(total)
        return nodes[3]


def stem(in_channels: int, channels: int) -> nn.Sequential:
    """From images to features of a quarter of their side."""
    return nn.Sequential(
        *conv_bn(in_channels, channels // 2, 3, 2),
        ReLUConvBN(channels // 2, channels, 3, 2, affine=True),
    )


class TransNASLayers(Layers):
    """The cells, which share the edges' weights, and the stem and head around them."""

    def __init__(
        self, state: State, channels: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        self.stem = stem(in_channels, channels)
        width = channels
        cells = []
        for digit in SKELETON:
            factor, stride = CHANGES[digit]
            for number in range(CELLS):
                c_in, s = (width, stride) if number == 0 else (factor * width, 1)
                cells.append(Cell(c_in, factor * width, s, state))
            width *= factor
        self.cells = nn.ModuleList(cells)
        self.classifier = nn.Linear(width, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x: Tensor = self.stem(images)
        for cell in self.cells:
            x = cell(x, rows, run_removed)
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew, as the benchmark does."""
        initialize_by_fan_out(self, generator)


class TransNASSupernet(Supernet, TransNASLayers):
    """All four operations on all six edges of every cell."""


class TransNASNetwork(StandAlone, TransNASLayers):
    """The chosen operations only."""


SUPERNETS.add(
    TRANSNAS_MICRO.name, Family(TransNASSupernet, TransNASNetwork, SIZES, image_side=IMAGE_SIDE)
)
