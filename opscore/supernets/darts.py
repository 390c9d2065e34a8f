"""The supernets and stand-alone networks of DARTS and of S1-S4.

3x3 convolution to three times the width, batch norm -> cells, those at a third and at two thirds of
the depth of the reduction kind, which halve the resolution and double the width -> mean over
positions -> linear. A cell reads the two before it, each through ReLU, 1x1 convolution and batch
norm; its output is its four nodes side by side.

In a supernet batch norms have no weights, and one follows every pooling; in a stand-alone network
they have, and none follows a pooling (DARTS; the network that is trained in the end).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.rng import torch_generator
from opscore.settings import Survivors
from opscore.spaces import State
from opscore.spaces.darts import (
    CHOOSING,
    EDGES,
    KINDS,
    N_OPERATIONS,
    NODES,
    NONE,
    DARTSSpace,
    edge_of,
    inputs_edge,
)
from opscore.supernets.base import Layers, StandAlone, Supernet, Zero, conv_bn
from opscore.supernets.choice import Choice, Row, WeightedSum

SIZES = {
    "paper": {"channels": 16, "cells": 8},
    "cpu": {"channels": 4, "cells": 8},
    "smoke": {"channels": 2, "cells": 3},
    "imagenet": {"channels": 16, "cells": 8, "imagenet": 1},
}

#: Height and width of images, pixels, where they are not those of CIFAR-10.
IMAGE_SIDES = {"imagenet": 224}

#: The stem is so many times as wide as the first cells.
STEM = 3


class Noise(nn.Module):
    """The operation 'noise' of S4: N(0, 1) of the output's shape, whatever the input is.

    Each layer draws the same numbers each time, from a seed of its own: scores can be repeated,
    where the authors' differ from call to call.
    """

    def __init__(self, stride: int, seed: int) -> None:
        super().__init__()
        self.stride = stride
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.stride, :: self.stride]
        draw = torch.randn(tuple(kept.shape), generator=torch_generator(self.seed, "noise"))
        return kept * 0.0 + draw.to(kept)


class FactorizedReduction(nn.Module):
    """ReLU, two 1x1 convolutions of stride 2, the second moved by one pixel, batch norm."""

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=False)
        self.conv_1 = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        moved = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        out: Tensor = self.bn(torch.cat([self.conv_1(x), self.conv_2(moved)], dim=1))
        return out


class ReLUConvBN(nn.Sequential):
    """What prepares an input of a cell: ReLU, 1x1 convolution, batch norm.

    The name matters: the authors' activation hooks match every class whose name contains 'ReLU',
    and so count this module's input as well as the ReLU's inside it (docs/faithful.md).
    """

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__(
            nn.ReLU(inplace=False),
            nn.Conv2d(c_in, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out, affine=affine),
        )


def _separable(
    channels: int, kernel: int, stride: int, dilation: int, affine: bool
) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(inplace=False),
        nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def make_operation(name: str, channels: int, stride: int, affine: bool, seed: int) -> nn.Module:
    """A candidate of an edge; the width is kept.

    Args:
        name: one of :data:`opscore.spaces.darts.ALL_OPERATIONS`.
        channels: width.
        stride: 2 on edges that leave the inputs of a reduction cell.
        affine: whether batch norms have weights: those of stand-alone networks. Where they have
            none, one follows a pooling.
        seed: of the operation 'noise'.
    """
    if name == NONE:
        return Zero(stride)
    if name == "noise":
        return Noise(stride, seed)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels, affine)
    if name.endswith("pool_3x3"):
        pool: nn.Module = nn.MaxPool2d(3, stride=stride, padding=1)
        if name.startswith("avg"):
            pool = nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
        return pool if affine else nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False))
    kernel = int(name[-1])
    if name.startswith("dil"):
        return nn.Sequential(*_separable(channels, kernel, stride, 2, affine))
    return nn.Sequential(
        *_separable(channels, kernel, stride, 1, affine),
        *_separable(channels, kernel, 1, 1, affine),
    )


class Cell(nn.Module):
    """A cell of one kind.

    Args:
        widths: of the output two cells before, of the one before, and of this cell's nodes.
        state: which operations stand on each edge, and what each node reads.
        affine: whether batch norms have weights.
        finish: makes of an operation what stands on the edge.
        kind: 0 for a normal cell, 1 for a reduction cell.
        after_reduction: whether the cell before halves the resolution.
        number: the cell's place in the network.

    Attributes:
        width: of its output.
    """

    def __init__(
        self,
        widths: tuple[int, int, int],
        state: State,
        affine: bool,
        finish: Callable[[nn.Module], nn.Module],
        kind: int,
        after_reduction: bool,
        number: int,
    ) -> None:
        super().__init__()
        space = state.space
        assert isinstance(space, DARTSSpace)
        before, last, channels = widths
        self.kind = kind
        self.width = len(NODES) * channels
        self.inputs = {node: space.inputs(state, kind, node) for node in NODES}
        prepare = FactorizedReduction if after_reduction else ReLUConvBN
        self.preprocess0 = prepare(before, channels, affine)
        self.preprocess1 = ReLUConvBN(last, channels, affine)
        self.choices = nn.ModuleDict()
        for source, node in EDGES:
            if source not in self.inputs[node]:
                continue
            edge = edge_of(kind, source, node)
            stride = 2 if KINDS[kind] == "reduce" and source < 2 else 1
            seed = number * len(EDGES) + edge
            made = {
                op: finish(
                    make_operation(space.operations[edge][op], channels, stride, affine, seed)
                )
                for op in state.remaining(edge)
            }
            self.choices[str(edge)] = Choice(made, removed="absent", stride=stride)
        self.sums = nn.ModuleDict({str(node): WeightedSum() for node in NODES[1:]})

    def forward(self, s0: Tensor, s1: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """Features [N, 4 x channels, height, width] of the two cells before."""
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        for node in NODES:
            values = []
            for source in self.inputs[node]:
                edge = edge_of(self.kind, source, node)
                choice = self.choices[str(edge)]
                values.append(choice(states[source], rows[edge], run_removed))
            if (self.kind, node) in CHOOSING:
                states.append(self.sums[str(node)](values, rows[inputs_edge(self.kind, node)]))
            else:
                states.append(values[0] + values[1])
        return torch.cat(states[2:], dim=1)


class DARTSLayers(Layers):
    """Stem, cells and head. Cells of a kind share the edges' weights.

    Args:
        state: which operations stand on each edge, and what each node reads.
        channels: of the first cells' nodes.
        cells: the depth.
        imagenet: 1 for ImageNet's stem: three convolutions of stride 2, for 224 x 224.
        in_channels: channels of the images.
        n_classes: outputs.

    Attributes:
        affine: whether batch norms have weights.
    """

    affine: bool

    def __init__(
        self,
        state: State,
        channels: int,
        cells: int,
        imagenet: int = 0,
        *,
        in_channels: int = 3,
        n_classes: int = 10,
    ) -> None:
        super().__init__(state)
        self.imagenet = bool(imagenet)
        make_stem = self._make_imagenet_stem if imagenet else self._make_stem
        stem, halved = make_stem(channels, in_channels)
        before, last, width, made = stem, stem, channels, []
        for number in range(cells):
            kind = int(number in (cells // 3, 2 * cells // 3))
            width *= 1 + kind
            widths = before, last, width
            made.append(Cell(widths, state, self.affine, self.finish, kind, halved, number))
            before, last, halved = last, made[-1].width, bool(kind)
        self.cells = nn.ModuleList(made)
        self.classifier = nn.Linear(last, n_classes)

    def _make_stem(self, channels: int, in_channels: int) -> tuple[int, bool]:
        """Make the layers before the cells.

        Returns their width, and whether the second of the first cell's inputs is half as large as
        the first.
        """
        stem = STEM * channels
        self.stem = nn.Sequential(*conv_bn(in_channels, stem, 3))
        return stem, False

    def _make_imagenet_stem(self, channels: int, in_channels: int) -> tuple[int, bool]:
        """The same for images of 224 x 224."""
        self.stem0 = nn.Sequential(
            *conv_bn(in_channels, channels // 2, 3, 2, rectifier=nn.ReLU),
            *conv_bn(channels // 2, channels, 3, 2),
        )
        self.stem1 = nn.Sequential(nn.ReLU(inplace=True), *conv_bn(channels, channels, 3, 2))
        return channels, True

    def inputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the first cell reads, of images [N, channels, height, width]."""
        if self.imagenet:
            s0 = self.stem0(images)
            return s0, self.stem1(s0)
        features = self.stem(images)
        return features, features

    def finish(self, operation: nn.Module) -> nn.Module:
        """What stands on an edge for an operation: itself, unless it is for training."""
        return operation

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        s0, s1 = self.inputs(images)
        for cell in self.cells:
            s0, s1 = s1, cell(s0, s1, rows, run_removed)
        logits: Tensor = self.classifier(s1.mean(dim=(2, 3)))
        return logits


class DARTSSupernet(Supernet, DARTSLayers):
    """All operations of all edges.

    Inputs of a node have no parameters of their own: an input is kept or the whole edge goes.
    """

    affine = False

    def theta(self) -> Tensor:
        """Softmax of the alphas; an input of a node has its edge's largest, 'none' left out.

        That is what DARTS keeps inputs by.
        """
        found = super().theta()
        strength = torch.zeros_like(found[N_OPERATIONS:])
        for place, (kind, node) in enumerate(CHOOSING):
            for source in range(node):
                edge = edge_of(kind, source, node)
                names = self.space.operations[edge]
                counted = [op for op, name in enumerate(names) if name != NONE]
                strength[place, source] = found[edge, counted].max()
        return torch.cat([found[:N_OPERATIONS], strength])

    def weights(self, state: State, *, survivors: Survivors = "theta") -> Tensor:
        """See :meth:`Supernet.weights`; kept inputs weigh one, and the edge of another nothing."""
        found = super().weights(state, survivors=survivors)
        kept = torch.zeros_like(found)
        kept[:N_OPERATIONS] = 1
        for kind, node in CHOOSING:
            place = inputs_edge(kind, node)
            for source in range(node):
                here = float(state.mask[place][source])
                kept[place, source] = here
                kept[edge_of(kind, source, node)] = here
        found = torch.cat([found[:N_OPERATIONS], torch.ones_like(found[N_OPERATIONS:])])
        return found * kept


class DARTSNetwork(StandAlone, DARTSLayers):
    """Two edges into each node."""

    affine = True
