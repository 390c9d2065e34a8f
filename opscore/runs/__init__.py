"""The run store, grids over policies and seeds, and the calls that users make."""

from opscore.runs.grid import run_units
from opscore.runs.scoring import InitialResult, initial
from opscore.runs.store import RunStore

__all__ = ["InitialResult", "RunStore", "initial", "run_units"]
