"""Training the network that was found.

Every epoch goes through all training images once, in an order drawn for that epoch. All draws
(order, crops, cutout, dropped paths) come from generators named by (seed, purpose, epoch or step),
so that a training that was stopped goes on to the same numbers. On a CPU it runs in one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from opscore.data.files import atomic_write
from opscore.data.pickles import load_tensors
from opscore.errors import UserError, note
from opscore.images import Batch, ImageSet, PixelImages, ScaledImages, load_test_images
from opscore.images.base import cutout
from opscore.isolation import isolated
from opscore.progress import advance, each
from opscore.progress import steps as loop
from opscore.rng import derive_seed, numpy_generator
from opscore.supernets.final import Built
from opscore.supernets.measure import one_thread
from opscore.supernets.recipes import Recipe

#: Columns of the log, one row per epoch: learning rate, mean loss and accuracy (percent) over the
#: epoch's batches, accuracy on the images that are not trained on, and wall time.
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


#: Called after each epoch with the log's newest row.
OnEpoch = Callable[[dict[str, float]], object]


@isolated()
def fit(
    network: nn.Module,
    split: Split,
    recipe: Recipe,
    seed: int,
    identity: Built,
    architecture: str,
    *,
    precision: str = "full",
    checkpoint: Path | None = None,
    progress: OnEpoch | None = None,
) -> pd.DataFrame:
    """Train a network in place, from wherever its checkpoint is.

    Args:
        network: what :func:`opscore.build` gives, on its device; left in eval mode.
        split: images to train and to measure on.
        recipe: how.
        seed: the run's seed.
        identity: what the network was built as.
        architecture: its string.
        precision: one of :data:`PRECISIONS`.
        checkpoint: a file written after each epoch. When it is there already the training goes on
            from it, and ends with the same numbers as one that was never stopped.
        progress: called after each epoch.

    Returns:
        The log, a frame with columns :data:`LOG`.

    Raises:
        UserError: the checkpoint is of another training, or cannot be read.
    """
    fitter = Fitter(network, split, recipe, seed, precision)
    fitter.identity = {
        "network": {**asdict(identity), "arguments": dict(identity.arguments)},
        "architecture": architecture,
        "recipe": recipe.key(),
        "seed": seed,
        "precision": precision,
        "images": split.description,
    }
    return fitter.run(checkpoint, progress)


class Fitter:
    """One training: a network, its optimiser, and where it has got to."""

    def __init__(
        self, network: nn.Module, split: Split, recipe: Recipe, seed: int, precision: str
    ) -> None:
        self.network = network
        self.split = split
        self.recipe = recipe
        self.seed = seed
        self.precision = precision
        self.identity: dict[str, Any] = {}
        self.device = next(network.parameters()).device
        self.optimizer = torch.optim.SGD(
            network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.log: list[dict[str, float]] = []
        self._say_if_cut()
        self.test = self._test_batch()

    def run(self, checkpoint: Path | None, progress: OnEpoch | None) -> pd.DataFrame:
        """Train to the recipe's end; returns the log."""
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint)
        with one_thread(), loop(self.recipe.epochs, "epochs", len(self.log)):
            while len(self.log) < self.recipe.epochs:
                self._epoch(len(self.log))
                advance()
                if checkpoint is not None:
                    self._save(checkpoint)
                if progress is not None:
                    progress(self.log[-1])
        self.network.eval()
        return pd.DataFrame(self.log, columns=list(LOG)).astype({"epoch": "int64"})

    def _say_if_cut(self) -> None:
        """A note where a batch cannot have as many images as it should."""
        asked, there = self.recipe.batch_size, self.split.train.n_images
        if there is not None and asked > there:
            note(
                f"batches of {asked:,} images were asked for; there are {there:,} to train on, so "
                "that each epoch is one step on all of them"
            )

    def _epoch(self, epoch: int) -> None:
        start, recipe = time.perf_counter(), self.recipe
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(epoch)
        set_drop_path = getattr(self.network, "set_drop_path", None)
        if set_drop_path is not None:
            set_drop_path(recipe.drop(epoch))
        results = [
            self._step(batch, epoch, step)
            for step, batch in enumerate(each(self._batches(epoch), "steps"))
        ]
        count = sum(n for _, _, n in results)
        self.log.append(
            {
                "epoch": epoch + 1,
                "learning_rate": recipe.rate(epoch),
                "train_loss": sum(loss * n for loss, _, n in results) / count,
                "train_accuracy": 100 * sum(right for _, right, _ in results) / count,
                "test_accuracy": self._measure(),
                "seconds": time.perf_counter() - start,
            }
        )

    def _batches(self, epoch: int) -> list[Callable[[], Batch]]:
        """What draws each batch of an epoch: all images once, in an order of its own."""
        train, size = self.split.train, self.recipe.batch_size
        count = train.n_images
        if count is None:
            if self.recipe.steps is None:
                raise UserError(f"'{train.name}' has no end: a number of steps is needed")
            places = [np.arange(size)] * self.recipe.steps
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

    def _step(self, draw: Callable[[], Batch], epoch: int, step: int) -> tuple[float, int, int]:
        """Loss, right answers and images of one step."""
        batch, recipe = draw(), self.recipe
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # What a layer drops in training it draws from torch's own generator.
            torch.manual_seed(derive_seed(self.seed, "fitting", "dropped", epoch, step))
            with self._arithmetic():
                logits, beside = self._outputs(batch.images)
                loss = self._loss(logits, batch.labels)
                if beside is not None:
                    loss = loss + recipe.auxiliary * self._loss(beside, batch.labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        self.optimizer.step()
        right = int((logits.detach().argmax(dim=1) == batch.labels).sum())
        return float(loss.detach()), right, len(batch)

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

    @torch.no_grad()
    def _measure(self) -> float:
        """Percent of the test images that the network classifies rightly."""
        self.network.eval()
        right, size = 0, 2 * self.recipe.batch_size
        for first in range(0, len(self.test), size):
            images = self.test.images[first : first + size].to(self.device)
            with self._arithmetic():
                found = self.network(images).argmax(dim=1).cpu()
            right += int((found == self.test.labels[first : first + size]).sum())
        return 100 * right / len(self.test)

    def _save(self, path: Path) -> None:
        content = {
            "training": self.identity,
            "state_dict": self.network.state_dict(),
            "sgd": self.optimizer.state_dict(),
            "log": self.log,
        }
        with atomic_write(path) as temporary:
            torch.save(content, temporary)

    def _load(self, path: Path) -> None:
        content = read_fitted(path)
        if content["training"] != self.identity:
            other = [k for k, v in self.identity.items() if content["training"].get(k) != v]
            raise UserError(
                f"{path} is a checkpoint of another training (other {', '.join(other)}); "
                "delete it to start anew, or name another folder"
            )
        self.network.load_state_dict(content["state_dict"])
        self.optimizer.load_state_dict(content["sgd"])
        self.log = content["log"]


def read_fitted(path: Path) -> dict[str, Any]:
    """A training's checkpoint, read without unpickling code.

    Keys: 'training' (what it is of), 'state_dict', 'sgd', and 'log' (rows, see :data:`LOG`).
    UserError when it cannot be read.
    """
    content: dict[str, Any] = load_tensors(path)
    if not isinstance(content, dict) or not (
        {"training", "state_dict", "sgd", "log"} <= content.keys()
    ):
        raise UserError(f"{path}: not the checkpoint of a network's training")
    return content
