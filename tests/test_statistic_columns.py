"""A statistic is declared once and computed once; everything that shows agreement shows it."""

from __future__ import annotations

import pandas as pd
import pytest

import opscore
from opscore import schema
from opscore.analysis import Correlation
from opscore.answers import FORMS, Column, render
from opscore.experiments import OracleSettings
from opscore.experiments.initial import tasks
from opscore.paper.figure2 import figure2
from opscore.paper.measured import shipped
from opscore.report.page import report

TAU = Column("tau", "tau", "number", "+.2f", about="another way to count agreement")


@pytest.fixture
def with_tau(monkeypatch):
    """The statistic, declared and computed."""
    monkeypatch.setattr(schema, "STATISTICS", (*schema.STATISTICS, TAU))
    for table in (schema.CORRELATION, tasks.TASKS):
        monkeypatch.setitem(table, "tau", "float64")
    row = Correlation._row
    monkeypatch.setattr(
        Correlation,
        "_row",
        lambda self, policy, *more: {**row(self, policy, *more), "tau": 0.125},
    )


def test_a_new_statistic_shows_up_everywhere(with_tau, tmp_path):
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "store": tmp_path}
    result = opscore.initial(["random"], **small)
    without = opscore.initial(
        ["random", "op-params"], **small, oracle=OracleSettings(source="none")
    )
    for answer in (result, without):
        for form in FORMS:
            assert "tau" in render(answer, form)
            assert "0.12" in render(answer, form)
    sections = report(tmp_path).sections
    assert len(sections) == 2  # one for each call
    for section in sections:
        assert TAU.about in [column.about for column in section.tables[0].shown()]
    assert (opscore.compare_spaces([result]).tasks["tau"] == 0.125).all()
    measured = figure2(shipped()[:1]).left.query("source != 'published'")
    assert (measured["tau"] == 0.125).all()


def test_each_statistic_has_a_column_and_each_column_a_statistic():
    names = [name for one in schema.STATISTICS for name in one.dtypes]
    assert list(schema.CORRELATION) == [*schema.PAIR, *names]
    assert schema.conform(pd.DataFrame(columns=list(schema.CORRELATION)), "correlation").empty
