"""One loop for every training: epochs of steps, each kept when it is done.

A training of a supernet (:mod:`opscore.supernets.training`) and one of the network that was found
(:mod:`opscore.supernets.fitting`) differ in their batches and in their step. All draws come from
generators named by (seed, purpose, epoch or step), so that a training that was stopped needs no
generator's state to go on to the same numbers. On a CPU it runs in one thread: sums of
floating-point numbers depend on the number of threads, and a result here depends on its seed only.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from opscore.data.files import atomic_write
from opscore.errors import UserError
from opscore.images import Batch
from opscore.isolation import own_generators
from opscore.progress import advance, each
from opscore.progress import steps as loop
from opscore.rng import derive_seed
from opscore.settings.profiles import TrainingProfile
from opscore.supernets.checkpoints import read_torch
from opscore.supernets.measure import one_thread
from opscore.supernets.recipes import Recipe

#: What every training's checkpoint has: what it is of, the weights, SGD's state, the log.
PARTS = ("training", "state_dict", "sgd", "log")


class Stepped(NamedTuple):
    """What a step found on its batch: mean loss, right answers, images."""

    loss: float
    right: int
    images: int


class Training(ABC):
    """A network, its optimisers, and where it has got to.

    Args:
        network: changed in place.
        how: whose settings of SGD hold for the weights.
        seed: the run's seed.
        purpose: what its draws are for.

    Attributes:
        columns: of the log, a row per epoch: learning rate, mean loss and accuracy (percent) over
            the epoch's batches, accuracy on images that are not trained on, and wall time.
        identity: what a checkpoint must share with this training, in plain values.
        log: the rows so far.
    """

    columns: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        network: nn.Module,
        how: TrainingProfile | Recipe,
        seed: int,
        purpose: Sequence[str | int],
    ) -> None:
        self.network = network
        self.seed = seed
        self.purpose = tuple(purpose)
        self.clip = how.clip
        self.sgd = torch.optim.SGD(
            network.parameters(),
            lr=how.learning_rate,
            momentum=how.momentum,
            weight_decay=how.weight_decay,
        )
        self.identity: dict[str, Any] = {}
        self.log: list[dict[str, float]] = []

    @abstractmethod
    def rates(self) -> Sequence[float]:
        """The learning rate of each epoch."""

    @abstractmethod
    def batches(self, epoch: int) -> Sequence[Callable[[], Batch]]:
        """What draws each batch of an epoch, counted from 0."""

    @abstractmethod
    def step(self, batch: Batch, epoch: int, number: int) -> Stepped:
        """One step, the epoch's number-th, on a batch."""

    @abstractmethod
    def measure(self) -> float:
        """Accuracy after an epoch on images that are not trained on, percent."""

    def run(self, checkpoint: Path | None = None) -> pd.DataFrame:
        """Train to the end from wherever the checkpoint is; the network is left in eval mode.

        checkpoint: a file written after each epoch. Returns the log. UserError when the checkpoint
        is of another training, or cannot be read.
        """
        epochs = len(self.rates())
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint)
        elif checkpoint is not None and epochs == 0:
            self._save(checkpoint)
        with one_thread(), loop(epochs, "epochs", len(self.log)):
            while len(self.log) < epochs:
                self.epoch(len(self.log))
                if checkpoint is not None:
                    self._save(checkpoint)
                advance()
        self.network.eval()
        return pd.DataFrame(self.log, columns=list(self.columns)).astype({"epoch": "int64"})

    def epoch(self, epoch: int) -> None:
        """One epoch, counted from 0, and its row of the log."""
        start, rate = time.perf_counter(), self.rates()[epoch]
        self.network.train()
        for group in self.sgd.param_groups:
            group["lr"] = rate
        draws = enumerate(each(self.batches(epoch), "steps"))
        found = [self._stepped(draw(), epoch, number) for number, draw in draws]
        count = sum(step.images for step in found)
        row = {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "train_loss": sum(step.loss * step.images for step in found) / count,
            "train_accuracy": 100 * sum(step.right for step in found) / count,
            "valid_accuracy": (measured := self.measure()),
            "test_accuracy": measured,
            "seconds": time.perf_counter() - start,
        }
        self.log.append({name: row[name] for name in self.columns})

    def _stepped(self, batch: Batch, epoch: int, number: int) -> Stepped:
        """A step; what its layers drop they draw from global generators, which it seeds."""
        seed = derive_seed(self.seed, *self.purpose, "dropped", epoch, number)
        with own_generators(seed):
            return self.step(batch, epoch, number)

    def descend(self, loss: Tensor, logits: Tensor, labels: Tensor) -> Stepped:
        """A step of SGD down a loss; logits [N, classes] and labels [N] are of its batch."""
        self.sgd.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.sgd.step()
        right = int((logits.detach().argmax(dim=1) == labels).sum())
        return Stepped(float(loss.detach()), right, len(labels))

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "training": self.identity,
            "state_dict": self.network.state_dict(),
            "sgd": self.sgd.state_dict(),
            "log": self.log,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Go on from what a checkpoint holds."""
        self.network.load_state_dict(content["state_dict"])
        self.sgd.load_state_dict(content["sgd"])
        self.log = content["log"]

    def _save(self, path: Path) -> None:
        with atomic_write(path) as temporary:
            torch.save(self.content(), temporary)

    def _load(self, path: Path) -> None:
        content = read_checkpoint(path, tuple(self.content()))
        if content["training"] != self.identity:
            other = [k for k, v in self.identity.items() if content["training"].get(k) != v]
            raise UserError(
                f"{path} is a checkpoint of another training (other {', '.join(other)}); "
                "delete it to start anew, or name another place"
            )
        self.restore(content)


def read_checkpoint(path: Path, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """A training's checkpoint, read without unpickling code.

    Keys: 'training' (what it is of), 'state_dict' (weights, alphas, running statistics), 'sgd',
    'log' (a list of rows), and of a supernet's also 'adam' and 'alphas' (after each epoch).
    :func:`opscore.load_checkpoint` reads the supernet in it.

    UserError when it cannot be read, or lacks one of ``parts``.
    """
    content = read_torch(path)
    if not set(parts) <= content.keys() or not isinstance(content["training"], dict):
        raise UserError(f"{path}: not the checkpoint of a training")
    return content
