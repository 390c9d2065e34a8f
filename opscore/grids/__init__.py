"""Grids: spaces x policies x settings x seeds as one file, run cell by cell by workers."""

from opscore.grids.call import BatchResult, batch, planned
from opscore.grids.grid import Cell, Grid

__all__ = ["BatchResult", "Cell", "Grid", "batch", "planned"]
