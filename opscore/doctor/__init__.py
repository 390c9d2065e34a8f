"""Whether this installation can do its work: what is there, what is missing, and how to get it."""

from opscore.doctor.checks import Check, can_run, examine, guarded, table_of
from opscore.doctor.golden import golden_checks, golden_scores

__all__ = [
    "Check",
    "can_run",
    "examine",
    "golden_checks",
    "golden_scores",
    "guarded",
    "table_of",
]
