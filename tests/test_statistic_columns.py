"""A statistic is declared once and computed once; everything that shows agreement shows it."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

import opscore
from opscore import schema
from opscore.analysis import Correlation
from opscore.cli.tables import agreement_table, correlation_table
from opscore.experiments.initial import tasks
from opscore.paper.figure2 import figure2
from opscore.report.page import report

TAU = schema.Statistic("tau", "number", "tau", "another way to count agreement", heading="tau")


@pytest.fixture
def with_tau(monkeypatch):
    """The statistic, declared and computed."""
    monkeypatch.setattr(schema, "STATISTICS", (*schema.STATISTICS, TAU))
    monkeypatch.setitem(schema.CORRELATION, TAU.name, TAU.dtype)
    monkeypatch.setitem(tasks.TASKS, TAU.name, TAU.dtype)
    row = Correlation._row
    monkeypatch.setattr(
        Correlation,
        "_row",
        lambda self, policy, *more: {**row(self, policy, *more), "tau": 0.125},
    )


def text_of(table) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_a_new_statistic_shows_up_everywhere(with_tau, tmp_path):
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "store": tmp_path}
    result = opscore.initial(["random"], **small)
    shown = correlation_table(result.against(), {}, result.edge_specific)
    for table in (shown, agreement_table(result.correlation)):
        assert "tau" in text_of(table)
        assert "+0.12" in text_of(table) or "+0.13" in text_of(table)
    (section,) = report(tmp_path).sections
    (agreement,) = [one for one in section.tables if one.caption.startswith("Agreement")]
    assert TAU.about in [column.about for column in agreement.columns]
    assert (opscore.compare_spaces().tasks["tau"] == 0.125).all()
    measured = figure2().left.query("source != 'published'")
    assert (measured["tau"] == 0.125).all()


def test_each_statistic_has_a_column_and_each_column_a_statistic():
    assert list(schema.CORRELATION) == [*schema.PAIR, *(one.name for one in schema.STATISTICS)]
    names = {one.name for one in schema.STATISTICS}
    for one in schema.STATISTICS:
        assert {one.end, one.least} - {""} <= names
    assert schema.conform(pd.DataFrame(columns=list(schema.CORRELATION)), "correlation").empty
