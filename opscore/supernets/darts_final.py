"""The networks of the DARTS space as they are trained in the end (Liu et al. 2019).

On CIFAR 20 cells of 36 channels, on ImageNet 14 cells of 48. While they are trained every
operation but the identity is dropped now and then (drop path), and a second head reads the cell
at two thirds of the depth (auxiliary head). Parameters are counted without that head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from opscore.errors import UserError
from opscore.spaces import DARTS_SPACES, State
from opscore.supernets.base import conv_bn
from opscore.supernets.darts import IMAGE_SIDES, SIZES, Cell, DARTSNetwork, DARTSSupernet
from opscore.supernets.families import SUPERNETS, Family, Final

#: Widths of the auxiliary head's two convolutions.
AUXILIARY_WIDTHS = (128, 768)


class DropPath(nn.Module):
    """Zeros in place of an operation's output for some images, drawn anew in each pass.

    What is kept is scaled up, so that the mean stays. Does nothing in eval mode.

    Attributes:
        probability: of an image's output to be dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.probability = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return x
        kept = 1 - self.probability
        mask = torch.empty(len(x), 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(kept)
        return x / kept * mask


class AuxiliaryHead(nn.Sequential):
    """A classifier on the features of an inner cell, a quarter (ImageNet: 1/32) of the image.

    ImageNet's pooling has stride 2, and its second convolution no batch norm: DARTS left it out by
    mistake, and its published networks have none.
    """

    def __init__(self, channels: int, n_classes: int, *, imagenet: bool) -> None:
        first, second = AUXILIARY_WIDTHS
        norm = [] if imagenet else [nn.BatchNorm2d(second)]
        super().__init__(
            nn.ReLU(inplace=False),
            nn.AvgPool2d(5, stride=2 if imagenet else 3, padding=0, count_include_pad=False),
            *conv_bn(channels, first, 1, rectifier=nn.ReLU),
            nn.Conv2d(first, second, 2, bias=False),
            *norm,
            nn.ReLU(inplace=True),
            # One value where the image has the usual size; the place of the classifier stays.
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            nn.Linear(second, n_classes),
        )
        #: Side of the features of the usual images, of which 2 x 2 are left by the pooling.
        self.least = 7 if imagenet else 8

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes]; UserError for features that are too small for it."""
        if min(x.shape[2:]) < self.least:
            raise UserError(
                f"the auxiliary head needs features of {self.least} x {self.least}, not "
                f"{x.shape[2]} x {x.shape[3]}; take larger images, or a recipe with auxiliary=0"
            )
        logits: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return logits


class DARTSFinalNetwork(DARTSNetwork):
    """The network of an architecture with what its training needs."""

    def __init__(
        self,
        architecture: State,
        channels: int,
        cells: int,
        imagenet: int = 0,
        *,
        n_classes: int = 10,
        **more: int,
    ) -> None:
        super().__init__(architecture, channels, cells, imagenet, n_classes=n_classes, **more)
        self.auxiliary_place = 2 * cells // 3
        cell = self.cells[self.auxiliary_place]
        assert isinstance(cell, Cell)
        self.auxiliary = AuxiliaryHead(cell.width, n_classes, imagenet=self.imagenet)

    def finish(self, operation: nn.Module) -> nn.Module:
        """An operation whose output is dropped at times; the identity never is."""
        if isinstance(operation, nn.Identity):
            return operation
        return nn.Sequential(operation, DropPath())

    def outputs(self, images: Tensor, *, auxiliary: bool = False) -> tuple[Tensor, Tensor | None]:
        """Logits [N, classes], and those of the auxiliary head where they are asked for."""
        rows, beside = self.ones(), None
        s0, s1 = self.inputs(images)
        for number, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1, rows, False)
            if auxiliary and number == self.auxiliary_place:
                beside = self.auxiliary(s1)
        return self.classifier(s1.mean(dim=(2, 3))), beside

    def set_drop_path(self, probability: float) -> None:
        """How often an operation's output is dropped from now on, in train mode."""
        for module in self.modules():
            if isinstance(module, DropPath):
                module.probability = probability


class DARTSImageNetNetwork(DARTSFinalNetwork):
    """The same with ImageNet's stem and head, for 224 x 224."""

    def __init__(self, architecture: State, channels: int, cells: int, **more: int) -> None:
        super().__init__(architecture, channels, cells, imagenet=1, **more)


def finals(name: str) -> dict[str, Final]:
    """The final networks of DARTS and of its parts.

    On CIFAR-10 and ImageNet as Liu et al. trained them, on CIFAR-100 and SVHN as the parts S1-S4
    were trained there.
    """
    large, small = {"channels": 36, "cells": 20}, {"channels": 16, "cells": 8}
    parts = name in ("s1", "s2", "s3", "s4")
    return {
        "cifar10": Final(large, 10, network=DARTSFinalNetwork),
        "cifar100": Final(small if parts else large, 100, network=DARTSFinalNetwork),
        **({"svhn": Final(small, 10, network=DARTSFinalNetwork)} if parts else {}),
        "imagenet": Final({"channels": 48, "cells": 14}, 1000, 224, DARTSImageNetNetwork),
    }


for _space in DARTS_SPACES:
    SUPERNETS.add(
        _space.name,
        Family(
            DARTSSupernet,
            DARTSNetwork,
            SIZES,
            image_sides=IMAGE_SIDES,
            version=2 if _space.name == "darts" else 3,
            batch_size=64,
            finals=finals(_space.name),
        ),
    )
