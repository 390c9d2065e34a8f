"""Training a supernet as DARTS does, to first order (Liu et al. 2019; darts-pt's settings).

Each step draws a fresh batch from both halves of the images. First the alphas take an Adam step
down the loss of the validation batch, the weights held fixed; then the weights take an SGD step
down the loss of the train batch:

    alpha <- alpha - Adam(d L_valid(w, alpha) / d alpha)
    w     <- w - SGD(d L_train(w, alpha) / d w)

Batches come from generators named by (seed, purpose, step), so that a training that was stopped
needs no generator's state to go on. On a CPU it runs in one thread: sums of floating-point numbers
depend on the number of threads, and a result here depends on its seed only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from opscore.data.files import atomic_write
from opscore.data.pickles import load_tensors
from opscore.errors import UserError
from opscore.images import Batch, ImageSet
from opscore.progress import advance
from opscore.progress import steps as loop
from opscore.spaces import State
from opscore.supernets.base import Supernet
from opscore.supernets.measure import accuracy, draw_validation, one_thread
from opscore.supernets.profiles import TrainingProfile

#: Columns of a training's log, one row per epoch: mean loss and accuracy (percent) over the
#: epoch's train batches, accuracy of the validation images after it, and wall time.
LOG = ("epoch", "train_loss", "train_accuracy", "valid_accuracy", "seconds")

#: Called after each epoch with the log's newest row.
OnEpoch = Callable[[dict[str, float]], object]


def train(
    supernet: Supernet,
    images: ImageSet,
    profile: TrainingProfile,
    seed: int,
    *,
    state: State | None = None,
    checkpoint: Path | None = None,
    progress: OnEpoch | None = None,
) -> pd.DataFrame:
    """Train weights and alphas in place: ``profile.epochs`` epochs, learning rate on a cosine.

    Args:
        supernet: the supernet; changed in place, left in eval mode.
        images: the image set; its halves are trained on.
        profile: how long, on how much.
        seed: the run's seed.
        state: discretized or perturbed edges; A_0 by default.
        checkpoint: a file written after each epoch. When it is there already the training goes on
            from it, and ends with the same numbers as one that was never stopped.
        progress: called after each epoch.

    Returns:
        The log, a frame with columns :data:`LOG`.

    Raises:
        UserError: the checkpoint is of another training, or cannot be read.
    """
    trainer = Trainer(supernet, images, profile, seed, state=state)
    return trainer.run(profile.learning_rates(), profile.steps, checkpoint, progress)


def tune(
    supernet: Supernet,
    images: ImageSet,
    profile: TrainingProfile,
    seed: int,
    *,
    state: State,
    purpose: Sequence[str | int] = ("tuning",),
    checkpoint: Path | None = None,
    progress: OnEpoch | None = None,
    measure: bool = True,
) -> pd.DataFrame:
    """Retrain under a state: ``profile.tuning_epochs`` epochs at a constant, small learning rate.

    Fresh optimisers, so that what follows depends on weights and alphas only. ``purpose`` names
    the batches; without ``measure`` the log has no validation accuracies, which saves time. The
    rest is as for :func:`train`.
    """
    trainer = Trainer(
        supernet, images, profile, seed, state=state, purpose=purpose, measure=measure
    )
    steps = profile.tuning_steps or profile.steps
    return trainer.run(profile.tuning_rates(), steps, checkpoint, progress)


class Trainer:
    """One training: a supernet, its optimisers, and where it has got to."""

    def __init__(
        self,
        supernet: Supernet,
        images: ImageSet,
        profile: TrainingProfile,
        seed: int,
        *,
        state: State | None = None,
        purpose: Sequence[str | int] = ("training",),
        measure: bool = True,
    ) -> None:
        self.supernet = supernet
        self.profile = profile
        self.seed = seed
        self.state = supernet.space.initial_state() if state is None else state
        self.purpose = tuple(purpose)
        self.train_half, self.valid_half = images.halves(profile.images)
        self.validation: Batch | None = None
        if measure:
            self.validation = self._place(draw_validation(images, profile, seed, "log"))
        self.schedule: tuple[list[float], int] = ([], 0)
        self.sgd = torch.optim.SGD(
            supernet.parameters(),
            lr=profile.learning_rate,
            momentum=profile.momentum,
            weight_decay=profile.weight_decay,
        )
        self.adam = torch.optim.Adam(
            [supernet.alphas],
            lr=profile.alpha_learning_rate,
            betas=(profile.alpha_beta1, profile.alpha_beta2),
            weight_decay=profile.alpha_weight_decay,
        )
        self.log: list[dict[str, float]] = []
        self.alphas: list[Tensor] = []

    def run(
        self,
        rates: Sequence[float],
        steps: int | None,
        checkpoint: Path | None = None,
        progress: OnEpoch | None = None,
    ) -> pd.DataFrame:
        """Train an epoch for each learning rate, from wherever the checkpoint is.

        ``steps``: of an epoch; None is as many as the train half has batches.
        """
        self.schedule = list(rates), self._batches() if steps is None else steps
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint)
        elif checkpoint is not None and not rates:
            self._save(checkpoint)
        with one_thread(), loop(len(rates), "epochs", len(self.log)):
            while len(self.log) < len(rates):
                self._epoch()
                advance()
                if checkpoint is not None:
                    self._save(checkpoint)
                if progress is not None:
                    progress(self.log[-1])
        self.supernet.eval()
        return pd.DataFrame(self.log, columns=list(LOG)).astype({"epoch": "int64"})

    def _epoch(self) -> None:
        start = time.perf_counter()
        self.supernet.train()
        rates, n_steps = self.schedule
        for group in self.sgd.param_groups:
            group["lr"] = rates[len(self.log)]
        first = len(self.log) * n_steps
        results = [self._step(step) for step in range(first, first + n_steps)]
        self.alphas.append(self.supernet.alphas.detach().cpu().clone())
        self.log.append(
            {
                "epoch": len(self.log) + 1,
                "train_loss": sum(loss for loss, _ in results) / n_steps,
                "train_accuracy": sum(right for _, right in results) / n_steps,
                "valid_accuracy": self._validate(),
                "seconds": time.perf_counter() - start,
            }
        )

    def _validate(self) -> float:
        if self.validation is None:
            return math.nan
        weights = self.supernet.weights(self.state)
        return accuracy(self.supernet, self.validation, weights, chunk=self.profile.batch_size)

    def _batches(self) -> int:
        if self.train_half.n_images is None:
            raise UserError(f"'{self.train_half.name}' has no end: a number of steps is needed")
        return -(-self.train_half.n_images // self.profile.batch_size)

    def _step(self, step: int) -> tuple[float, float]:
        """One step of both; loss and accuracy of the train batch."""
        if self.state.open_edges:
            self._step_alphas(self._draw(self.valid_half, "valid", step))
        return self._step_weights(self._draw(self.train_half, "train", step))

    def _step_alphas(self, batch: Batch) -> None:
        alphas = self.supernet.alphas.requires_grad_(True)
        try:
            loss = cross_entropy(
                self.supernet(batch.images, self.supernet.weights(self.state)), batch.labels
            )
            # Of the alphas alone: the weights' gradients are not needed and not computed.
            (alphas.grad,) = torch.autograd.grad(loss, [alphas])
        finally:
            alphas.requires_grad_(False)
        self.adam.step()
        alphas.grad = None

    def _step_weights(self, batch: Batch) -> tuple[float, float]:
        logits = self.supernet(batch.images, self.supernet.weights(self.state))
        loss = cross_entropy(logits, batch.labels)
        self.sgd.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), self.profile.clip)
        self.sgd.step()
        right = (logits.detach().argmax(dim=1) == batch.labels).double().mean()
        return float(loss.detach()), 100 * float(right)

    def _draw(self, half: ImageSet, which: str, step: int) -> Batch:
        batch = half.minibatch(self.profile.batch_size, self.seed, *self.purpose, which, step)
        return self._place(batch)

    def _place(self, batch: Batch) -> Batch:
        return batch.to(self.supernet.alphas.device, self.supernet.alphas.dtype)

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must share with this training."""
        return {
            "seed": self.seed,
            "purpose": list(self.purpose),
            "state": str(self.state),
            "schedule": list(self.schedule),
            "profile": self.profile.training_key(),
        }

    def _save(self, path: Path) -> None:
        content = {
            "training": self._identity(),
            "state_dict": self.supernet.state_dict(),
            "sgd": self.sgd.state_dict(),
            "adam": self.adam.state_dict(),
            "log": self.log,
            "alphas": self.alphas,
        }
        with atomic_write(path) as temporary:
            torch.save(content, temporary)

    def _load(self, path: Path) -> None:
        content = read_checkpoint(path)
        if content["training"] != self._identity():
            raise UserError(f"{path} is a checkpoint of another training; delete it to start anew")
        self.supernet.load_state_dict(content["state_dict"])
        self.sgd.load_state_dict(content["sgd"])
        self.adam.load_state_dict(content["adam"])
        self.log = content["log"]
        self.alphas = content["alphas"]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A training's checkpoint, read without unpickling code.

    Keys: 'training' (what it is of), 'state_dict' (weights, alphas, running statistics), 'sgd',
    'adam', 'log' (a list of rows, see :data:`LOG`) and 'alphas' (after each epoch).
    :func:`opscore.load_checkpoint` reads the supernet in it. UserError when it cannot be read.
    """
    content: dict[str, Any] = load_tensors(path)
    wanted = {"training", "state_dict", "sgd", "adam", "log", "alphas"}
    if not isinstance(content, dict) or not wanted <= content.keys():
        raise UserError(f"{path}: not the checkpoint of a training")
    return content
