"""Initial scoring (section 3.2, iteration 0): its units, and what a call returns."""

from opscore.experiments.initial.units import (
    ScoringContext,
    Unit,
    score_table,
    score_unit,
    tabulate,
    units,
)

__all__ = ["ScoringContext", "Unit", "score_table", "score_unit", "tabulate", "units"]
