"""Training the network that was found.

Every epoch goes through all training images once, in an order drawn for that epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from opscore.errors import note
from opscore.images import Batch, ImageSet, PixelImages, ScaledImages, load_test_images
from opscore.images.base import count_of, cutout
from opscore.rng import numpy_generator
from opscore.supernets.epochs import Stepped, Training
from opscore.supernets.final import Built
from opscore.supernets.measure import percent_right
from opscore.supernets.recipes import Recipe

#: Columns of a network's log.
LOG = ("epoch", "learning_rate", "train_loss", "train_accuracy", "test_accuracy", "seconds")

#: Types of the convolutions: 'full' is single precision, 'bf16' bfloat16 by autocast.
PRECISIONS = ("full", "bf16")


@dataclass(frozen=True)
class Split:
    """The images of a training.

    Attributes:
        train: those that are trained on.
        test: those that the accuracy is measured on; none of them is trained on.
        description: one line about both.
    """

    train: ImageSet
    test: ImageSet
    description: str


def split_images(images: ImageSet, data_dir: Path | None = None) -> Split:
    """All images of a set and its test set where there is one; else its two halves."""
    original = images.original if isinstance(images, ScaledImages) else images
    found = load_test_images(original.name, data_dir)
    train: ImageSet
    test: ImageSet
    if found is not None and isinstance(original, PixelImages):
        train = replace(original, pool=np.arange(len(original.pixels)))
        test = found
        what = f"trained on {len(original.pixels):,}, measured on {found.description}"
    else:
        train, test = original.halves()
        what = "trained on one half, measured on the other"
    description = f"{images.describe()}; {what}"
    return Split(_like(images, train), _like(images, test), description)


def _like(images: ImageSet, original: ImageSet) -> ImageSet:
    """Images scaled as others are."""
    return ScaledImages(original, images.side) if isinstance(images, ScaledImages) else original


def part(images: ImageSet, chosen: np.ndarray[Any, Any]) -> ImageSet:
    """The images of these places in the pool; a set without an end is itself."""
    if isinstance(images, ScaledImages):
        return ScaledImages(part(images.original, chosen), images.side)
    return replace(images, pool=images.pool[chosen]) if isinstance(images, PixelImages) else images


class Fitter(Training):
    """One training of a network that :func:`opscore.build` gives, on its device; in place."""

    columns = LOG

    def __init__(
        self,
        network: nn.Module,
        split: Split,
        recipe: Recipe,
        seed: int,
        built: Built,
        architecture: str,
        precision: str = "full",
    ) -> None:
        super().__init__(network, recipe, seed, ("fitting",))
        self.identity = {
            "network": {**asdict(built), "arguments": dict(built.arguments)},
            "architecture": architecture,
            "recipe": recipe.key(),
            "seed": seed,
            "precision": precision,
            "images": split.description,
        }
        self.split = split
        self.recipe = recipe
        self.precision = precision
        self.device = next(network.parameters()).device
        self._say_if_cut()
        self.test = self._test_batch()

    def rates(self) -> list[float]:
        """See :meth:`Training.rates`."""
        return [self.recipe.rate(epoch) for epoch in range(self.recipe.epochs)]

    def _say_if_cut(self) -> None:
        """A note where a batch cannot have as many images as it should."""
        asked, there = self.recipe.batch_size, self.split.train.n_images
        if there is not None and asked > there:
            note(
                f"batches of {asked:,} images were asked for; there are {there:,} to train on, so "
                "that each epoch is one step on all of them"
            )

    def batches(self, epoch: int) -> list[Callable[[], Batch]]:
        """See :meth:`Training.batches`: all images once, in an order of the epoch's own."""
        train, size = self.split.train, self.recipe.batch_size
        count = train.n_images
        if count is None:
            places = [np.arange(size)] * (self.recipe.steps or count_of(train))
        else:
            order = numpy_generator(self.seed, "fitting", "order", epoch).permutation(count)
            places = [order[first : first + size] for first in range(0, count, size)]
            # Batch norm needs two images.
            places = [some for some in places if len(some) > 1][: self.recipe.steps]

        def drawn(step: int, chosen: np.ndarray[Any, Any]) -> Batch:
            purpose = ("fitting", epoch, step)
            batch = part(train, chosen).minibatch(len(chosen), self.seed, *purpose)
            if self.recipe.cutout:
                draw = numpy_generator(self.seed, "cutout", *purpose)
                batch = cutout(batch, self.recipe.cutout, draw)
            return batch.to(self.device)

        return [
            lambda step=step, chosen=chosen: drawn(step, chosen)  # type: ignore[misc]
            for step, chosen in enumerate(places)
        ]

    def step(self, batch: Batch, epoch: int, number: int) -> Stepped:
        """One step down the loss, with that of the auxiliary head where there is one."""
        set_drop_path = getattr(self.network, "set_drop_path", None)
        if set_drop_path is not None:
            set_drop_path(self.recipe.drop(epoch))
        with self._arithmetic():
            logits, beside = self._outputs(batch.images)
            loss = self._loss(logits, batch.labels)
            if beside is not None:
                loss = loss + self.recipe.auxiliary * self._loss(beside, batch.labels)
        return self.descend(loss, logits, batch.labels)

    def _outputs(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        outputs = getattr(self.network, "outputs", None)
        if outputs is None or not self.recipe.auxiliary:
            return self.network(images), None
        found: tuple[Tensor, Tensor | None] = outputs(images, auxiliary=True)
        return found

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def _arithmetic(self) -> AbstractContextManager[Any]:
        if self.precision == "full":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _test_batch(self) -> Batch:
        """The images that the accuracy is measured on, as they are."""
        test, wanted = self.split.test, self.recipe.measured
        count = test.n_images
        if count is None:
            count = wanted or self.recipe.batch_size
        return test.minibatch(
            min(wanted or count, count), self.seed, "fitting", "test", augment=False
        )

    def measure(self) -> float:
        """Percent of the test images that the network classifies rightly."""
        self.network.eval()
        with self._arithmetic():
            return percent_right(
                lambda images: self.network(images.to(self.device)),
                self.test,
                2 * self.recipe.batch_size,
            )
