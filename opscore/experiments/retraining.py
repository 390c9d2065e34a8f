"""Case study: the supernet's accuracy after one edge is discretized, as retraining goes on.

The paper (section 3.2, appendix A.3): light operations recover first, and after enough retraining
all choices are about equally accurate. So disc-acc says how fast an operation trains rather than
how good the best network with it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from opscore._version import __version__
from opscore.data.files import file_hash, write_table
from opscore.errors import UserError
from opscore.experiments.initial import ScoringContext
from opscore.experiments.settings import DTYPES, ScoringSettings
from opscore.experiments.trained import image_fingerprint, trained_supernet
from opscore.images import load_images
from opscore.progress import each
from opscore.spaces import State, get_space
from opscore.supernets import Supernet
from opscore.supernets.measure import accuracy, draw_validation
from opscore.supernets.training import tune

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

#: Called with (operation, epoch) after each epoch.
OnRetrained = Callable[[str, int], object]


def retraining_curves(
    settings: ScoringSettings,
    seed: int,
    edge: int | str,
    epochs: int,
    *,
    folder: Path | None = None,
    progress: OnRetrained | None = None,
) -> pd.DataFrame:
    """Accuracy of the trained supernet with an edge discretized to each operation, by epoch.

    All operations start from the same trained weights and alphas, see the same batches, those of
    disc-acc at iteration 0, and are measured on the same validation images.

    Args:
        settings: resolved settings; an epoch is as long as the profile's epochs of retraining.
        seed: the run's seed.
        edge: an edge of A_0, by index or name.
        epochs: epochs of retraining.
        folder: where each operation's training is kept after every epoch and its curve when it is
            finished; a run that was stopped goes on from there. None keeps nothing.
        progress: called after each epoch.

    Returns:
        A frame with columns :data:`CURVES`.

    Raises:
        UserError: the edge is unknown, or the number of epochs is below one.
    """
    if epochs < 1:
        raise UserError(f"retraining needs 1 epoch or more, got {epochs}")
    space = get_space(settings.space)
    place = space.edge_index(edge)
    start = space.initial_state()
    own = None if folder is None else folder / _name(settings, seed, place, epochs)
    truth = dict(zip(space.operations[place], _best_accuracies(settings, place), strict=True))
    supernet: Supernet | None = None
    curves = []
    for op in each(start.remaining(place), "operations"):
        name = space.operations[place][op]
        finished = None if own is None else own / f"{name}.parquet"
        if finished is not None and finished.is_file():
            curve = pd.read_parquet(finished)
        else:
            if supernet is None:
                supernet = trained_supernet(settings, seed)
            checkpoint = None if own is None else own / f"{name}.pt"
            state = start.discretize(place, op)
            tell = None if progress is None else partial(_tell, progress, name)
            curve = _retrain(supernet, settings, seed, state, epochs, checkpoint, tell)
            _keep(curve, finished, checkpoint)
        curves.append(curve.assign(seed=seed, edge=place, op=name, best_acc=truth[name]))
    return pd.concat(curves, ignore_index=True)[list(CURVES)].astype(CURVES)


def _retrain(
    trained: Supernet,
    settings: ScoringSettings,
    seed: int,
    state: State,
    epochs: int,
    checkpoint: Path | None,
    progress: Callable[[dict[str, float]], object] | None,
) -> pd.DataFrame:
    """Epoch, accuracy, train_loss and seconds of one operation, epoch 0 first."""
    images = load_images(settings.images, settings.data_dir)
    supernet = deepcopy(trained)
    profile = settings.profile.with_tuning(epochs)
    # The images that the trainer's log is measured on, so that epoch 0 is on the same ones.
    batch = draw_validation(images, profile, seed, "log")
    batch = batch.to(settings.device, DTYPES[settings.dtype])
    before = accuracy(supernet, batch, supernet.weights(state), chunk=profile.batch_size)
    log = tune(
        supernet,
        images,
        profile,
        seed,
        state=state,
        purpose=("retraining",),
        checkpoint=checkpoint,
        progress=progress,
    ).rename(columns={"valid_accuracy": "accuracy"})
    first = {"epoch": 0, "accuracy": before, "train_loss": float("nan"), "seconds": 0.0}
    columns = list(first)
    return pd.concat([pd.DataFrame([first]), log[columns]], ignore_index=True)


def _tell(progress: OnRetrained, op: str, row: dict[str, float]) -> None:
    progress(op, int(row["epoch"]))


def _keep(curve: pd.DataFrame, finished: Path | None, checkpoint: Path | None) -> None:
    """Write a finished curve, and drop the checkpoint that was only needed to go on."""
    if finished is None or checkpoint is None:
        return
    write_table(finished, curve)
    checkpoint.unlink(missing_ok=True)


def _best_accuracies(settings: ScoringSettings, edge: int) -> list[float]:
    oracle = ScoringContext(settings, 0).oracle
    start = oracle.space.initial_state()
    return [oracle.best(start.discretize(edge, op)) for op in start.remaining(edge)]


def _name(settings: ScoringSettings, seed: int, edge: int, epochs: int) -> str:
    """A folder's name: a hash of all that the curves depend on."""
    key: dict[str, Any] = {
        "opscore": __version__,
        "space": settings.space,
        "size": settings.size,
        "dtype": settings.dtype,
        "device": settings.device.partition(":")[0],
        "checkpoint": None if settings.checkpoint is None else file_hash(settings.checkpoint),
        "images": settings.images,
        "pixels": image_fingerprint(settings.images, settings.data_dir),
        "training": asdict(settings.profile),
        "seed": seed,
        "edge": edge,
        "epochs": epochs,
    }
    text = json.dumps(key, sort_keys=True)
    return f"retraining-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
