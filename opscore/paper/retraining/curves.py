"""Case study: the supernet's accuracy after one edge is discretized, as retraining goes on.

The paper (section 3.2, appendix A.3): light operations recover first, and after enough retraining
all choices are about equally accurate. So disc-acc says how fast an operation trains rather than
how good the best network with it is.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress as reporting
from opscore.engine import training_network
from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.experiments.dependencies import network_key, start_key, training_key
from opscore.experiments.settings import place
from opscore.experiments.trained_supernets import trained_supernet
from opscore.images import load_images
from opscore.runs.loop import complete
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.settings import RunSettings, Settings
from opscore.spaces import State, get_space
from opscore.supernets import Supernet
from opscore.supernets.measure import accuracy, draw_validation
from opscore.supernets.training import tune
from opscore.typed import take_types

#: Every edge in turn, where an edge is asked for.
ALL = "all"

#: One row per (operation, epoch).
CURVES = {
    "seed": "int64",
    "edge": "int64",
    "op": "str",
    "epoch": "int64",  # epochs of retraining since the edge was discretized; 0 is none
    "accuracy": "float64",  # percent of the validation images; batch norm by batch statistics
    "train_loss": "float64",  # mean over the epoch's train batches; missing at epoch 0
    "seconds": "float64",  # wall time of the epoch
    "best_acc": "float64",  # the truth: best-acc of the operation on this edge, percent
}


@dataclass(frozen=True)
class RetrainingUnit(Run):
    """The curves of all operations of one edge, with one seed.

    Attributes:
        settings: resolved settings.
        seed: the run's seed.
        edge: index of an edge of A_0.
        epochs: epochs of retraining.
    """

    settings: Settings
    seed: int
    edge: int
    epochs: int

    def __post_init__(self) -> None:
        take_types(self, "seed", "edge", "epochs")

    @property
    def label(self) -> str:
        """What progress calls the run."""
        return reporting.label("retraining", self.seed)

    def key(self) -> dict[str, Any]:
        """What the curves depend on; the truth stands beside them and is not part of it."""
        return {
            **start_key("retraining", self.settings.space),
            **network_key(self.settings),
            **training_key(self.settings),
            "seed": self.seed,
            "edge": self.edge,
            "epochs": self.epochs,
        }

    def compute(self, pieces: Pieces) -> Outcome:
        """A curve for each operation, which is a piece; its training goes on after any epoch."""
        start = get_space(self.settings.space).initial_state()
        supernet: Supernet | None = None
        curves: dict[str, pd.DataFrame] = {}
        for op in reporting.each(start.remaining(self.edge), "operations"):
            name = start.space.operations[self.edge][op]
            curve = pieces.get(name)
            if curve is None:
                if supernet is None:
                    supernet = trained_supernet(self.settings, self.seed)
                state, checkpoint = start.discretize(self.edge, op), pieces.path(f"{name}.pt")
                curve = _retrain(supernet, self.settings, self.seed, state, self.epochs, checkpoint)
                pieces.put(name, curve)
                pieces.drop(f"{name}.pt")
            curves[name] = curve
        return Outcome(curves)


def retraining_curves(
    settings: Settings,
    edge: int | str,
    epochs: int,
    run: RunSettings | None = None,
) -> pd.DataFrame:
    """Accuracy of the trained supernet with an edge discretized to each operation, by epoch.

    All operations start from the same trained weights and alphas, see the same batches, those of
    disc-acc at iteration 0, and are measured on the same validation images.

    Args:
        settings: resolved settings; an epoch is as long as the profile's epochs of retraining.
        edge: an edge of A_0, by index or name; :data:`ALL` for each of them in turn.
        epochs: epochs of retraining.
        run: how it is carried out. A store keeps each operation's training after every epoch and
            its curve when it is finished; a run that was stopped goes on from there.

    Returns:
        A frame with columns :data:`CURVES`.

    Raises:
        UserError: the edge is unknown, or the number of epochs is below one.
    """
    if epochs < 1:
        raise UserError(f"retraining needs 1 epoch or more, got {epochs}")
    space = get_space(settings.space)
    edges = range(len(space.edges)) if edge == ALL else [space.edge_index(edge)]
    units = [
        RetrainingUnit(settings, seed, index, epochs) for seed in settings.seeds for index in edges
    ]
    outcomes = complete(units, run)
    table = ScoringContext(settings, 0).oracle.table()
    best = table.set_index(["edge", "op"])["best"].to_dict()
    curves = [
        curve.assign(seed=unit.seed, edge=unit.edge, op=name, best_acc=best[unit.edge, name])
        for unit, outcome in zip(units, outcomes, strict=True)
        for name in space.operations[unit.edge]
        if (curve := outcome.tables.get(name)) is not None
    ]
    return pd.concat(curves, ignore_index=True)[list(CURVES)].astype(CURVES)


def _retrain(
    trained: Supernet,
    settings: Settings,
    seed: int,
    state: State,
    epochs: int,
    checkpoint: Path | None,
) -> pd.DataFrame:
    """Epoch, accuracy, train_loss and seconds of one operation, epoch 0 first."""
    images = load_images(settings.images, settings.data_dir)
    supernet = deepcopy(trained)
    profile = settings.profile.with_tuning(epochs)
    # The images that the trainer's log is measured on, so that epoch 0 is on the same ones.
    batch = draw_validation(images, profile, seed, "log")
    batch = place(settings, batch)
    before = accuracy(supernet, batch, supernet.weights(state), chunk=profile.batch_size)
    log = tune(
        supernet,
        images,
        profile,
        seed,
        state=state,
        purpose=("retraining",),
        checkpoint=checkpoint,
        forward=training_network,
    ).rename(columns={"valid_accuracy": "accuracy"})
    first = {"epoch": 0, "accuracy": before, "train_loss": float("nan"), "seconds": 0.0}
    columns = list(first)
    return pd.concat([pd.DataFrame([first]), log[columns]], ignore_index=True)
