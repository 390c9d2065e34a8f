"""The page on supernets of one's own: its code runs, and no space that ships falls back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from opscore.cli import main
from opscore.engine import coverage
from opscore.spaces import SPACES

PAGE = Path(__file__).parents[2] / "docs" / "own_supernet.md"


class Branching(nn.Module):
    """A rectifier behind a branch that depends on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(x) if x.max() > 0 else x


class Rolling(nn.Module):
    """Images see each other."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.roll(1, 0)


def within(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), layer), nn.Flatten())


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    reason = coverage(within(Branching())).reason
    assert reason is not None
    assert reason.startswith("TraceError: ")
    assert reason.endswith(", at '1.1' (Branching)")


def test_what_has_no_rule_is_named_with_its_place() -> None:
    found = coverage(within(Rolling()))
    assert found.reason is None
    assert [call.place for call in found.calls if call.way == "batch"] == [
        "'roll' in '1.1' (Rolling)"
    ]
    assert found.kinds("rule") == {"Conv2d": 1, "ReLU": 1}


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


@pytest.mark.exhaustive  # tests/engine/test_spaces.py asks the function
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
