"""Tables in every form: what is declared once stands in all of them."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import dataclass
from urllib.parse import unquote

import pandas as pd
import pytest

from opscore.answers import FORMS, Answer, Column, Table, render
from opscore.answers.formats import html_of
from opscore.answers.page import MOST_ROWS, write_page
from opscore.answers.text import text_of
from opscore.answers.words import p_text
from opscore.errors import UserError

FRAME = pd.DataFrame({
    "name": ["a_1", "b|<2>"],
    "seed": pd.array([3, None], dtype="Int64"),
    "rho": [0.123456, -1.0],
    "low": [0.1, math.nan],
    "high": [0.2, math.nan],
    "p": [0.00001, 0.5],
    "p_least": [0.01, 0.02],
    "error": [6.284, 7.0],
    "std": [0.62, math.nan],
    "old": [0.25, math.nan],
})  # fmt: skip

COLUMNS = (
    Column("name", "what"),
    Column("seed", kind="whole", form="d"),
    Column("rho", "how\nfar", "number", "+.2f", below="old"),
    Column("low", "interval", "number", "+.2f", end="high"),
    Column("p", kind="p", least="p_least"),
    Column("error", kind="number", beside="std", unit=" %", detail=True),
    Column("not there"),
)


@dataclass(frozen=True, repr=False)
class Example(Answer):
    frame: pd.DataFrame

    def tables(self):
        return [Table("An example", COLUMNS, self.frame, caption="one\ntwo", best=True)]

    def notes(self):
        return ["rests on [nothing]"]

    def payload(self):
        return {"example": self.frame}

    def files(self):
        return {"example.csv": self.frame, "example.parquet": self.frame}


ANSWER = Example(FRAME)


@dataclass(frozen=True, repr=False)
class Listed(Example):
    columns: tuple[Column, ...]

    def tables(self):
        return [Table("", self.columns, self.frame)]


def cells(detail=False):
    return [[cell.line for cell in row] for row in ANSWER.tables()[0].rows(detail=detail)]


def test_cells_are_written_as_their_columns_say():
    first, second = cells()
    assert first == ["a_1", "3", "+0.12 (+0.25)", "+0.10 .. +0.20", "<.0001"]
    assert second == ["b|<2>", "-", "-1.00", "-", "0.5"]
    assert [row[-1] for row in cells(detail=True)] == ["6.28 % (0.62)", "7.00 %"]


def test_a_heading_has_the_least_value():
    table = ANSWER.tables()[0]
    assert [table.heading(column) for column in table.shown()][-1] == "p\n≥ 0.01"


def test_a_least_value_below_what_a_p_value_shows_is_a_number():
    frame = FRAME.assign(p_least=2.8e-7)
    table = Table("", COLUMNS, frame)
    assert [table.heading(column) for column in table.shown()][-1] == "p\n≥ 2.8e-07"


def test_a_page_says_what_it_leaves_out_and_its_download_has_all(tmp_path):
    long = pd.concat([FRAME] * (MOST_ROWS // 2 + 3), ignore_index=True)
    text = write_page(Example(long), tmp_path / "page.html", "long").read_text()
    assert text.count("<tr") == MOST_ROWS + 1
    assert "6 further rows are not shown" in text
    (download,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', text)
    assert len(unquote(download).splitlines()) == len(long) + 1


def test_text_shows_notes_tables_and_captions():
    text = text_of(ANSWER)
    for part in ("rests on [nothing]", "An example", "a_1", "+0.12", "+0.25", "one", "two"):
        assert part in text
    assert "6.28" not in text  # a detail
    assert repr(ANSWER) == text_of(ANSWER, 100).rstrip()


def test_repr_is_short():
    long = Example(pd.concat([FRAME] * 30, ignore_index=True))
    assert "40 further rows are not shown" in repr(long)
    assert len(repr(long).splitlines()) < 60
    assert "further rows" not in text_of(long)


@pytest.mark.parametrize("width", [44, 60])
def test_neither_words_nor_numbers_are_folded_where_there_is_room(width):
    frame = pd.DataFrame({"name": ["zero-cost-pt(nwot)"], "how": ["batch 64, V = 10"], "x": [1.25]})
    columns = (Column("name"), Column("how"), Column("x", "a heading", "number"))
    answer = text_of(Listed(frame, columns), width)
    assert max(map(len, answer.splitlines())) <= width
    assert "zero-cost-pt(nwot)" in answer
    assert "1.25" in answer
    assert ("batch 64, V = 10" in answer) == (width == 60)


def test_csv_has_the_numbers_as_they_are():
    read = pd.read_csv(io.StringIO(render(ANSWER, "csv")))
    expected = ["name", "seed", "rho", "old", "low", "high", "p", "error", "std"]
    assert list(read) == expected
    assert read["rho"].tolist() == FRAME["rho"].tolist()


def test_json_is_the_payload():
    rows = json.loads(render(ANSWER, "json"))["example"]
    assert [row["seed"] for row in rows] == [3, None]
    assert [list(row) for row in rows] == [list(FRAME)] * 2


def test_latex_is_escaped():
    text = render(ANSWER, "latex")
    assert r"a\_1 & \textbf{3}" in text
    assert r"b\textbar{}\textless{}2\textgreater{} & -" in text
    assert r"p $\geq$ 0.01 \\" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert "% rests on [nothing]" in text


def test_markdown_has_as_many_cells_in_each_row():
    lines = [line for line in render(ANSWER, "markdown").splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}
    assert len(lines) == 4


def test_html_is_escaped():
    page = html_of(ANSWER)
    assert "b|&lt;2&gt;" in page
    assert page.count("<td") == 10
    assert ANSWER._repr_html_() == page


def test_an_unknown_form_is_named_with_those_there_are():
    with pytest.raises(UserError, match="unknown format 'cvs'"):
        render(ANSWER, "cvs")


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_table_is_shown_in_every_form(form):
    assert render(Example(FRAME.head(0)), form)


def test_files_are_written(tmp_path):
    written = ANSWER.save(tmp_path)
    assert [path.name for path in written] == ["example.csv", "example.parquet", "croissant.json"]
    pd.testing.assert_frame_equal(pd.read_parquet(written[1]), FRAME)


def test_p_values_have_two_digits():
    assert [p_text(p) for p in (0.0123, 0.5, 1.0, 0.0, math.nan)] == [
        "0.012", "0.5", "1", "<.0001", "-",
    ]  # fmt: skip
