"""Progressive scoring (section 3.2): steps along a search, and what a call returns."""

from opscore.experiments.progressive.iterations import (
    Iteration,
    Order,
    ProgressiveUnit,
    follow,
    progressive_units,
)

__all__ = ["Iteration", "Order", "ProgressiveUnit", "follow", "progressive_units"]
