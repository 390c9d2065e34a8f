"""Training a supernet as DARTS does, to first order (Liu et al. 2019; darts-pt's settings).

Each step draws a fresh batch from both halves of the images. First the alphas take an Adam step
down the loss of the validation batch, the weights held fixed; then the weights take an SGD step
down the loss of the train batch:

    alpha <- alpha - Adam(d L_valid(w, alpha) / d alpha)
    w     <- w - SGD(d L_train(w, alpha) / d w)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from opscore.images import Batch, ImageSet
from opscore.images.base import count_of
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import State
from opscore.supernets.base import Supernet
from opscore.supernets.epochs import Stepped, Training
from opscore.supernets.measure import accuracy, draw_validation

#: Logits [N, classes] of images [N, channels, height, width] and weights [edges, operations].
Forward = Callable[[Tensor, Tensor], Tensor]

#: What computes the logits of a supernet under a state, where a profile asks for it.
MakeForward = Callable[[Supernet, State], Forward]

#: Columns of a supernet's log; the accuracy is of the validation half.
LOG = ("epoch", "train_loss", "train_accuracy", "valid_accuracy", "seconds")


def train(
    supernet: Supernet,
    images: ImageSet,
    profile: TrainingProfile,
    seed: int,
    *,
    state: State | None = None,
    checkpoint: Path | None = None,
    forward: MakeForward | None = None,
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
        forward: makes what computes the logits in a step, with less work than the supernet itself,
            where the profile asks for that; :func:`opscore.engine.training_network`.

    Returns:
        The log, a frame with columns :data:`LOG`.

    Raises:
        UserError: the checkpoint is of another training, or cannot be read.
    """
    rates = profile.learning_rates()
    trainer = Trainer(supernet, images, profile, seed, rates, state=state, forward=forward)
    return trainer.run(checkpoint)


def tune(
    supernet: Supernet,
    images: ImageSet,
    profile: TrainingProfile,
    seed: int,
    *,
    state: State,
    purpose: Sequence[str | int] = ("tuning",),
    checkpoint: Path | None = None,
    measure: bool = True,
    forward: MakeForward | None = None,
) -> pd.DataFrame:
    """Retrain under a state: ``profile.tuning_epochs`` epochs at a constant, small learning rate.

    Fresh optimisers, so that what follows depends on weights and alphas only. ``purpose`` names
    the batches; without ``measure`` the log has no validation accuracies, which saves time. The
    rest is as for :func:`train`.
    """
    trainer = Trainer(
        supernet,
        images,
        profile,
        seed,
        profile.tuning_rates(),
        steps=profile.tuning_steps,
        state=state,
        purpose=purpose,
        measured=measure,
        forward=forward,
    )
    return trainer.run(checkpoint)


def steps_of_epoch(train_half: ImageSet, profile: TrainingProfile) -> int:
    """The profile's, or as many as the train half has batches."""
    return profile.steps or -(-count_of(train_half) // profile.batch_size)


class Trainer(Training):
    """One training of a supernet, see :func:`train` and :func:`tune`: an epoch for each rate.

    steps: of an epoch; the profile's, or as many as the train half has batches, where None.
    """

    columns = LOG

    def __init__(
        self,
        supernet: Supernet,
        images: ImageSet,
        profile: TrainingProfile,
        seed: int,
        rates: Sequence[float],
        *,
        steps: int | None = None,
        state: State | None = None,
        purpose: Sequence[str | int] = ("training",),
        measured: bool = True,
        forward: MakeForward | None = None,
    ) -> None:
        super().__init__(supernet, profile, seed, purpose)
        self.supernet = supernet
        self.profile = profile
        self.state = supernet.space.initial_state() if state is None else state
        self.forward: Forward = supernet
        if profile.fast and forward is not None:
            self.forward = forward(supernet, self.state)
        self.train_half, self.valid_half = images.halves(profile.images)
        self.validation: Batch | None = None
        if measured:
            self.validation = self._place(draw_validation(images, profile, seed, "log"))
        self.adam = torch.optim.Adam(
            [supernet.alphas],
            lr=profile.alpha_learning_rate,
            betas=(profile.alpha_beta1, profile.alpha_beta2),
            weight_decay=profile.alpha_weight_decay,
        )
        self.alphas: list[Tensor] = []
        self.schedule = list(rates), steps or steps_of_epoch(self.train_half, profile)
        self.identity = {
            "seed": seed,
            "purpose": list(self.purpose),
            "state": str(self.state),
            "schedule": list(self.schedule),
            "profile": profile.training_key(),
        }

    def rates(self) -> list[float]:
        """See :meth:`Training.rates`."""
        return self.schedule[0]

    def batches(self, epoch: int) -> list[Callable[[], Batch]]:
        """See :meth:`Training.batches`: of the train half."""
        steps = self.schedule[1]
        return [
            partial(self._draw, self.train_half, "train", step)
            for step in range(epoch * steps, (epoch + 1) * steps)
        ]

    def step(self, batch: Batch, epoch: int, number: int) -> Stepped:
        """One step of alphas, where there is a choice, and weights."""
        if self.state.open_edges:
            place = epoch * self.schedule[1] + number
            self._step_alphas(self._draw(self.valid_half, "valid", place))
        logits = self.forward(batch.images, self.supernet.weights(self.state))
        return self.descend(cross_entropy(logits, batch.labels), logits, batch.labels)

    def _step_alphas(self, batch: Batch) -> None:
        alphas = self.supernet.alphas.requires_grad_(True)
        try:
            logits = self.forward(batch.images, self.supernet.weights(self.state))
            # Of the alphas alone: the weights' gradients are not needed and not computed.
            (alphas.grad,) = torch.autograd.grad(cross_entropy(logits, batch.labels), [alphas])
        finally:
            alphas.requires_grad_(False)
        self.adam.step()
        alphas.grad = None

    def measure(self) -> float:
        """Accuracy on the validation images; the alphas are noted with it."""
        self.alphas.append(self.supernet.alphas.detach().cpu().clone())
        if self.validation is None:
            return math.nan
        weights = self.supernet.weights(self.state)
        return accuracy(self.supernet, self.validation, weights, chunk=self.profile.batch_size)

    def _draw(self, half: ImageSet, which: str, step: int) -> Batch:
        batch = half.minibatch(self.profile.batch_size, self.seed, *self.purpose, which, step)
        return self._place(batch)

    def _place(self, batch: Batch) -> Batch:
        return batch.to(self.supernet.alphas.device, self.supernet.alphas.dtype)

    def content(self) -> dict[str, Any]:
        """See :meth:`Training.content`; with Adam's state, and the alphas after each epoch."""
        return {**super().content(), "adam": self.adam.state_dict(), "alphas": self.alphas}

    def restore(self, content: dict[str, Any]) -> None:
        """See :meth:`Training.restore`."""
        super().restore(content)
        self.adam.load_state_dict(content["adam"])
        self.alphas = content["alphas"]
