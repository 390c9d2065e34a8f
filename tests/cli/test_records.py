"""``opscore records``."""

from __future__ import annotations

import json

import pytest

from opscore.cli import main
from opscore.data.records import record_names


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["records", *arguments])
    return int(stopped.value.code or 0)


def test_the_list_has_every_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    rows = json.loads(capsys.readouterr().out)["records"]
    assert [row["record"] for row in rows] == record_names()
    assert run() == 0
    assert "search_orders" in capsys.readouterr().out
