"""The run store: a run is found or computed, in workers, piece by piece.

experiments, search and paper lie above this room; their runs are kept by it.
"""

from opscore.runs.store import RunStore

__all__ = ["RunStore"]
