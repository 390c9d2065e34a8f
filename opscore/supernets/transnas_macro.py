"""The supernet and stand-alone networks of TransNAS-Bench-101 macro, for image classification.

The stem of the micro networks, then modules of two residual blocks, a global average pooling, and
a linear layer. As there, networks have no decoder, and are scored on other images than the
benchmark's photographs; at paper size of the same side.

Modules change width and resolution, so what has gone through some modules has one of several
shapes. The supernet keeps each: features come as a table by (doublings, halvings) of the widths and
resolutions that the benchmark has, and a module of every kind leads from each shape to its own
next one. So the supernet is the weighted sum of all networks of the space, and a stand-alone
network is a single way through it. A module has the same weights at all resolutions.

A removed operation does not run, nor does what reads a shape to which no operation leads any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from opscore.spaces import State
from opscore.spaces.transnas_macro import MODULES, TRANSNAS_MACRO, Module, module_of
from opscore.supernets.base import Layers, StandAlone, Supernet, conv_bn, initialize_by_fan_out
from opscore.supernets.choice import Choice, Row
from opscore.supernets.families import SUPERNETS, Family
from opscore.supernets.nasbench201 import ReLUConvBN
from opscore.supernets.transnas import stem

SIZES = {"paper": {"channels": 64}, "cpu": {"channels": 16}, "smoke": {"channels": 4}}

#: Side of the images of each size, pixels. A network divides it by up to 64, so that on small
#: images a score is of little but borders: of published values synflow's order is met exactly at
#: 256, the benchmark's own side, and at .75 at 64.
IMAGE_SIDES = {"paper": 256, "cpu": 64, "smoke": 64}

#: Residual blocks of a module; the first one makes the change.
BLOCKS = 2

#: (how often the width was doubled, how often the resolution was halved).
Shape = tuple[int, int]


class ResidualBlock(nn.Module):
    """ReLU, convolution, batch norm, twice; added to the input, by a 1x1 where shapes differ."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(c_in, c_out, 3, stride, affine=True)
        self.conv_b = ReLUConvBN(c_out, c_out, 3, 1, affine=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or c_in != c_out:
            self.shortcut = nn.Sequential(*conv_bn(c_in, c_out, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_b(self.conv_a(x)) + self.shortcut(x)
        return out


def weights_name(module: Module) -> str:
    """Under which name a module's weights stand: those of every resolution are the same."""
    return f"{MODULES[module.doubles + 2 * module.halves]}_{module.wider}"


def make_blocks(module: Module, channels: int) -> nn.Module:
    """The residual blocks of a module where the narrowest features have so many channels."""
    c_in, c_out = channels * 2**module.wider, channels * 2 ** module.output[0]
    first = ResidualBlock(c_in, c_out, 1 + module.halves)
    return nn.Sequential(first, *(ResidualBlock(c_out, c_out, 1) for _ in range(1, BLOCKS)))


#: Features by shape; None for a shape to which nothing leads.
Features = Mapping[Shape, Tensor | None]


class Arrival(nn.Module):
    """What an operation brings to features of one shape, of every shape from which it leads there.

    Args:
        modules: the modules in which that operation ends at the shape.
        passes: the shape itself, where the operation is absent and hands on its features.
    """

    def __init__(self, modules: Sequence[Module], passes: Shape | None) -> None:
        super().__init__()
        self.reads = [((m.wider, m.coarser), weights_name(m)) for m in modules]
        self.passes = passes

    def forward(self, read: tuple[Features, nn.ModuleDict]) -> Tensor | None:
        """read: the features by shape, and the blocks of the layer's modules."""
        features, blocks = read
        if self.passes is not None:
            return features[self.passes]
        return added(
            [
                None if features[shape] is None else blocks[name](features[shape])
                for shape, name in self.reads
            ]
        )


class Layer(nn.Module):
    """One module of the network: its operations, from features of every shape to their next.

    Args:
        operations: those that are left, by index.
        shapes: of the features that it reads.
        channels: of the narrowest features.
    """

    def __init__(self, operations: Sequence[int], shapes: Sequence[Shape], channels: int) -> None:
        super().__init__()
        made = {
            op: [module_of(op, *shape) for shape in shapes]
            for op in operations
            if op < len(MODULES)
        }
        modules = [module for row in made.values() for module in row]
        self.blocks = nn.ModuleDict(
            {weights_name(module): make_blocks(module, channels) for module in modules}
        )
        passed = shapes if len(made) < len(operations) else ()
        self.shapes = tuple(sorted({*passed, *(module.output for module in modules)}))
        self.arrivals = nn.ModuleList(
            Choice(
                {
                    op: Arrival(
                        [module for module in made.get(op, ()) if module.output == target],
                        target if op not in made and target in shapes else None,
                    )
                    for op in operations
                },
                removed="absent",
                vanishes=True,
            )
            for target in self.shapes
        )

    def forward(self, features: Features, row: Row, run_removed: bool) -> Features:
        """Features by shape, of features by shape."""
        return {
            shape: arrival((features, self.blocks), row, run_removed)
            for shape, arrival in zip(self.shapes, self.arrivals, strict=True)
        }


class Head(nn.Module):
    """Global average pooling, and a linear layer for each width.

    Args:
        shapes: of the features.
        channels: of the narrowest features.
        n_classes: outputs.
    """

    def __init__(self, shapes: Sequence[Shape], channels: int, n_classes: int) -> None:
        super().__init__()
        self.shapes = {
            wider: [shape for shape in shapes if shape[0] == wider]
            for wider in sorted({wider for wider, _ in shapes})
        }
        self.linear = nn.ModuleDict(
            {str(wider): nn.Linear(channels * 2**wider, n_classes) for wider in self.shapes}
        )

    def forward(self, features: Features) -> Tensor:
        """Logits [N, classes] of features by shape."""
        logits: list[Tensor | None] = []
        for wider, shapes in self.shapes.items():
            found = [features[shape] for shape in shapes]
            pooled = added([None if x is None else x.mean(dim=(2, 3)) for x in found])
            logits.append(None if pooled is None else self.linear[str(wider)](pooled))
        total = added(logits)
        assert total is not None, "every state leads to some shape"
        return total


def added(parts: Sequence[Tensor | None]) -> Tensor | None:
    """The sum of what there is; None where there is nothing."""
    total: Tensor | None = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    return total


class TransNASMacroLayers(Layers):
    """The modules, and the stem and head around them."""

    def __init__(
        self, state: State, channels: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        self.stem = stem(in_channels, channels)
        shapes: tuple[Shape, ...] = ((0, 0),)
        layers = []
        for edge in range(len(self.space.edges)):
            layers.append(Layer(state.remaining(edge), shapes, channels))
            shapes = layers[-1].shapes
        self.layers = nn.ModuleList(layers)
        self.head = Head(shapes, channels, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        features: Features = {(0, 0): self.stem(images)}
        for layer, row in zip(self.layers, rows, strict=True):
            features = layer(features, row, run_removed)
        logits: Tensor = self.head(features)
        return logits

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew, as the benchmark does."""
        initialize_by_fan_out(self, generator)


class TransNASMacroSupernet(Supernet, TransNASMacroLayers):
    """All networks of the space side by side."""


class TransNASMacroNetwork(StandAlone, TransNASMacroLayers):
    """The modules of one network."""


SUPERNETS.add(
    TRANSNAS_MACRO.name,
    Family(
        TransNASMacroSupernet,
        TransNASMacroNetwork,
        SIZES,
        image_side=IMAGE_SIDES["paper"],
        image_sides=IMAGE_SIDES,
        repeats_norms=True,
    ),
)
