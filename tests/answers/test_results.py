"""What calls return shows itself: in a terminal, in a notebook, in files."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from running import run

import opscore
from opscore.answers import FORMS, render
from opscore.answers.words import one_line
from opscore.paper.toy_model.result import shipped_toy_model

RESULTS = {
    "toy": shipped_toy_model,
    "cost": opscore.search_cost,
    "orders": opscore.table5,
    "truth": lambda: opscore.load_oracle(source="anb"),
}


@pytest.fixture(params=RESULTS)
def result(request):
    return RESULTS[request.param]()


def test_its_repr_has_the_tables_and_what_they_rest_on(result):
    text = one_line(repr(result))
    for table in result.tables():
        assert one_line(table.title) in text
        assert next(table.rows())[0].text[:10] in text
    assert one_line(result.notes()[0])[:40] in text


def test_a_notebook_shows_the_same(result):
    page = result._repr_html_()
    assert page.count("<table>") == len(result.tables())
    assert page.count('src="data:image/png;base64,iVBOR') == len(result.pictures()[:1])
    assert page.count("<tr>") == sum(1 + len(table.frame) for table in result.tables())


def test_its_csv_has_all_rows_and_exact_numbers(result):
    (table,) = result.tables()
    read = pd.read_csv(io.StringIO(render(result, "csv")))
    assert len(read) == len(table.frame)
    for column in table.shown(detail=True):
        if column.kind == "number":
            expected = table.frame[column.name].to_numpy(dtype=float)
            assert read[column.name].to_numpy(dtype=float) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_command_prints_the_form_that_is_asked_for(capsys, tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "oracle", "--source", "anb", "--format", form)
    assert (code, err) == (0, "")
    if form != "text":
        assert out == render(RESULTS["truth"](), form)


def test_json_is_short_for_its_format(capsys):
    asked = run(capsys, "methods", "--json"), run(capsys, "methods", "--format", "json")
    assert asked[0] == asked[1]
    assert list(json.loads(asked[0][1])) == ["methods"]


@pytest.mark.parametrize("asked", [("--format", "cvs"), ("--format", "csv", "--json")])
def test_a_wrong_form_is_one_line(capsys, asked):
    code, out, err = run(capsys, "methods", *asked)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "csv" in err
