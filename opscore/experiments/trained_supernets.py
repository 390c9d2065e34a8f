"""Trained supernets: trained once for each seed, then found."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from opscore import progress as reporting
from opscore.engine import training_network
from opscore.experiments.dependencies import image_key, network_key, start_key
from opscore.experiments.settings import image_set, place
from opscore.fingerprint import hash_of
from opscore.isolation import isolated
from opscore.runs.run import Run, work
from opscore.runs.store import Outcome, Pieces, RunStore, held
from opscore.settings import Settings
from opscore.supernets import Supernet, build_supernet, load_checkpoint
from opscore.supernets.training import train

#: The file with the supernet, its optimisers and its log.
CHECKPOINT = "supernet.pt"


@isolated()
def trained_supernet(settings: Settings, seed: int) -> Supernet:
    """The settings' checkpoint, or a supernet of this seed after training; a copy to work on.

    With ``settings.cache`` a training is written there after each epoch, goes on from there when
    it was stopped, and is found there when it is finished. Processes that need the same one wait
    for the first of them.
    """
    if settings.checkpoint is not None:
        supernet = load_checkpoint(settings.checkpoint, settings.space).eval()
        return place(settings, supernet)
    training = SupernetTraining(settings, seed)
    if settings.cache is None:
        return deepcopy(_trained_in_memory(training))
    store, key = RunStore(settings.cache), training.key()
    folder = store.path(key)
    with held(folder / ".training.lock"):
        if store.outcome(key) is None:
            work(training, store, key)
        return training.run(folder / CHECKPOINT)


class SupernetTraining(Run):
    """One training of a supernet, equal to another when it would give the same supernet."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.seed = seed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SupernetTraining) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(hash_of(self.key()))

    @property
    def label(self) -> str:
        """What progress calls the training."""
        return reporting.label("training", self.seed)

    def key(self) -> dict[str, Any]:
        """What the trained supernet depends on; how it is retrained later is not part of it."""
        settings = self.settings
        schedule = settings.profile.training_key()
        return {
            **start_key("supernet", settings.space),
            **network_key(settings),
            **image_key(settings.images, settings.data_dir),
            "training": {name: value for name, value in schedule.items() if name != "name"},
            "seed": self.seed,
        }

    def compute(self, pieces: Pieces) -> Outcome:
        """Train on from the last epoch that is kept."""
        path = pieces.path(CHECKPOINT)
        self.run(path)
        return Outcome({}, files=() if path is None else (CHECKPOINT,))

    def run(self, path: Path | None) -> Supernet:
        """The supernet, trained on from the checkpoint at the path, or found whole there."""
        settings = self.settings
        images = image_set(settings)
        fresh = build_supernet(
            settings.space, settings.size, seed=self.seed, n_classes=images.n_classes
        )
        supernet = place(settings, fresh)
        train(
            supernet, images, settings.profile, self.seed, checkpoint=path, forward=training_network
        )
        return supernet


@lru_cache(maxsize=4)
def _trained_in_memory(training: SupernetTraining) -> Supernet:
    return training.run(None)
