"""darts, darts-pt and darts-pt-fixed-alpha: selection from a trained supernet.

darts keeps the operation of the largest architecture parameter on every edge. darts-pt (Wang et
al. 2021) takes the edges in random order; on each it keeps the operation whose removal costs the
supernet most accuracy, and retrains before the next. With fixed alphas, training and retraining
never move the architecture parameters, which stay at their near-uniform start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from opscore import schema
from opscore.experiments import Iteration, ProgressiveUnit, follow
from opscore.experiments.progressive.iterations import resolve_order
from opscore.images import ImageSet
from opscore.images.base import count_of
from opscore.search.base import (
    METHODS,
    TRACE,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchTask,
)
from opscore.search.sampling import outcome
from opscore.settings import Settings
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import State
from opscore.supernets.training import steps_of_epoch

#: What a trained supernet and what is measured on it depend on.
USES = ("size", "images", "meaning", "dtype", "device", "training")

#: Images in a forward pass when an accuracy is measured (opscore.supernets.measure).
CHUNK = 64


class DARTS(Method):
    """argmax_o softmax(alpha_e)_o on every edge."""

    name = "darts"
    uses = USES

    def search(self, task: SearchTask) -> SearchOutcome:
        """The trained supernet is found again in ``settings.cache``."""
        start, context = time.perf_counter(), task.context
        theta = context.trained_supernet.theta()
        strongest = (
            row.topk(kept).indices.tolist() if kept > 1 else [int(row.argmax())]
            for row, kept in zip(theta, context.space.keeps, strict=True)
        )
        architecture = context.space.architecture(list(strongest))
        steps = training_minibatches(context.settings.profile, context.images, learned=True)
        cost = Cost(training_steps=steps, seconds=time.perf_counter() - start)
        return outcome({architecture: math.nan}, architecture, cost)


class PerturbationSelection(Method):
    """darts-pt; ``fixed`` keeps the alphas where they start."""

    uses = USES

    def __init__(self, fixed: bool) -> None:
        self.fixed = fixed
        self.name = "darts-pt-fixed-alpha" if fixed else "darts-pt"

    def search(self, task: SearchTask) -> SearchOutcome:
        """Each decision is a piece."""
        start = time.perf_counter()
        scoring = self._settings(task.settings)
        order = resolve_order(task.context.space, "random", task.seed)
        unit = ProgressiveUnit(scoring, "darts-pt", task.seed, order)
        steps = follow(unit, task.pieces)
        architecture = steps[-1].after
        cost = self._cost(scoring.profile, task.context.images, steps)
        found = outcome(
            {architecture: math.nan},
            architecture,
            replace(cost, seconds=time.perf_counter() - start),
        )
        return replace(found, trace=trace_of(steps))

    def _settings(self, settings: Settings) -> Settings:
        if not self.fixed:
            return settings
        return replace(settings, training=replace(settings.profile, alpha_learning_rate=0.0))

    def _cost(self, profile: TrainingProfile, images: ImageSet, steps: Sequence[Iteration]) -> Cost:
        """All open edges are scored at each decision, as the authors' runs do; all of it counts."""
        measured = sum(len(step.scores) for step in steps)
        count = profile.validation or count_of(images.halves(profile.images)[1])
        minibatches = measured * -(-count // CHUNK)
        training = training_minibatches(profile, images, learned=not self.fixed)
        return Cost(
            perturbations=measured,
            forward_passes=minibatches,
            training_steps=training
            + tuning_minibatches(profile, images, [step.after for step in steps[:-1]], self.fixed),
        )


def training_minibatches(profile: TrainingProfile, images: ImageSet, *, learned: bool) -> int:
    """Minibatches of a training from the start: two a step, one where alphas stay fixed."""
    steps = steps_of_epoch(images.halves(profile.images)[0], profile)
    return profile.epochs * steps * (2 if learned else 1)


def tuning_minibatches(
    profile: TrainingProfile, images: ImageSet, states: Sequence[State], fixed: bool
) -> int:
    """Minibatches of the retrainings under these states; a decided state has no alphas to move."""
    steps = profile.tuning_steps or steps_of_epoch(images.halves(profile.images)[0], profile)
    each = [1 if fixed or state.is_architecture else 2 for state in states]
    return profile.tuning_epochs * steps * sum(each)


def trace_of(steps: Sequence[Iteration]) -> pd.DataFrame:
    """The scores of every decision, a frame with columns TRACE."""
    parts = []
    for step in steps:
        here = step.scores["edge"] == step.edge
        kept = step.op_names
        parts.append(
            step.scores.assign(
                proposal=0,
                step=step.iteration,
                state=str(step.state),
                decided=here & step.scores["op"].isin(kept),
                **{"pass": here.astype("int64")},
            )
        )
    return schema.table(parts, TRACE)


METHODS.add(
    "darts", MethodFamily(lambda _: DARTS(), "the largest alpha on every edge"), source="liu2019"
)
METHODS.add(
    "darts-pt",
    MethodFamily(
        lambda _: PerturbationSelection(fixed=False),
        "perturbation of a trained supernet, retraining between decisions",
    ),
    source="wang2021",
)
METHODS.add(
    "darts-pt-fixed-alpha",
    MethodFamily(
        lambda _: PerturbationSelection(fixed=True),
        "darts-pt on a supernet whose alphas were never trained",
    ),
    source="wang2021",
)
