from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from opscore.cli.progressive import progressive
from opscore.errors import UserError
from opscore.settings import ProgressiveSettings

SMALL = ["--size", "smoke", "--batch-size", "16", "--images", "digits"]


def run(*arguments, runs):
    app = typer.Typer()
    app.command()(progressive)
    environment = {"COLUMNS": "160"}
    return CliRunner(env=environment).invoke(app, [*SMALL, "--runs", str(runs), *arguments])


def test_json_has_every_table(tmp_path):
    found = run("--policies", "zc-pt(nwot)", "--seeds", "0", "--json", runs=tmp_path)
    payload = json.loads(found.stdout)
    names = {"correlation", "agreement", "selection", "decisions", "scores", "settings"}
    assert set(payload) == names
    assert [row["iteration"] for row in payload["correlation"]] == [0, 1, 2, 3, 4, 5]
    assert [row["n_edges"] for row in payload["correlation"]] == [6, 5, 4, 3, 2, 1]
    assert payload["settings"]["order"] == "fixed"
    assert payload["settings"]["oracle_mode"] == "initial"


@pytest.mark.usefixtures("data_dir")
def test_the_report_says_why_nothing_published_stands_beside_a_curve(tmp_path):
    arguments = ["--oracle", "conditional", "--order", "5,4,3,2,1,0", "--out", str(tmp_path / "o")]
    found = run(*arguments, runs=tmp_path / "runs")
    assert found.exit_code == 0
    assert "best-acc of each policy's own A_t" in found.stdout
    assert "beside zc-pt(nwot): measured with smoke size" in found.stdout
    assert not any(line.strip().startswith("published") for line in found.stdout.splitlines())
    assert "0 (6)" in found.stdout
    assert "figure2_right.png" in found.stdout
    assert (tmp_path / "o" / "decisions.parquet").is_file()


def test_orders_and_epochs_are_read():
    read = ProgressiveSettings
    assert read(order="random").order == "random"
    assert read(order="3, 0->1,2").order == (3, "0->1", 2)
    assert read(retrain_epochs="5").retrain_epochs == 5
    several = read(retrain_epochs="disc-acc=25, darts-pt=5")
    assert several.retrain_epochs == {"disc-acc": 25, "darts-pt": 5}
    for bad in ("five", "disc-acc=", "=5", "disc-acc=x"):
        with pytest.raises(UserError, match="bad epochs"):
            read(retrain_epochs=bad)
