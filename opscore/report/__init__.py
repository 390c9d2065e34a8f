"""One page of a run store: what was run and with what, what came out, what failed."""

from opscore.report.page import Report, report, write_report

__all__ = ["Report", "report", "write_report"]
