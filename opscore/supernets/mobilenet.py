"""The supernet and stand-alone networks of the MobileNet-like space.

stem (3x3 convolution of stride 2, batch norm, ReLU6; inverted residual of kernel 3 and expansion
1) -> 21 layers in six groups -> 1x1 convolution, batch norm, ReLU6 -> pool -> linear. Widths are
ProxylessNAS's for a GPU. A supernet's layer is the plain sum of the candidates that are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from opscore.settings import Survivors
from opscore.spaces import State
from opscore.spaces.mobilenet import BLOCKS, GROUPS, MOBILENET
from opscore.supernets.base import (
    InvertedResidual,
    Layers,
    StandAlone,
    Supernet,
    conv_bn,
    initialize,
    initialize_by_fan_out,
)
from opscore.supernets.choice import Choice, Row
from opscore.supernets.families import SUPERNETS, Family, Final

#: Widths in percent of the paper's.
SIZES = {
    "paper": {"percent_width": 100},
    "cpu": {"percent_width": 25},
    "smoke": {"percent_width": 10},
}

#: Side of the images of each size, pixels; a network divides it by 32.
IMAGE_SIDES = {"paper": 224, "cpu": 64, "smoke": 32}

#: Widths at full size: the stem's two, those of the groups, and the last convolution's.
STEM = (40, 24)
WIDTHS = (32, 56, 112, 128, 256, 432)
LAST = 1728

#: Stride of the first layer of each group.
STRIDES = (2, 2, 2, 1, 2, 1)

#: Of the layer before the classifier, while the network that was found is trained.
DROPOUT = 0.2


def scaled(width: int, percent: int) -> int:
    """A width in percent of the full one, two channels or more."""
    return max(2, round(width * percent / 100))


def make_operation(op: int, c_in: int, c_out: int, stride: int) -> nn.Module:
    """A candidate of a layer, by its index in the space; the last one skips the layer."""
    if op == len(BLOCKS):
        return nn.Identity()
    return InvertedResidual(c_in, c_out, stride, *BLOCKS[op], nn.ReLU6)


class MobileNetLayers(Layers):
    """The layers, and the stem and head around them.

    Attributes:
        dropped: share of the last features that is dropped in training.
    """

    dropped = 0.0

    def __init__(
        self, state: State, percent_width: int, *, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(state)
        first, c_in = (scaled(each, percent_width) for each in STEM)
        self.stem = nn.Sequential(
            *conv_bn(in_channels, first, 3, 2, rectifier=nn.ReLU6),
            InvertedResidual(first, c_in, 1, 3, 1, nn.ReLU6),
        )
        layers: list[nn.Module] = []
        for count, full, first_stride in zip(GROUPS, WIDTHS, STRIDES, strict=True):
            c_out = scaled(full, percent_width)
            for number in range(count):
                stride = 1 if number else first_stride
                ops = state.remaining(len(layers))
                made = {op: make_operation(op, c_in, c_out, stride) for op in ops}
                layers.append(Choice(made, removed="absent"))
                c_in = c_out
        self.layers = nn.ModuleList(layers)
        last = scaled(LAST, percent_width)
        self.last = nn.Sequential(*conv_bn(c_in, last, 1, rectifier=nn.ReLU6))
        self.dropout = nn.Dropout(self.dropped) if self.dropped else nn.Identity()
        self.classifier = nn.Linear(last, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x: Tensor = self.stem(images)
        for layer, row in zip(self.layers, rows, strict=True):
            x = layer(x, row, run_removed)
        logits: Tensor = self.classifier(self.dropout(self.last(x).mean(dim=(2, 3))))
        return logits

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew, as the paper's code does for the supernet."""
        initialize_by_fan_out(self, generator)


class MobileNetSupernet(Supernet, MobileNetLayers):
    """All candidates of all layers, added up: there are no architecture parameters to weigh them.

    They weigh one each. The alphas are there for training: an edge's weights are its theta times
    the number of its candidates.
    """

    has_alphas = False

    def weights(self, state: State, *, survivors: Survivors = "theta") -> Tensor:
        """See :meth:`Supernet.weights`; as many times as large on layers that are open."""
        found = super().weights(state, survivors=survivors)
        counts = torch.ones(len(self.space.edges), 1, dtype=found.dtype, device=found.device)
        for edge in (*state.open_edges, *state.perturbed):
            counts[edge] = self.space.shape[edge]
        return found * counts


class MobileNetNetwork(StandAlone, MobileNetLayers):
    """The chosen blocks only, drawn by PyTorch's default as the paper's code draws them."""

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        initialize(self, generator)


class MobileNetFinalNetwork(MobileNetNetwork):
    """The same with dropout before the classifier, for training."""

    dropped = DROPOUT


SUPERNETS.add(
    MOBILENET.name,
    Family(
        MobileNetSupernet,
        MobileNetNetwork,
        SIZES,
        image_side=IMAGE_SIDES["paper"],
        image_sides=IMAGE_SIDES,
        version=2,
        batch_size=64,
        finals={
            "imagenet": Final({"percent_width": 100}, 1000, 224, MobileNetFinalNetwork),
            "cifar10": Final({"percent_width": 100}, 10, 224, MobileNetFinalNetwork),
        },
    ),
)
