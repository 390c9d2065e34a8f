"""The page on supernets of one's own: its code runs, and no space that ships falls back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from opscore.cli import main
from opscore.spaces import SPACES

PAGE = Path(__file__).parents[2] / "docs" / "own_supernet.md"


def engine_rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    with pytest.raises(SystemExit) as stopped:
        main(["spaces", *arguments, "--engine", "--json"])
    assert stopped.value.code == 0
    return json.loads(capsys.readouterr().out)["engine"]


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {"__name__": "own"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    assert "MaxPool2d" in capsys.readouterr().out


def test_every_layer_of_every_space_has_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    rows = engine_rows(capsys)
    assert [row["space"] for row in rows] == list(SPACES)
    for row in rows:
        assert row["reason"] is None, row
        assert set(row["whole_batch"]) <= {"Noise"}, row  # S4 draws it for all images together
        assert row["unused"] == [], row
        assert row["by_rule"]["Choice"] >= 1, row


def test_the_table_names_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["spaces", "nasbench201", "--engine"])
    assert "by a rule" in capsys.readouterr().out
