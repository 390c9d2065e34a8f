"""Progressive scoring (section 3.2): steps along a search, and what a call returns."""

from opscore.experiments.progressive.steps import (
    Order,
    ProgressiveUnit,
    Step,
    follow,
    progressive_units,
)

__all__ = ["Order", "ProgressiveUnit", "Step", "follow", "progressive_units"]
