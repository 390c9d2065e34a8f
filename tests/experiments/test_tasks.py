"""The same scores against the truth of every task of a space."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import records
from records import SPACES_SCORED, RecordSettings, make_record

import opscore
from opscore.cli import main
from opscore.experiments import OracleSettings, ScoringContext, ScoringSettings, resolve
from opscore.experiments.initial.tasks import TASKS, tasks_of
from opscore.oracles import load_oracle

SMALL = {"size": "smoke", "batch_size": 4, "images": "noise"}
TASKS_OF_TRANSNAS = {
    "class_scene",
    "class_object",
    "jigsaw",
    "room_layout",
    "segmentsemantic",
    "normal",
    "autoencoder",
}


@pytest.fixture(scope="module")
def result(data_dir):
    return opscore.initial(
        ["zc-pt(params)", "random"],
        (0, 1),
        space="transnas-micro",
        oracle=OracleSettings("jigsaw"),
        baselines=False,
        data_dir=data_dir,
        **SMALL,
    )


def test_the_own_task_comes_first_and_its_rows_are_those_of_the_correlation(result):
    tasks = result.tasks
    assert list(tasks.columns) == list(TASKS)
    assert set(tasks["dataset"]) == TASKS_OF_TRANSNAS
    assert tasks["dataset"].iloc[0] == "jigsaw"
    keys = ["policy", "reference"]
    own = tasks[tasks["dataset"] == "jigsaw"].set_index(keys)
    known = result.correlation.set_index(keys).loc[own.index]
    assert own["rho"].to_numpy() == pytest.approx(known["rho"].to_numpy(), nan_ok=True)
    assert own["ci_low"].to_numpy() == pytest.approx(known["ci_low"].to_numpy(), nan_ok=True)


def test_another_task_is_as_if_it_had_been_asked_for(result, data_dir):
    other = opscore.initial(
        ["zc-pt(params)"],
        space="transnas-micro",
        oracle=OracleSettings("class_object"),
        baselines=False,
        data_dir=data_dir,
        **SMALL,
    )
    own = result.tasks[result.tasks["dataset"] == "class_object"]
    for reference in ("best-acc", "avg-acc"):
        rows = own[own["reference"] == reference].set_index("policy")
        known = other.against(reference).set_index("policy")
        assert rows.loc["zc-pt(params)", "rho"] == pytest.approx(known.loc["zc-pt(params)", "rho"])
    # A published fact of the table: how avg-acc agrees with best-acc on this task.
    best = own[own["reference"] == "best-acc"].set_index("policy")
    assert best.loc["avg-acc", "rho"] == pytest.approx(0.83, abs=0.005)


def test_nasbench201_has_its_datasets_at_the_same_length(data_dir):
    result = opscore.initial(["zc-pt(params)"], data_dir=data_dir, baselines=False, **SMALL)
    assert tasks_of(result.settings) == ["cifar10", "cifar100", "imagenet16-120"]
    twelve = resolve(replace(result.settings, oracle=OracleSettings(epochs=12)))
    assert tasks_of(twelve) == ["cifar10", "cifar100", "imagenet16-120"]


def test_without_a_truth_there_are_no_tasks():
    result = opscore.initial(
        ["zc-pt(params)"],
        space="nasbench-macro",
        oracle=OracleSettings(source="none"),
        baselines=False,
        **SMALL,
    )
    assert result.tasks.empty
    assert list(result.tasks.columns) == list(TASKS)


@pytest.mark.exhaustive
def test_records_of_every_space_are_scores(data_dir, tmp_path: Path, monkeypatch):
    asked = []

    def small(policies, seeds, **settings):
        asked.append((policies, settings["space"], settings.get("batch_size")))
        settings |= SMALL
        return opscore.initial(["zc-pt(params)"], seeds, **settings)

    monkeypatch.setattr(records, "initial", small)
    making = RecordSettings(tmp_path / "runs", data_dir=data_dir, folder=tmp_path / "made")
    for space in SPACES_SCORED:
        made = [path.name for path in make_record(f"initial_{space}", making, (0,))]
        assert made == [f"initial_{space}.parquet"]
        assert str(data_dir) not in (tmp_path / "made" / f"initial_{space}.json").read_text()
    assert {space: batch for _, space, batch in asked if batch} == {"transnas-macro": 32}
    assert asked[0][0] == (
        "zc-pt(nwot)",
        "disc-zc(nwot)",
        "zc-pt(synflow)",
        "disc-zc(synflow)",
        "random",
    )


def test_the_command_prints_all_tasks_and_with_json_the_table(
    data_dir, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    command = ["initial", "--space", "transnas-micro", "--policies", "zc-pt(params)", "--all-tasks"]
    command += [
        "--size",
        "smoke",
        "--batch-size",
        "4",
        "--images",
        "noise",
        "--quiet",
        "--no-baselines",
    ]
    command += ["--data-dir", str(data_dir)]
    with pytest.raises(SystemExit, match="0"):
        main(command)
    shown = capsys.readouterr().out
    assert "every task" in shown
    assert all(task in shown for task in TASKS_OF_TRANSNAS)
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--json"])
    rows = json.loads(capsys.readouterr().out)["tasks"]
    assert {row["dataset"] for row in rows} == TASKS_OF_TRANSNAS
    assert set(rows[0]) == set(TASKS)


def test_a_truth_that_is_found_later_takes_the_place_of_the_one_before(
    data_dir, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path))
    monkeypatch.delenv("OPSCORE_DATA")
    settings = resolve(ScoringSettings(policies=("random",), **SMALL))
    first = ScoringContext(settings, 0).oracle
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    second = ScoringContext(settings, 0).oracle
    assert (first.source, second.source) == (
        load_oracle(source="anb").source,
        load_oracle(source="table").source,
    )
    assert ScoringContext(settings, 1).oracle is second  # made once
