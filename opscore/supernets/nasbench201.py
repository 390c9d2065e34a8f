"""The NAS-Bench-201 supernet and stand-alone networks, as the paper's authors build them.

Modules carry the names of the authors' code, so a checkpoint of theirs loads as it is; a
stand-alone network's parameters have the names that they have in the supernet.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from opscore.spaces import NASBENCH201, State
from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets.base import Supernet, SupernetSize
from opscore.supernets.choice import Choice, Row, Wrapper, operation_rows

SIZES = {
    "paper": SupernetSize(channels=16, cells=5),
    "cpu": SupernetSize(channels=8, cells=1),
    "smoke": SupernetSize(channels=4, cells=1),
}

#: The one-hot weight of an edge that has a single operation.
_SINGLE = (1.0,)


class Zero(nn.Module):
    """The operation 'none'. Multiplies by zero rather than returning a constant, so that a
    network of nothing else still depends on its input for autograd."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


class ReLUConvBN(Wrapper):
    """ReLU, convolution, batch norm.

    The name matters: the authors' activation hooks match every class whose name contains 'ReLU',
    and so count this module's input as well as the ReLU's inside it (docs/faithful.md).
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(inplace=False),
            nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out, affine=affine),
        )


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

    def __init__(self, channels: int, kept: Sequence[Sequence[int]], affine: bool) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": Choice(
                    {op: make_operation(OPERATIONS[op], channels, affine) for op in ops}
                )
                for (source, target), ops in zip(NODES, kept, strict=True)
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


class MacroSkeleton(nn.Module):
    """The layers around the cells: stem, three stages with two reductions, head."""

    stem: nn.Sequential
    cells: nn.ModuleList
    lastact: nn.Sequential
    classifier: nn.Linear

    def build(
        self,
        size: SupernetSize,
        kept: Sequence[Sequence[int]],
        *,
        affine: bool,
        in_channels: int,
        n_classes: int,
    ) -> None:
        """Make the layers; ``kept`` names the operations that exist on each edge."""
        width = size.channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        cells: list[nn.Module] = []
        for stage in range(3):
            if stage > 0:
                cells.append(ResidualBlock(width, 2 * width))
                width *= 2
            cells.extend(Cell(width, kept, affine) for _ in range(size.cells))
        self.cells = nn.ModuleList(cells)
        self.lastact = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(width, n_classes)

    def features(self, images: Tensor, weights: Sequence[Row], run_removed: bool = False) -> Tensor:
        """The feature maps before global pooling, [N, 4 x channels, height / 4, width / 4]."""
        x: Tensor = self.stem(images)
        for cell in self.cells:
            x = cell(x, weights, run_removed) if isinstance(cell, Cell) else cell(x)
        out: Tensor = self.lastact(x)
        return out

    def head(self, features: Tensor) -> Tensor:
        """Global average pooling and the linear layer: logits [N, classes]."""
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


class NASBench201Supernet(MacroSkeleton, Supernet):
    """All five operations on all six edges of every cell; the edges' weights are shared by cells.

    Batch norm inside cells has no affine parameters. At paper size: 1,686,106 parameters.
    """

    def __init__(self, size: SupernetSize, *, in_channels: int = 3, n_classes: int = 10) -> None:
        Supernet.__init__(self, NASBENCH201)
        every = [range(len(OPERATIONS))] * len(NODES)
        self.build(size, every, affine=False, in_channels=in_channels, n_classes=n_classes)

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        return self.head(self.features(images, operation_rows(weights), run_removed))


class NASBench201Network(MacroSkeleton):
    """The stand-alone network of an architecture: the chosen operations only, batch norm affine."""

    def __init__(
        self,
        architecture: State,
        size: SupernetSize,
        *,
        in_channels: int = 3,
        n_classes: int = 10,
        affine: bool = True,
    ) -> None:
        super().__init__()
        self.chosen = architecture.architecture_indices
        kept = [(op,) for op in self.chosen]
        self.build(size, kept, affine=affine, in_channels=in_channels, n_classes=n_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images, [_SINGLE] * len(NODES)))


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
