"""Whether this installation can do its work: what is there, what is missing, and how to get it."""

from opscore.doctor.check import CHECKS, Check, can_run, table_of
from opscore.doctor.examine import examine

__all__ = ["CHECKS", "Check", "can_run", "examine", "table_of"]
