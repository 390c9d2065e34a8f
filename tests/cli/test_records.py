"""``opscore records``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from opscore.cli import main
from opscore.data.records import record_names
from opscore.paper import records
from opscore.paper.records import RecordPart


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["records", *arguments])
    return int(stopped.value.code or 0)


def test_the_list_has_every_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    rows = json.loads(capsys.readouterr().out)["records"]
    assert [row["record"] for row in rows] == record_names()
    assert run() == 0
    assert "opscore records --make" in " ".join(capsys.readouterr().out.split())


def test_a_record_is_made_into_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = {"size": "smoke", "images": "noise", "batch_size": 8, "proposals": 1, "validation": 1}
    parts = (RecordPart(("zero-cost-pt(params)",), tiny),)
    monkeypatch.setitem(records._SEARCHES, "search_orders", parts)
    folders = ["--out", str(tmp_path / "made"), "--runs", str(tmp_path / "runs")]
    assert run("search_orders", "--make", "--seeds", "0,2", *folders) == 0
    table = pd.read_parquet(tmp_path / "made" / "search_orders.parquet")
    assert sorted(set(table["seed"])) == [0, 2]
    assert "search_orders.parquet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--make"], "needs the names"),
        (["search"], "add --make"),
        (["--make", "serch"], "did you mean search"),
        (["--make", "search", "--seeds", "3-1"], "runs backwards"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
