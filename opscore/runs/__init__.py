"""The run store: a run is found or computed, in workers, piece by piece; and the users' calls.

The machinery (fingerprint, store, run, workers) lies below experiments and search, which use it;
the calls are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opscore.runs.following import progressive
    from opscore.runs.progressive_result import ProgressiveResult
    from opscore.runs.scoring import InitialResult, initial
    from opscore.runs.store import RunStore

_PLACES = {
    "InitialResult": "scoring",
    "ProgressiveResult": "progressive_result",
    "RunStore": "store",
    "initial": "scoring",
    "progressive": "following",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'opscore.runs' has no attribute '{name}'")
    return getattr(import_module(f"opscore.runs.{_PLACES[name]}"), name)


__all__ = ["InitialResult", "ProgressiveResult", "RunStore", "initial", "progressive"]
