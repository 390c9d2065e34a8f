"""Comparing, merging and cleaning run stores."""

from __future__ import annotations

import os
import time

import pandas as pd
import pytest

from opscore.errors import UserError
from opscore.grids.call import batch
from opscore.runs.loop import complete
from opscore.runs.reading import export_bytes, stored_runs, table_of
from opscore.runs.run import Run
from opscore.runs.store import RECORD_FILE, Outcome, RunStore
from opscore.runs.upkeep import clean, merge
from opscore.settings import RunSettings


def key(seed, policy="one"):
    return {"kind": "initial", "space": "nasbench201", "policy": policy, "seed": seed}


def keep(root, *seeds, value=1.0):
    store = RunStore(root)
    for seed in seeds:
        frame = pd.DataFrame({"edge": [0], "score": [value + seed], "seconds": [time.time()]})
        store.keep(key(seed), Outcome({"scores": frame}))
    return store


def test_two_halves_make_the_whole(tmp_path):
    keep(tmp_path / "whole", 0, 1, 2, 3)
    keep(tmp_path / "a", 0, 2)
    keep(tmp_path / "b", 3, 1)
    for half in ("a", "b"):
        assert len(merge(tmp_path / half, tmp_path / "all").copied) == 2
    assert export_bytes(tmp_path / "all") == export_bytes(tmp_path / "whole")
    again = merge(tmp_path / "a", tmp_path / "all")
    assert not again.copied
    assert len(again.there) == 2


def test_what_is_finished_takes_the_place_of_what_failed_and_not_the_other_way(tmp_path):
    keep(tmp_path / "good", 0)
    RunStore(tmp_path / "bad").keep_error(key(0), MemoryError("no memory"))
    RunStore(tmp_path / "bad").keep_error(key(1), MemoryError("no memory"))
    assert len(merge(tmp_path / "bad", tmp_path / "good").copied) == 1
    assert sorted(table_of(stored_runs(tmp_path / "good"))["status"]) == ["failed", "finished"]
    assert len(merge(tmp_path / "good", tmp_path / "bad").copied) == 1
    assert export_bytes(tmp_path / "good") == export_bytes(tmp_path / "bad")


def test_other_results_of_the_same_run_are_named_and_neither_is_lost(tmp_path):
    keep(tmp_path / "a", 0, value=1.0)
    b = keep(tmp_path / "b", 0, value=1.5)
    assert merge(tmp_path / "a", tmp_path / "b").differing == [b.path(key(0)).name]
    assert b.outcome(key(0)).tables["scores"]["score"].tolist() == [1.5]


def test_what_is_damaged_is_not_taken_over(tmp_path):
    store = keep(tmp_path / "a", 0, 1, 2)
    table = store.path(key(0)) / "scores.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    (store.path(key(1)) / RECORD_FILE).write_text('{"ver')
    merged = merge(tmp_path / "a", tmp_path / "b")
    assert len(merged.damaged) == 2
    assert merged.copied == [store.path(key(2)).name]
    assert [run.status for run in stored_runs(tmp_path / "b", check=True)] == ["finished"]


def test_what_is_damaged_in_the_target_is_mended_from_the_source(tmp_path):
    for name, cut in (("table", "scores.parquet"), ("record", RECORD_FILE)):
        keep(tmp_path / "good", 0)
        store = keep(tmp_path / name, 0)
        path = store.path(key(0)) / cut
        path.write_bytes(path.read_bytes()[:-9])
        assert merge(tmp_path / name, tmp_path / "good").damaged == [store.path(key(0)).name]
        assert merge(tmp_path / "good", tmp_path / name).copied == [store.path(key(0)).name]
        assert store.outcome(key(0)) is not None


def test_a_store_is_not_merged_with_itself(tmp_path):
    keep(tmp_path, 0)
    with pytest.raises(UserError, match="the store itself"):
        merge(tmp_path, tmp_path)


def test_cleaning_removes_what_is_spoiled_and_leaves_what_is_finished(tmp_path):
    store = keep(tmp_path, 0, 1)
    store.keep_error(key(2), ValueError("x"))
    (store.path(key(1)) / "scores.parquet").write_bytes(b"")
    store.pieces(key(3)).put("iteration-0", pd.DataFrame({"score": [1.0]}))
    left = tmp_path / ".unfinished-0123"
    left.mkdir()
    assert len(clean(tmp_path, dry_run=True)) == 2
    assert len(table_of(stored_runs(tmp_path))) == 4
    assert {run.status for run in clean(tmp_path)} == {"failed", "damaged"}
    assert left.is_dir(), "another process may be writing it"
    os.utime(left, (0, 0))
    assert [run.status for run in clean(tmp_path, statuses=["unfinished"])] == ["unfinished"]
    assert not left.is_dir()
    assert table_of(stored_runs(tmp_path))["status"].tolist() == ["finished"]
    assert len(clean(tmp_path, [store.path(key(0)).name])) == 1
    assert table_of(stored_runs(tmp_path)).empty


def test_what_a_running_process_makes_anew_is_no_leftover(tmp_path):
    with RunStore(tmp_path).fresh() as pieces:
        pieces.put("part", pd.DataFrame({"x": [1]}))
        os.utime(pieces.folder, (0, 0))
        clean(tmp_path)
        assert pieces.get("part") is not None
    assert not pieces.folder.exists()


def test_stores_in_a_store_are_never_cleaned_away(tmp_path):
    """As examples/slurm.sh lays them out: shards with stores of their own, beside runs."""
    keep(tmp_path, 0)
    keep(tmp_path / "shard-1", 1)
    keep(tmp_path / "shard-2", 2)
    RunStore(tmp_path).pieces(key(3)).put("part", pd.DataFrame({"x": [1]}))
    keep(RunStore(tmp_path).path(key(4)), 4)  # even where a store is named as a run
    removed = clean(tmp_path, statuses=("failed", "damaged", "unfinished", "pieces"))
    assert [run.name for run in removed] == [RunStore(tmp_path).path(key(3)).name]
    for store, seed in (("", 0), ("shard-1", 1), ("shard-2", 2)):
        assert RunStore(tmp_path / store).outcome(key(seed)) is not None
    assert RunStore(RunStore(tmp_path).path(key(4))).outcome(key(4)) is not None


def test_a_store_of_another_layout_is_refused_everywhere(tmp_path):
    keep(tmp_path / "new", 0)
    path = keep(tmp_path / "old", 0).path(key(0)) / RECORD_FILE
    path.write_text(path.read_text().replace('"version": 2', '"version": 99'))

    class Asked(Run):
        label = "asked"

        def key(self):
            return key(1)

        def compute(self, pieces):
            raise AssertionError("nothing is computed")

    calls = {
        "runs": lambda: stored_runs(tmp_path / "old"),
        "export": lambda: export_bytes(tmp_path / "old"),
        "merge from": lambda: merge(tmp_path / "old", tmp_path / "new"),
        "merge into": lambda: merge(tmp_path / "new", tmp_path / "old"),
        "clean": lambda: clean(tmp_path / "old", statuses=("finished",)),
        "the run itself": lambda: RunStore(tmp_path / "old").outcome(key(0)),
        "another run": lambda: complete([Asked()], RunSettings(store=tmp_path / "old")),
        "a batch": lambda: batch({"grid": [{"policies": "random"}]}, tmp_path / "old"),
    }
    for name, call in calls.items():
        with pytest.raises(UserError, match="is of version 99 of the store, and this") as caught:
            call()
        assert "\n" not in str(caught.value), name
    assert path.is_file()
