"""What a run is made of: settings, units, and the scoring of one unit."""

from opscore.experiments.evaluate import evaluate_proxies, proxy_correlations
from opscore.experiments.initial.units import (
    ScoringContext,
    Unit,
    score_table,
    tabulate,
    units,
)
from opscore.experiments.progressive.iterations import (
    Iteration,
    ProgressiveUnit,
    follow,
    progressive_units,
)
from opscore.experiments.settings import resolve
from opscore.settings import OracleSettings, ProgressiveSettings, ScoringSettings

__all__ = [
    "Iteration",
    "OracleSettings",
    "ProgressiveSettings",
    "ProgressiveUnit",
    "ScoringContext",
    "ScoringSettings",
    "Unit",
    "evaluate_proxies",
    "follow",
    "progressive_units",
    "proxy_correlations",
    "resolve",
    "score_table",
    "tabulate",
    "units",
]
