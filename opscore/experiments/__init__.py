"""What a run is made of: settings, units, and the scoring of one unit."""

from opscore.experiments.initial import ScoringContext, Unit, score_table, score_unit, units
from opscore.experiments.settings import OracleSettings, ScoringSettings, resolve_device

__all__ = [
    "OracleSettings",
    "ScoringContext",
    "ScoringSettings",
    "Unit",
    "resolve_device",
    "score_table",
    "score_unit",
    "units",
]
