"""The numbers of README and docs are those of the records; and how they are filled in."""

import os

import pytest

#: Values that take most of the time of all: 'make test-all' and 'make docs-check' have them.
SLOW = (
    *("proxy-and-accuracy", "spaces-table", "truths-table"),
    *("development-table", "held-out-pair", "held-out-table", "robustness-table"),
    *("references-table", "samples-table", "trained-table", "parameters"),
    "between-trainings",
)

#: How those of the board begin, which bootstraps: they are late too, together.
BOARD = "board-"


@pytest.mark.parametrize(
    "left_out", [SLOW, pytest.param((), marks=pytest.mark.exhaustive)], ids=["most", "all"]
)
def test_no_page_is_stale(make, monkeypatch, left_out):
    def slow(*arguments):
        raise make.MissingError("slow")

    board = [name for name in make.VALUES if name.startswith(BOARD)] if left_out else []
    assert set(left_out) <= set(make.VALUES)
    for name in (*left_out, *board):
        monkeypatch.setitem(make.VALUES, name, slow)
    report = make.Report()
    for path in make.pages():
        make.filled(path.name, path.read_text(encoding="utf-8"), report)
    assert report.count > 80
    assert report.stale == [], "run 'make docs'"
    if os.environ.get("OPSCORE_DATA"):
        assert {reason for *_, reason in report.skipped} <= {"slow"}


@pytest.fixture
def greeting(make, monkeypatch):
    """Two functions that only these tests know."""

    def missing():
        raise make.MissingError("needs a table")

    monkeypatch.setitem(make.VALUES, "greeting", lambda name="you": f"hello {name}")
    monkeypatch.setitem(make.VALUES, "missing", missing)


def test_a_stale_value_is_told_and_mended(make, greeting):
    report = make.Report()
    text = "We say <!-- v: greeting Ann -->hello Bob<!-- /v --> here.\n"
    right = make.filled("page.md", text, report)
    assert right == "We say <!-- v: greeting Ann -->hello Ann<!-- /v --> here.\n"
    assert report.stale == [("page.md", "greeting Ann", "hello Bob", "hello Ann")]
    again = make.Report()
    assert make.filled("page.md", right, again) == right
    assert again.stale == []


def test_several_values_in_a_line_and_a_table(make, greeting):
    text = "a <!-- v: greeting -->?<!-- /v --> b <!-- v: greeting x -->?<!-- /v -->\n\n"
    text += "<!-- table: greeting t -->\n| old |\n<!-- /table -->\n"
    report = make.Report()
    right = make.filled("page.md", text, report)
    assert "-->hello you<!-- /v --> b <!-- v: greeting x -->hello x<!-- /v -->" in right
    assert "<!-- table: greeting t -->\nhello t<!-- /table -->" in right
    assert report.count == 3


def test_code_blocks_are_left_alone(make, greeting):
    text = "```markdown\n<!-- v: greeting -->?<!-- /v -->\n```\n"
    assert make.filled("page.md", text, make.Report()) == text


def test_what_needs_a_missing_file_stays_as_it_is(make, greeting):
    text = "The noise is <!-- v: missing -->0.26<!-- /v -->.\n"
    report = make.Report()
    assert make.filled("page.md", text, report) == text
    assert report.skipped == [("page.md", "missing", "needs a table")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a <!-- v: nothing -->?<!-- /v -->\n", "has no 'nothing'"),
        ("a <!-- v: greeting x y -->?<!-- /v -->\n", "'greeting x y' fails: TypeError"),
        ("a <!-- v: greeting -->?\n", "1 markers are opened and 0 closed"),
        ("<!-- v: greeting -->?<!-- /v -->\n", "at the start of a line"),
    ],
)
def test_a_page_that_is_written_wrongly(make, greeting, text, reason):
    with pytest.raises(make.PageError, match=reason):
        make.filled("page.md", text, make.Report())


def test_check_writes_nothing_and_fails(make, greeting, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("a <!-- v: greeting -->?<!-- /v -->\n")
    assert make.main(["--check", str(page)]) == 1
    assert "page.md: greeting: ? -> hello you" in capsys.readouterr().out
    assert "?" in page.read_text()
    assert make.main([str(page)]) == 0
    assert "hello you" in page.read_text()
    assert make.main(["--check", str(page)]) == 0


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.125, 2, ".13"),
        (0.435, 2, ".44"),
        (-0.625, 2, "-.63"),
        (6.715000000000003, 2, "6.72"),
        (6.714999999999997, 2, "6.72"),
        (1.0, 2, "1.00"),
        (-0.0001, 2, ".00"),
    ],
)
def test_halves_are_rounded_one_way(values, number, digits, text):
    assert values.dotted(number, digits) == text


@pytest.mark.parametrize(
    ("p_value", "text"),
    [
        (1.2e-05, ".00001"),
        (0.00086, ".0009"),
        (0.0165, ".017"),
        (0.147, ".15"),
        (0.0625, ".063"),
        (0.0046, ".005"),
    ],
)
def test_p_values(values, p_value, text):
    assert values.p_text(p_value) == text


def test_a_table_has_no_wide_empty_cells(make):
    assert make.table(["a", "b"], [["1", ""]]) == "| a | b |\n| --- | --- |\n| 1 | |\n"
