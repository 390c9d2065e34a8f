"""The run store, grids over policies and seeds, and the calls that users make."""

from opscore.runs.following import progressive
from opscore.runs.grid import run_units
from opscore.runs.progressive_result import ProgressiveResult
from opscore.runs.scoring import InitialResult, initial
from opscore.runs.store import RunStore

__all__ = [
    "InitialResult",
    "ProgressiveResult",
    "RunStore",
    "initial",
    "progressive",
    "run_units",
]
