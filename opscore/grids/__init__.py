"""Grids: spaces x policies x settings x seeds as one file, run cell by cell by workers."""

from opscore.grids.call import BatchResult, batch, planned
from opscore.grids.grid import Grid, GridCell

__all__ = ["BatchResult", "Grid", "GridCell", "batch", "planned"]
