"""How long and on how much a supernet is trained: named profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from opscore.errors import UserError, unknown
from opscore.typed import take_types


@dataclass(frozen=True)
class TrainingProfile:
    """Settings of DARTS's first-order bilevel training; the optimisers' are the authors'.

    Attributes:
        name: what records and figures call it.
        epochs: epochs of training from fresh weights.
        steps: steps in an epoch; None is as many as the train half has batches. Each step draws a
            fresh batch from both halves.
        images: images of each half; None is all there are.
        validation: images of the validation half that an accuracy is measured on; None is all.
        tuning_epochs: k, epochs of retraining after a discretization.
        tuning_steps: steps in an epoch of retraining; None is as many as in training.
        batch_size: images in a batch.
        learning_rate: of the weights' SGD at the start; falls along a cosine.
        final_learning_rate: where the cosine ends.
        tuning_learning_rate: of the weights' SGD in retraining; constant.
        momentum, weight_decay: of the weights' SGD.
        clip: largest norm of the weights' gradient.
        alpha_learning_rate, alpha_beta1, alpha_beta2, alpha_weight_decay: of the alphas' Adam.
        fast: whether steps are computed with less work on a CPU, equal to the plain steps but for
            rounding.
    """

    name: str
    epochs: int
    steps: int | None
    images: int | None
    validation: int | None
    tuning_epochs: int = 5
    tuning_steps: int | None = None
    batch_size: int = 64
    learning_rate: float = 0.025
    final_learning_rate: float = 0.001
    tuning_learning_rate: float = 0.0025
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    alpha_learning_rate: float = 3e-4
    alpha_beta1: float = 0.5
    alpha_beta2: float = 0.999
    alpha_weight_decay: float = 1e-3
    fast: bool = False

    def __post_init__(self) -> None:
        take_types(self)
        for field in ("steps", "images", "validation", "tuning_steps"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise UserError(f"training needs {field} of 1 or more, got {value}")
        if self.epochs < 1 or self.tuning_epochs < 0:
            raise UserError(
                "training needs 1 epoch or more and retraining 0 or more, "
                f"got {self.epochs} and {self.tuning_epochs}"
            )
        if self.batch_size < 2:
            raise UserError(f"a batch needs at least two images, got {self.batch_size}")

    def learning_rates(self) -> list[float]:
        """The weights' learning rate in each epoch of training: half a cosine."""
        low, high = self.final_learning_rate, self.learning_rate
        return [
            low + (high - low) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
            for epoch in range(self.epochs)
        ]

    def tuning_rates(self) -> list[float]:
        """The same for retraining: constant."""
        return [self.tuning_learning_rate] * self.tuning_epochs

    def training_key(self) -> dict[str, Any]:
        """The settings that a trained supernet depends on, without those of what follows."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in {"name", "validation"}
            and not name.startswith("tuning")
            and (name, value) != ("fast", False)  # what was trained before there was another way
        }

    def with_tuning(self, epochs: int | None) -> TrainingProfile:
        """The same profile with another k; None keeps it."""
        return self if epochs is None else replace(self, tuning_epochs=epochs)

    def describe(self, epochs: str | None = None) -> str:
        """One line, for notes under figures; ``epochs`` says what k is where policies differ."""
        measured = "the validation half" if self.validation is None else f"{self.validation} images"
        return (
            f"{self.name} training: {self.epochs} epochs of {_steps(self.steps)} of "
            f"{self.batch_size} images; retraining: {epochs or self.tuning_epochs} epochs of "
            f"{_steps(self.tuning_steps or self.steps)}; accuracy on {measured}"
        )


def _steps(count: int | None) -> str:
    return "one pass over the train half" if count is None else f"{count} steps"


#: Profiles by name; each size of supernet has the one of its name. 'medium' is for the paper's.
PROFILES = {
    # The authors': 100 epochs of 391 steps on the two halves of CIFAR-10's training set.
    "paper": TrainingProfile(
        "paper", epochs=100, steps=None, images=None, validation=None, fast=True
    ),
    # An eighth of the authors' steps on a fifth of their images: 5,056 of the paper's supernet,
    # some four hours of a core.
    "medium": TrainingProfile(
        "medium",
        epochs=64,
        steps=None,
        images=5000,
        validation=1024,
        tuning_steps=10,
        fast=True,
    ),
    # One step at cpu size takes about half a second of a core: 14 minutes for a supernet, some 22
    # more for a progressive disc-acc, whose 105 retrainings are most of the work.
    "cpu": TrainingProfile("cpu", epochs=40, steps=40, images=None, validation=512, tuning_steps=5),
    "smoke": TrainingProfile(
        "smoke", epochs=2, steps=4, images=256, validation=64, tuning_epochs=1, batch_size=16
    ),
}


def profile_name(profile: TrainingProfile | str | Mapping[str, Any]) -> str:
    """The name of a profile, also of one as plain values, with or without its name."""
    if isinstance(profile, str):
        return profile
    if isinstance(profile, TrainingProfile):
        return profile.name
    for name, known in PROFILES.items():
        if {**asdict(known), **profile, "name": name} == asdict(known):
            return name
    return str(profile.get("name", "another"))


def find_profile(name: str) -> TrainingProfile:
    """The profile of this name; UserError with the near names when there is none."""
    if name not in PROFILES:
        raise unknown("training profile", name, PROFILES)
    return PROFILES[name]
