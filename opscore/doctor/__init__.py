"""Whether this installation can do its work: what is there, what is missing, and how to get it."""

from opscore.doctor.checks import Check, can_run, examine, table_of

__all__ = ["Check", "can_run", "examine", "table_of"]
