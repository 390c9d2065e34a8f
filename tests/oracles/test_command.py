"""``opscore oracle`` as it is typed."""

from __future__ import annotations

import json
from functools import partial

import pytest
import running

from opscore import schema


@pytest.fixture
def run(capsys):
    return partial(running.run, capsys, "oracle")


def test_json_has_the_contracted_fields(run):
    code, out, err = run("nasbench201", "--source", "anb", "--json")
    assert (code, err) == (0, "")
    payload = json.loads(out)
    assert set(payload) == {"oracle", "settings"}
    assert len(payload["oracle"]) == 30
    assert all(list(row) == list(schema.ORACLE) for row in payload["oracle"])
    settings = payload["settings"]
    assert (settings["dataset"], settings["split"]) == ("cifar10", "test")
    assert settings["epochs"] is None
    assert "analog-nasbench" in settings["description"]


def test_a_table_to_read(run):
    code, out, err = run("--source", "anb")
    assert (code, err) == (0, "")
    for expected in ("0->1", "2->3", "nor_conv_3x3", "best", "mean", "analog-nasbench"):
        assert expected in out


def test_the_published_best_acc(run, data_dir, monkeypatch):
    monkeypatch.setattr("opscore.analysis.between_trainings.N_DRAWS", 3)  # they are tested there
    code, out, _ = run("nasbench201", "--json", "--noise", "--data-dir", data_dir)
    assert code == 0
    payload = json.loads(out)
    best = [row["best"] for row in payload["oracle"] if row["edge"] == 0]
    assert best == pytest.approx([94.15, 94.18, 94.44, 94.68, 93.86])
    assert payload["noise"]["n_repeated"] == 13_400
    names = ["best-acc", "best-acc(k=10)", "best-acc(k=30)", "avg-acc"]
    assert [row["reference"] for row in payload["references"]] == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nasbench202"], "did you mean nasbench201"),
        (["--dataset", "cifar100"], "it has: cifar10 test"),
        (["--oracle-seeds", "median"], "'max', 'mean' or an index"),
        (["--oracle-seeds", "4"], "no trial 4"),
        (["--noise"], "needs two trainings"),
    ],
)
def test_bad_input_is_one_line(run, arguments, message):
    code, out, err = run("--source", "anb", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
