"""What a search depends on, as plain values: its name on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opscore._version import __version__
from opscore.experiments import ScoringContext
from opscore.experiments.trained import image_fingerprint
from opscore.search.base import Method, SearchSettings


def search_key(method: Method, settings: SearchSettings, seed: int | None) -> dict[str, Any]:
    """What one search's result depends on; its hash names the run.

    Args:
        method: the method.
        settings: resolved settings.
        seed: None for a method without draws.
    """
    return _key("search", method, method.key(settings), settings, seed)


def piece_folder(root: Path, method: Method, settings: SearchSettings, seed: int | None) -> Path:
    """The folder of a search's finished pieces."""
    key = _key("search-pieces", method, method.piece_key(settings), settings, seed)
    text = json.dumps(key, sort_keys=True, default=str)
    return root / f"search-pieces-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _key(
    kind: str,
    method: Method,
    used: Mapping[str, Any],
    settings: SearchSettings,
    seed: int | None,
) -> dict[str, Any]:
    key: dict[str, Any] = {
        "kind": kind,
        "opscore": __version__,
        "space": settings.space,
        "method": method.name,
        "seed": seed,
        **used,
    }
    if "images" in key:
        key["pixels"] = image_fingerprint(settings.images, settings.data_dir)
    if "dtype" in key:
        key |= settings.scoring().precision_key
    if "device" in key:
        key["device"] = settings.device.partition(":")[0]
    if "training" in key:
        key["training"] = asdict(settings.scoring().profile)
    if "oracle" in key:
        oracle = ScoringContext(settings.scoring(), 0).oracle
        key["oracle"] = {**asdict(settings.oracle), "table": oracle.describe()}
    return key
