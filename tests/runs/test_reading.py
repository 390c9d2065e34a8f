"""What a run store has, read back as frames."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from opscore.errors import UserError
from opscore.runs.reading import RUN_TABLE, export, export_bytes, find_run, stored_runs, table_of
from opscore.runs.store import RECORD_FILE, Outcome, RunStore


def key(policy="one", seed=0, **more):
    return {"kind": "initial", "results": 1, "space": "nasbench201", "policy": policy,
            "seed": seed, **more}  # fmt: skip


def scores(value=1.0, seconds=0.5):
    return pd.DataFrame({
        "policy": "one", "seed": 0, "edge": [0, 1], "op": ["none", "conv"],
        "score": [value, float("nan")], "status": ["ok", "failed: x"], "seconds": seconds,
    })  # fmt: skip


def fill(root, order=(0, 1), seconds=0.5):
    """A store with two finished runs, a failed one, an unfinished one and a trained supernet."""
    store = RunStore(root)
    for seed in order:
        store.keep(key(seed=seed), Outcome({"scores": scores(seed, seconds)}))
    facts = {"architecture": [1, 2], "cost": {"queries": 3, "seconds": seconds}}
    search = {"kind": "search", "space": "nasbench201", "method": "random", "seed": None}
    store.keep(search, Outcome({"trace": pd.DataFrame({"step": [0], "chosen": [True]})}, facts))
    store.keep_error(key("broken"), ValueError("no such thing"))
    store.pieces(key("half")).put("iteration-0", scores())
    RunStore(root / "supernets").keep({"kind": "supernet", "space": "x", "seed": 0}, Outcome({}))
    return store


def test_every_run_is_one_row(tmp_path):
    fill(tmp_path)
    table = table_of(stored_runs(tmp_path))
    assert list(table.columns) == list(RUN_TABLE)
    assert sorted(table["status"]) == ["failed", "finished", "finished", "finished", "finished",
                                       "unfinished"]  # fmt: skip
    failed = table[table["status"] == "failed"].iloc[0]
    assert failed["error"] == "ValueError: no such thing"
    assert failed["policy"] == "broken"
    done = table[(table["kind"] == "initial") & (table["status"] == "finished")]
    assert done["seconds"].tolist() == [1.0, 1.0]
    assert json.loads(done["settings"].iloc[0])["space"] == "nasbench201"
    assert table.loc[table["kind"] == "search", "policy"].tolist() == ["random"]
    assert table.loc[table["kind"] == "search", "seed"].isna().all()
    assert "supernets/supernet-" in "".join(table["run"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_equal_work_gives_equal_bytes_whatever_the_order_and_the_time(tmp_path, form):
    fill(tmp_path / "a")
    fill(tmp_path / "b", order=(1, 0), seconds=7.25)
    found = [hashlib.sha256(export_bytes(tmp_path / n, form)).hexdigest() for n in "ab"]
    assert found[0] == found[1]
    RunStore(tmp_path / "b").keep(key(seed=2), Outcome({"scores": scores()}))
    assert hashlib.sha256(export_bytes(tmp_path / "b", form)).hexdigest() != found[0]


def test_an_export_has_settings_results_and_errors_and_no_times(tmp_path):
    fill(tmp_path)
    frame = export(tmp_path)
    runs = frame[frame["table"] == "run"]
    assert runs["status"].tolist() == ["failed", "finished", "finished", "finished"]
    assert runs["error"].iloc[0] == "ValueError: no such thing"
    assert json.loads(runs["facts"].iloc[3]) == {"architecture": [1, 2], "cost": {"queries": 3}}
    rows = frame[frame["table"] == "scores"]
    assert rows["score"].dropna().tolist() == [0.0, 1.0]
    assert rows["status_of_row"].tolist() == ["ok", "failed: x"] * 2
    assert "seconds" not in frame
    assert "supernet" not in set(frame["kind"])


def test_the_types_of_an_export_do_not_depend_on_what_is_in_it(tmp_path):
    """Two stores of the same kind of run, one of which lacks most values: one table in pyarrow."""
    types = {"minibatches": "Int64", "score": "float64", "chosen": "boolean", "op": "str"}
    missing = pd.DataFrame({name: pd.Series([None], dtype=kind) for name, kind in types.items()})
    whole = pd.DataFrame({"minibatches": [3], "score": [1], "chosen": [True], "op": ["x"]})
    for name, table in (("a", missing), ("b", whole.astype(types))):
        RunStore(tmp_path / name).keep(key(), Outcome({"candidates": table}))
        (tmp_path / f"{name}.parquet").write_bytes(export_bytes(tmp_path / name, "parquet"))
    a, b = (pq.read_schema(tmp_path / f"{name}.parquet") for name in "ab")
    assert {field.name: field.type for field in a} == {field.name: field.type for field in b}
    assert [str(a.field(name).type) for name in types][:3] == ["int64", "double", "bool"]


def test_an_empty_store_exports_its_header(tmp_path):
    assert export_bytes(tmp_path).decode().startswith("run,kind,space,policy,seed,status")
    assert table_of(stored_runs(tmp_path)).empty


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 3}', "\x00\xff"])
def test_a_truncated_record_is_damaged_and_named(tmp_path, text):
    store = fill(tmp_path)
    (store.path(key()) / RECORD_FILE).write_text(text)
    table = table_of(stored_runs(tmp_path))
    assert (table["status"] == "damaged").sum() == 1
    with pytest.raises(UserError, match=r"cannot be read .*opscore runs clean"):
        export(tmp_path)


def test_a_changed_table_is_found_when_it_is_looked_for(tmp_path):
    store = fill(tmp_path)
    path = store.path(key()) / "scores.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert "damaged" not in set(table_of(stored_runs(tmp_path))["status"])
    damaged = [run for run in stored_runs(tmp_path, check=True) if run.status == "damaged"]
    assert [run.folder for run in damaged] == [path.parent]
    with pytest.raises(UserError, match="its checksum is another one"):
        export(tmp_path)


def test_runs_are_found_by_the_beginning_of_their_name_or_hash(tmp_path):
    store = fill(tmp_path)
    name = store.path(key()).name
    assert find_run(tmp_path, name).name == name
    assert find_run(tmp_path, name.rpartition("-")[2][:8]).name == name
    with pytest.raises(UserError, match="4 runs begin with 'initial'"):
        find_run(tmp_path, "initial")
    with pytest.raises(UserError, match="there is no run 'initial-zzz'; did you mean initial-"):
        find_run(tmp_path, "initial-zzz")


def test_a_folder_that_is_not_there_is_named_with_what_is_near(tmp_path):
    fill(tmp_path / "runs")
    with pytest.raises(UserError, match=r"no run store at .*run; did you mean .*runs\?"):
        table_of(stored_runs(tmp_path / "run"))
