"""How the network that was found is trained: named recipes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from opscore.errors import UserError, one_of
from opscore.typed import take_types


@dataclass(frozen=True)
class Recipe:
    """Settings of one training by SGD; all images once in an epoch.

    Attributes:
        name: what records and figures call it.
        epochs: how long.
        batch_size: images in a batch.
        learning_rate: at the start.
        decay: what the learning rate is multiplied by after each epoch; None is half a cosine to
            zero.
        momentum, weight_decay: of SGD.
        clip: largest norm of the gradient.
        label_smoothing: share of each label that goes to all classes alike.
        cutout: side of the square that is blanked in each image, pixels; 0 for none.
        auxiliary: weight of the auxiliary head's loss, where a network has such a head.
        drop_path: probability that an operation's output is dropped, in the last epoch; it grows
            from zero along a line. Where a network has such layers.
        size: the named size whose arguments and images the network has; None is the target's own.
        steps: batches in an epoch; None is as many as there are.
        measured: images that the accuracy is measured on; None is all.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    decay: float | None = None
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    label_smoothing: float = 0.0
    cutout: int = 0
    auxiliary: float = 0.4
    drop_path: float = 0.0
    size: str | None = None
    steps: int | None = None
    measured: int | None = None

    def __post_init__(self) -> None:
        take_types(self)
        if self.epochs < 1:
            raise UserError(f"a training needs 1 epoch or more, got {self.epochs}")
        if self.batch_size < 2:
            raise UserError(f"a batch needs at least two images, got {self.batch_size}")
        if self.steps is not None and self.steps < 1:
            raise UserError(f"an epoch needs 1 step or more, got {self.steps}")

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        if self.decay is not None:
            return self.learning_rate * self.decay**epoch
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def drop(self, epoch: int) -> float:
        """The probability of dropping a path in an epoch, counted from 0."""
        return self.drop_path * epoch / self.epochs

    def key(self) -> dict[str, Any]:
        """What a trained network depends on."""
        return {name: value for name, value in asdict(self).items() if name != "name"}

    def changed(self, **changes: Any) -> Recipe:
        """The same with what is not None in its place."""
        return replace(self, **{name: v for name, v in changes.items() if v is not None})

    def describe(self) -> str:
        """One line, for notes."""
        rate = "half a cosine to 0" if self.decay is None else f"times {self.decay} per epoch"
        extras = [
            f"cutout {self.cutout}" if self.cutout else "",
            f"drop path to {self.drop_path}" if self.drop_path else "",
            f"label smoothing {self.label_smoothing}" if self.label_smoothing else "",
            f"{self.steps} steps an epoch" if self.steps else "",
        ]
        return ", ".join(
            [
                f"{self.name}: {self.epochs} epochs",
                f"batch {self.batch_size}",
                f"learning rate {self.learning_rate}, {rate}",
                *filter(None, extras),
            ]
        )


#: Recipes by name.
RECIPES = {
    # Liu et al. 2019, and the authors of Zero-Cost-PT with them.
    "cifar": Recipe("cifar", 600, 96, 0.025, cutout=16, drop_path=0.2),
    "imagenet": Recipe(
        "imagenet", 250, 128, 0.1, decay=0.97, weight_decay=3e-5, label_smoothing=0.1
    ),
    # Reduced ones: small networks, minutes and seconds.
    "cpu": Recipe("cpu", 12, 64, 0.05, cutout=8, drop_path=0.05, size="cpu", measured=1000),
    "smoke": Recipe("smoke", 2, 16, 0.025, drop_path=0.1, size="smoke", steps=4, measured=64),
}


def find_recipe(name: str) -> Recipe:
    """The recipe of this name; UserError with the near names when there is none."""
    return RECIPES[one_of("recipe", name, RECIPES)]
