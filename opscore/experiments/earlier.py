"""Names of runs in stores of version 1, which opscore 0.1.0 wrote: their keys, kept as they were.

Those keys named images by a hash of 16 of them, without labels, and said nothing of code. A run is
taken over when it depends on nothing but this package's own code, and its 16 images are the same.
Runs that read the oracle are computed again: their keys held a sentence about it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from opscore.data.files import file_hash
from opscore.data.tables import DamagedTableError, read_checked
from opscore.experiments.dependencies import policy_key, start_key, survivors_key
from opscore.experiments.settings import ScoringSettings
from opscore.images import IMAGE_SETS, image_content, load_images
from opscore.policies import find_family
from opscore.runs.store import RECORD_FILE, RunStore
from opscore.supernets import network_version

#: The version that a key named.
VERSION = "0.1.0"


def name_of(key: Mapping[str, Any], prefix: str | None = None) -> str:
    """The name of a run's folder or file; ``prefix`` is the key's kind by default."""
    text = json.dumps(key, sort_keys=True, default=str)
    start = prefix or str(key.get("kind", "run"))
    return f"{start}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def pixels(name: str, data_dir: Path | None) -> str | None:
    """The hash of 16 images; None for a set that was registered from outside."""
    return (
        None
        if IMAGE_SETS.is_from_outside(name)
        else _pixels(name, data_dir, image_content(name, data_dir))
    )


@lru_cache(maxsize=8)
def _pixels(name: str, data_dir: Path | None, content: str) -> str:
    batch = load_images(name, data_dir).minibatch(16, 0, "fingerprint", augment=False)
    return hashlib.sha256(batch.images.numpy().tobytes()).hexdigest()[:16]


def read_record(folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a finished run; None when there is none, or it is of another key."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD_FILE).read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("key") == json.loads(json.dumps(dict(key), default=str)) else None


def read_tables(folder: Path, names: tuple[str, ...]) -> dict[str, pd.DataFrame] | None:
    """Tables of a folder by name; None when one is not there, or not readable."""
    try:
        return {name: read_checked(folder / f"{name}.parquet") for name in names}
    except (OSError, DamagedTableError):
        return None


def finished_tables(
    store: RunStore, key: Mapping[str, Any] | None, names: tuple[str, ...] = ("scores",)
) -> dict[str, pd.DataFrame] | None:
    """Tables of a run that version 1 of the store has finished; None when it has not."""
    if key is None:
        return None
    folder = store.root / name_of(key)
    return None if read_record(folder, key) is None else read_tables(folder, names)


def unit_key(
    settings: ScoringSettings, policy: str, seed: int | None, kind: str = "initial"
) -> dict[str, Any] | None:
    """The key of a policy's scores; None where it is not taken over."""
    uses = find_family(policy)[0].policy.uses
    if "oracle" in uses or settings.image_size is not None or not _is_own(settings, policy):
        return None
    key: dict[str, Any] = {
        "kind": kind,
        "opscore": VERSION,
        "schema": 1,
        "space": settings.space,
        "policy": policy,
        "seed": seed,
    }
    if uses & {"supernet", "trained"}:
        key |= {
            "size": settings.size if settings.checkpoint is None else None,
            "checkpoint": None if settings.checkpoint is None else file_hash(settings.checkpoint),
            "meaning": settings.meaning,
            "dtype": settings.dtype,
            "device": settings.device.partition(":")[0],
        }
    if "supernet" in uses:
        key |= settings.precision_key
    drawn = settings.batch_file is None
    if "batch" in uses:
        key |= {
            "images": settings.images if drawn else None,
            "batch_size": settings.batch_size if drawn else None,
            "batch_file": None if settings.batch_file is None else file_hash(settings.batch_file),
        }
    if "trained" in uses:
        key |= {"training": profile(settings), "images": settings.images}
    if key.get("images") is not None:
        if (found := pixels(settings.images, settings.data_dir)) is None:
            return None
        key["pixels"] = found
    return key


def _is_own(settings: ScoringSettings, policy: str) -> bool:
    """Whether scores depend on nothing from outside, and on networks as they were in version 1."""
    key = {**start_key("", settings.space), **policy_key(policy)}
    key |= survivors_key(settings, find_family(policy)[1])
    if network_version(settings.space) != "1":
        return False
    return not key.keys() & {"space_content", "policy_code", "proxy_code", "proxy_weights"}


def profile(settings: ScoringSettings) -> dict[str, Any]:
    """A training profile as version 1 wrote it."""
    return asdict(settings.profile)


def training_name(settings: ScoringSettings, seed: int) -> str | None:
    """The file name of a trained supernet; None where it is not taken over."""
    found = pixels(settings.images, settings.data_dir)
    key = {
        "opscore": VERSION,
        "space": settings.space,
        "size": settings.size,
        "dtype": settings.dtype,
        "device": settings.device.partition(":")[0],
        "images": settings.images,
        "pixels": found,
        "training": settings.profile.training_key(),
        "seed": seed,
    }
    if found is None or settings.image_size is not None:
        return None
    return f"{name_of(key, 'supernet')}.pt"


def retraining_name(settings: ScoringSettings, seed: int, edge: int, epochs: int) -> str | None:
    """The folder name of an edge's retraining curves; None where it is not taken over."""
    found = pixels(settings.images, settings.data_dir)
    key = {
        "opscore": VERSION,
        "space": settings.space,
        "size": settings.size,
        "dtype": settings.dtype,
        "device": settings.device.partition(":")[0],
        "checkpoint": None if settings.checkpoint is None else file_hash(settings.checkpoint),
        "images": settings.images,
        "pixels": found,
        "training": profile(settings),
        "seed": seed,
        "edge": edge,
        "epochs": epochs,
    }
    if found is None or settings.image_size is not None:
        return None
    return name_of(key, "retraining")
