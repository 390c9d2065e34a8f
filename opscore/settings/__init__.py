"""Settings, each declared once: the command line, TOML files and Python read these fields.

A field has its type, its default and, in :class:`opscore.typed.Help`, the one text that says what
it is; nothing else describes it. What opens files or needs torch is not here but beside what uses
it, such as :func:`opscore.experiments.settings.resolve`.
"""

from opscore.settings.groups import (
    NO_TRUTH,
    ArithmeticSettings,
    ImageSettings,
    Meaning,
    NetworkSettings,
    OracleSettings,
    Precision,
    ProgressiveSettings,
    Prove,
    RunSettings,
    ScoringSettings,
    SearchSettings,
    Settings,
    Survivors,
)
from opscore.settings.keywords import takes

__all__ = [
    "NO_TRUTH",
    "ArithmeticSettings",
    "ImageSettings",
    "Meaning",
    "NetworkSettings",
    "OracleSettings",
    "Precision",
    "ProgressiveSettings",
    "Prove",
    "RunSettings",
    "ScoringSettings",
    "SearchSettings",
    "Settings",
    "Survivors",
    "takes",
]
