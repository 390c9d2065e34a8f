"""The NAS-Bench-Macro supernet and stand-alone networks, as the paper's authors score them.

stem -> 8 layers in stages of 2, 3, 3 -> 1x1 convolution, batch norm, ReLU -> pool -> linear. The
first layer of each stage has stride 2 and twice the width. No rectifier follows a layer's sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from opscore.spaces import State
from opscore.spaces.nasbench_macro import NASBENCH_MACRO, STAGES
from opscore.supernets.base import InvertedResidual, Layers, StandAlone, Supernet, conv_bn
from opscore.supernets.choice import Choice, Row
from opscore.supernets.families import SUPERNETS, Family

SIZES = {"paper": {"channels": 32}, "cpu": {"channels": 8}, "smoke": {"channels": 4}}

#: Kernel and expansion of the inverted residuals, by operation index.
BLOCKS = {1: (3, 3), 2: (5, 6)}

#: The last convolution is so many times wider than the last stage.
LAST = 5


def make_operation(op: int, c_in: int, c_out: int, stride: int) -> nn.Module:
    """A candidate of a layer, by its index in the space."""
    if op in BLOCKS:
        return InvertedResidual(c_in, c_out, stride, *BLOCKS[op])
    if stride == 1 and c_in == c_out:
        return nn.Identity()
    return nn.Sequential(*conv_bn(c_in, c_out, 1, stride))


class MacroLayers(Layers):
    """The layers, and the stem and head around them."""

    def __init__(
        self, state: State, channels: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        width = channels
        self.stem = nn.Sequential(*conv_bn(in_channels, width, 3, rectifier=nn.ReLU))
        layers: list[nn.Module] = []
        for count in STAGES:
            for number in range(count):
                c_in, stride = (width, 2) if number == 0 else (2 * width, 1)
                ops = state.remaining(len(layers))
                layers.append(
                    Choice({op: make_operation(op, c_in, 2 * width, stride) for op in ops})
                )
            width *= 2
        self.layers = nn.ModuleList(layers)
        self.last = nn.Sequential(*conv_bn(width, LAST * width, 1, rectifier=nn.ReLU))
        self.classifier = nn.Linear(LAST * width, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x: Tensor = self.stem(images)
        for layer, row in zip(self.layers, rows, strict=True):
            x = layer(x, row, run_removed)
        logits: Tensor = self.classifier(self.last(x).mean(dim=(2, 3)))
        return logits


class NASBenchMacroSupernet(Supernet, MacroLayers):
    """All three blocks in every layer, each weighing exactly 1/3, as in the authors' code."""

    has_alphas = False


class NASBenchMacroNetwork(StandAlone, MacroLayers):
    """The chosen blocks only."""


SUPERNETS.add(NASBENCH_MACRO.name, Family(NASBenchMacroSupernet, NASBenchMacroNetwork, SIZES))
