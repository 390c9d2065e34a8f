"""A grid gives the same bytes whatever runs it, and no cell stops another."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

import opscore
from opscore.cli import app
from opscore.errors import Note, UserError
from opscore.grids.call import in_shard, planned
from opscore.grids.grid import Grid
from opscore.proxies import register_proxy, unregister_proxy
from opscore.runs import RunStore
from opscore.runs.reading import export_bytes, stored_runs
from opscore.runs.upkeep import merge

run = CliRunner().invoke


def copy_of(done, tmp_path):
    shutil.copytree(done.store.root, tmp_path / "copy")
    return RunStore(tmp_path / "copy")


def test_every_cell_is_a_finished_run_of_the_store(done):
    assert done.ok
    assert done.counts() == {"computed": len(done.cells), "found": 0, "failed": 0, "missing": 0}
    names = {each.name for each in stored_runs(done.store)}
    assert names == set(done.cells["run"])
    measured = done.cells[done.cells["policy"].isin(["disc-zc(nwot)", "random"])]
    assert measured.groupby(["space", "policy"])["seed"].agg(list).tolist() == [[0, 1]] * 4


def test_cells_hold_what_a_single_call_computes(done):
    """A batch and ``opscore.initial`` share one store: neither repeats what the other did."""
    before = {each.name for each in stored_runs(done.store)}
    again = opscore.initial(
        ["disc-zc(nwot)", "random"], seeds=range(2), size="smoke", images="noise", batch_size=4,
        store=done.store, baselines=False,
    )  # fmt: skip
    assert {each.name for each in stored_runs(done.store)} == before
    assert set(again.scores["policy"]) >= {"disc-zc(nwot)", "random"}


@pytest.mark.exhaustive  # runs have the same loop (tests/runs/test_runs.py)
def test_workers_do_not_change_a_byte(small, expected, tmp_path):
    result = opscore.batch(small, tmp_path, jobs=2)
    assert result.ok
    assert export_bytes(tmp_path) == expected


def test_shards_put_together_are_the_whole(small, done, expected, tmp_path):
    for number in (1, 2, 3):
        opscore.batch(small, tmp_path / str(number), shard=f"{number}/3")
        assert merge(tmp_path / str(number), tmp_path / "all").copied
    assert export_bytes(tmp_path / "all") == expected
    again = opscore.batch(small, tmp_path / "all", finished="only-cache")
    assert again.counts()["found"] == len(done.cells)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 200])
def test_shards_share_the_cells_out(small, parts):
    cells = Grid.of(small).cells()
    pieces = [in_shard(cells, f"{i}/{parts}") for i in range(1, parts + 1)]
    assert sorted(c.name for piece in pieces for c in piece) == sorted(c.name for c in cells)
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


@pytest.mark.parametrize("shard", ["", "0/2", "3/2", "1/0", "1", "a/b", "-1/2", "1/2/3", "1.0/2"])
def test_bad_shards_are_refused(small, tmp_path, shard):
    with pytest.raises(UserError, match="the form is i/n"):
        opscore.batch(small, tmp_path, shard=shard)


def test_a_second_call_computes_nothing(small, done, tmp_path):
    store = copy_of(done, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in store.root.rglob("*.json")}
    again = opscore.batch(small, store)
    assert again.counts()["found"] == len(done.cells)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*.json")} == times


def test_always_computes_again_and_only_cache_never(small, done, expected, tmp_path):
    store = copy_of(done, tmp_path)
    lost = done.cells["run"].iloc[0]
    shutil.rmtree(store.root / lost)
    left = opscore.batch(small, store, finished="only-cache")
    assert left.failed["run"].tolist() == [lost]
    assert left.failed["status"].tolist() == ["missing"]
    assert not (store.root / lost).exists()
    anew = opscore.batch(small, store, finished="always")
    assert anew.counts()["computed"] == len(done.cells)
    assert export_bytes(store) == expected


@pytest.fixture
def flaky():
    """A proxy that fails the first time it is asked, and works from then on."""
    calls = []

    def flaky_number(network, batch):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the first time")
        return 1.0

    register_proxy("flaky_number", higher_is_better=True, source="here")(flaky_number)
    yield calls
    unregister_proxy("flaky_number")


@pytest.fixture
def never_works():
    @register_proxy("never_works", higher_is_better=True, source="here")
    def never_works(network, batch):
        raise RuntimeError("no number today")

    yield
    unregister_proxy("never_works")


def grid_of(*policies: str) -> dict:
    settings = {"size": "smoke", "images": "noise", "batch_size": 4}
    return {"settings": settings, "grid": [{"policies": list(policies), "seeds": [0]}]}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failed_cell_stops_no_other_and_is_kept(never_works, tmp_path, jobs):
    grid = grid_of("zc-pt(never_works)", "random")
    with pytest.warns(Note, match=r"zc-pt\(never_works\), seed 0 failed: .*no number today"):
        result = opscore.batch(grid, tmp_path, jobs=jobs)
    assert not result.ok
    assert result.failed["policy"].tolist() == ["zc-pt(never_works)"]
    assert "no number today" in result.failed["error"].item()
    failed = [each for each in stored_runs(tmp_path) if each.status == "failed"]
    assert [each.policy for each in failed] == ["zc-pt(never_works)"]
    assert "no number today" in json.dumps(failed[0].record)
    # It is tried again unless that is not wanted.
    left = opscore.batch(grid, tmp_path, finished="never")
    assert left.counts() == {**result.counts(), "computed": 0, "found": len(result.cells) - 1}
    assert "no number today" in left.failed["error"].item()


def test_a_cell_is_tried_again(flaky, tmp_path):
    grid = grid_of("zc-pt(flaky_number)")
    assert opscore.batch(grid, tmp_path, retries=1).ok
    assert len(flaky) > 1


def test_a_failed_cell_is_computed_by_the_next_call(flaky, tmp_path):
    grid = grid_of("zc-pt(flaky_number)")
    assert not opscore.batch(grid, tmp_path).ok
    assert opscore.batch(grid, tmp_path).ok


def test_a_damaged_result_is_computed_again(small, done, expected, tmp_path):
    store = copy_of(done, tmp_path)
    folder = store.root / done.cells["run"].iloc[2]
    table = next(folder.glob("*.parquet"))
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.warns(opscore.errors.Note, match="computed again"):
        again = opscore.batch(small, store)
    assert again.counts()["computed"] == 1
    assert export_bytes(store) == expected


def test_the_plan_estimates_what_is_missing(small, done, tmp_path):
    assert planned(small, tmp_path / "none").cells["seconds"].isna().all()
    assert not (tmp_path / "none").exists()
    store = copy_of(done, tmp_path)
    row = done.cells[done.cells["policy"] == "disc-zc(nwot)"].iloc[0]
    shutil.rmtree(store.root / row["run"])
    cells = planned(small, store).cells.set_index("run")
    assert cells["status"].value_counts().to_dict() == {"finished": len(cells) - 1, "missing": 1}
    other = cells[(cells["policy"] == row["policy"]) & (cells["space"] == row["space"])]
    assert other["seconds"].nunique() == 1
    assert other.loc[row["run"], "seconds"] > 0


def test_the_command_plans_runs_and_says_what_failed(small, done, never_works, tmp_path):
    count = len(done.cells)
    plan = run(app, ["batch", str(small), "--runs", str(tmp_path / "a"), "--dry-run"])
    assert plan.exit_code == 0
    assert f"{count} cells, {count} to do" in plan.output
    assert not (tmp_path / "a").exists()
    found = run(app, ["batch", str(small), "--runs", str(done.store.root), "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["counts"]["found"] == count
    bad = tmp_path / "bad.toml"
    bad.write_text(
        '[settings]\nsize="smoke"\nimages="noise"\nbatch_size=4\n'
        '[[grid]]\npolicies=["zc-pt(never_works)", "random"]\n'
    )
    failed = run(app, ["batch", str(bad), "--runs", str(tmp_path / "b")])
    assert failed.exit_code == 1
    assert "zc-pt(never_works), seed 0" in failed.output
    assert "opscore runs show" in failed.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--finished", "alway"], "did you mean always"),
        (["--jobs", "0"], "jobs is 1 or more"),
        (["--retries", "-1"], "retries is 0 or more"),
        (["--threads", "0"], "threads is 1 or more"),
    ],
)
def test_bad_options_are_one_line(small, tmp_path, options, words):
    result = run(app, ["batch", str(small), "--runs", str(tmp_path / "s"), *options])
    assert result.exit_code == 2 or isinstance(result.exception, UserError)
    assert words in (result.output + str(result.exception))
