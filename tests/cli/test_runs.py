"""``opscore runs``: every command on a small store, and what it says of bad input."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import running

from opscore.runs.store import Outcome, RunStore


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = RunStore("runs")
    for seed in (0, 1):
        frame = pd.DataFrame({"edge": [0], "score": [float(seed)], "seconds": [0.5]})
        store.keep(key(seed), Outcome({"scores": frame}, {"architecture": [seed]}))
    store.keep_error(key(2), ValueError("nothing [to] see"))
    return store


def key(seed):
    return {"kind": "initial", "space": "nasbench201", "policy": "zc-pt(nwot)", "seed": seed}


def run(capfd, *arguments):
    return running.run(capfd, "runs", *arguments)


def test_list(capfd):
    code, out, _ = run(capfd, "list")
    assert code == 0
    assert out.count("zc-pt(nwot)") == 3
    assert "2 finished, 1 failed; 1 s of work" in out
    code, out, _ = run(capfd, "list", "--status", "failed", "--json")
    (row,) = json.loads(out)["runs"]
    assert row["error"] == "ValueError: nothing [to] see"
    assert row["settings"]["seed"] == 2


def test_show(capfd, store):
    code, out, _ = run(capfd, "show", store.path(key(2)).name)
    assert code == 0
    assert "nothing [to] see" in out
    assert "failed" in out
    code, out, _ = run(capfd, "show", store.path(key(1)).name, "--json")
    assert json.loads(out)["settings"]["policy"] == "zc-pt(nwot)"


def test_sync_takes_over_what_is_lacking(capfd, store):
    name = store.path(key(0)).name
    assert run(capfd, "sync", "runs", "other")[0] == 0
    run(capfd, "clean", name, "--runs", "other")
    code, out, _ = run(capfd, "sync", "runs", "other", "--json")
    assert code == 0
    assert json.loads(out)["copied"] == [name]
    assert run(capfd, "export", "--runs", "other") == run(capfd, "export")


def test_export_is_the_same_to_a_file_and_to_stdout(capfd, tmp_path):
    assert run(capfd, "export", "--out", "all.csv")[0] == 0
    code, out, _ = run(capfd, "export")
    assert code == 0
    assert out == (tmp_path / "all.csv").read_text()
    assert run(capfd, "export", "--out", "all.parquet")[0] == 0
    assert len(pd.read_parquet("all.parquet")) == len(pd.read_csv("all.csv")) == 5


def test_clean(capfd):
    assert "1 runs would be removed" in run(capfd, "clean", "--dry-run")[1]
    assert "1 runs removed" in run(capfd, "clean")[1]
    assert "2 finished;" in run(capfd, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--runs", "rnus"), "no run store at rnus; did you mean runs?"),
        (("list", "--status", "finish"), "unknown status 'finish'; did you mean finished or"),
        (("show", "nothing"), "there is no run 'nothing'"),
        (("show", "initial"), "3 runs begin with 'initial'"),
        (("export", "--format", "json"), "unknown format 'json'; known: csv, parquet"),
        (("export", "--out", "runs"), "runs"),
        (("export", "--format", "csv", "--out", "a.parquet"), "does not fit the file a.parquet"),
        (("sync", "runs", "runs"), "two stores are merged"),
        (("sync", "none", "runs"), "no run store at none"),
        (("clean", "initial-0000"), "there is no run 'initial-0000'"),
    ],
)
def test_bad_input_is_one_line(capfd, arguments, message):
    code, _, err = run(capfd, *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
