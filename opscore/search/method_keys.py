"""What a search depends on, as plain values: its name on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opscore.experiments import ScoringContext
from opscore.experiments.dependencies import (
    arithmetic_key,
    image_key,
    image_size_key,
    named_key,
    ntk_key,
    oracle_key,
    precision_key,
    survivors_key,
    training_key,
)
from opscore.experiments.dependencies import start_key as start
from opscore.fingerprint import fingerprint
from opscore.search.base import METHODS, Method
from opscore.settings import SearchSettings
from opscore.supernets import network_version

#: Entries of a key that stand for networks, which have a version.
_NETWORKS = frozenset({"size", "images", "dtype"})


def search_key(method: Method, settings: SearchSettings, seed: int | None) -> dict[str, Any]:
    """What one search's result depends on; its hash names the run.

    Args:
        method: the method.
        settings: resolved settings.
        seed: None for a method without draws.
    """
    return _key("search", method, method.key(settings), settings, seed)


def piece_key(method: Method, settings: SearchSettings, seed: int | None) -> dict[str, Any]:
    """What the finished pieces of a search depend on, which searches with other N and V share."""
    return _key("search-pieces", method, method.piece_key(settings), settings, seed)


def _key(
    kind: str, method: Method, used: Mapping[str, Any], settings: SearchSettings, seed: int | None
) -> dict[str, Any]:
    name, _, argument = method.name.partition("(")
    argument = argument.removesuffix(")")
    key: dict[str, Any] = {**start(kind, settings.space), "method": method.name, "seed": seed}
    key |= {name: value for name, value in used.items() if name not in {"oracle", "training"}}
    if name not in METHODS or METHODS.is_from_outside(name):
        version = METHODS[name].version if name in METHODS else None
        key["method_code"] = version or fingerprint(method)
    key |= named_key(argument)
    if _NETWORKS & key.keys():
        key["networks"] = network_version(settings.space)
    if "images" in key:
        key |= image_key(settings.images, settings.data_dir)
    if key.keys() & {"images", "dtype"}:
        key |= image_size_key(settings)
    if "dtype" in key:
        key |= precision_key(settings)
    if "meaning" in key:
        key |= survivors_key(settings, argument) | ntk_key(settings, name, argument)
    if "device" in key:
        key["device"] = arithmetic_key(settings)["device"]
    if "training" in used:
        key |= training_key(settings)
    if "oracle" in used:
        key |= oracle_key(ScoringContext(settings, 0).oracle)
    return key
