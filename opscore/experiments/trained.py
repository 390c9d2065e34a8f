"""Trained supernets: trained once for each seed, then found."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from opscore._version import __version__
from opscore.experiments.settings import DTYPES, ScoringSettings
from opscore.images import load_images
from opscore.isolation import isolated
from opscore.supernets import Supernet, build_supernet, images_for, load_checkpoint
from opscore.supernets.training import OnEpoch, train


@isolated()
def trained_supernet(
    settings: ScoringSettings, seed: int, progress: OnEpoch | None = None
) -> Supernet:
    """The settings' checkpoint, or a supernet of this seed after training; a copy to work on.

    With ``settings.cache`` a training is written there after each epoch, goes on from there when
    it was stopped, and is found there when it is finished. Processes that need the same one wait
    for the first of them.

    Args:
        settings: resolved settings.
        seed: the run's seed.
        progress: called after each epoch that is trained.
    """
    if settings.checkpoint is not None:
        supernet = load_checkpoint(settings.checkpoint, settings.space).eval()
        return supernet.to(settings.device, DTYPES[settings.dtype])
    path = checkpoint_path(settings, seed)
    if path is None:
        return deepcopy(_trained_in_memory(_Training(settings, seed, progress)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        return _Training(settings, seed, progress).run(path)


def checkpoint_path(settings: ScoringSettings, seed: int) -> Path | None:
    """Where the checkpoint of this training is, or would be; None without a cache.

    :func:`opscore.supernets.training.read_checkpoint` reads it: its 'log' tells losses and
    accuracies of each epoch.
    """
    if settings.cache is None:
        return None
    return settings.cache / f"supernet-{_Training(settings, seed).hash}.pt"


class _Training:
    """One training, equal to another when it would give the same supernet."""

    def __init__(
        self, settings: ScoringSettings, seed: int, progress: OnEpoch | None = None
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.progress = progress
        text = json.dumps(self._key(settings, seed), sort_keys=True)
        self.hash = hashlib.sha256(text.encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Training) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def run(self, path: Path | None) -> Supernet:
        settings = self.settings
        images = images_for(settings.space, settings.images, settings.data_dir)
        supernet = build_supernet(
            settings.space, settings.size, seed=self.seed, n_classes=images.n_classes
        ).to(settings.device, DTYPES[settings.dtype])
        train(
            supernet,
            images,
            settings.profile,
            self.seed,
            checkpoint=path,
            progress=self.progress,
        )
        return supernet

    @staticmethod
    def _key(settings: ScoringSettings, seed: int) -> dict[str, Any]:
        return {
            "opscore": __version__,
            "space": settings.space,
            "size": settings.size,
            "dtype": settings.dtype,
            "device": settings.device.partition(":")[0],
            "images": settings.images,
            "pixels": image_fingerprint(settings.images, settings.data_dir),
            "training": settings.profile.training_key(),
            "seed": seed,
        }


@lru_cache(maxsize=4)
def _trained_in_memory(training: _Training) -> Supernet:
    return training.run(None)


@lru_cache(maxsize=8)
def image_fingerprint(name: str, data_dir: Path | None) -> str:
    """A hash of the first pixels that an image set gives: which images these were."""
    batch = load_images(name, data_dir).minibatch(16, 0, "fingerprint", augment=False)
    return hashlib.sha256(batch.images.numpy().tobytes()).hexdigest()[:16]
