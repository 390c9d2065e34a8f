from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import opscore
from opscore import schema
from opscore.errors import UserError
from opscore.experiments import resolve
from opscore.proxies import PROXIES, register_proxy
from opscore.runs import RunStore
from opscore.runs.reading import stored_runs
from opscore.runs.store import DamagedRunError, Outcome, run_name

SMALL = {"size": "smoke", "batch_size": 16, "images": "digits"}
initial = partial(opscore.initial, baselines=False)
POLICIES = ("zc-pt(nwot)", "disc-zc(nwot)", "random")


def scores_of(result):
    return result.scores.drop(columns="seconds")


def test_initial_gives_one_row_for_each_policy_seed_edge_and_operation():
    result = opscore.initial(POLICIES, seeds=(0, 1), **SMALL)
    sizes = result.scores.groupby("policy", sort=False).size()
    assert sizes.to_dict() == {
        "best-acc": 30, "avg-acc": 30, "zc-pt(nwot)": 60, "disc-zc(nwot)": 60, "random": 60,
        "best-fixed-order": 30, "op-params": 30, "op-flops": 30, "residual(params)": 30,
    }  # fmt: skip
    assert result.scores.loc[result.scores.policy == "best-acc", "seed"].isna().all()
    assert (result.scores.status == "ok").all()
    assert set(result.selection.policy) == set(sizes.index)
    assert result.against("best-acc").policy.tolist()[0]
    assert result.settings.device in {"cpu", "cuda"}
    json.dumps(opscore.schema.records(result.correlation))


def test_the_result_does_not_depend_on_the_number_of_jobs(tmp_path):
    alone = initial(POLICIES, seeds=(0, 1), **SMALL)
    together = initial(POLICIES, seeds=(0, 1), jobs=2, store=tmp_path, **SMALL)
    pd.testing.assert_frame_equal(scores_of(alone), scores_of(together), check_exact=True)


def test_a_finished_run_is_found_and_not_redone(tmp_path):
    calls = []

    @register_proxy("test_counted", higher_is_better=True, source="this test")
    def counted(network, batch):
        calls.append(1)
        return float(len(calls))

    try:
        first = initial(["zc-pt(test_counted)"], store=tmp_path, **SMALL)
        made = len(calls)
        again = initial(["zc-pt(test_counted)"], store=tmp_path, **SMALL)
        assert made == len(calls) > 0
        pd.testing.assert_frame_equal(first.scores, again.scores)
        initial(["zc-pt(test_counted)"], seeds=(0, 1), store=tmp_path, **SMALL)
        assert len(calls) == 2 * made, "seed 0 was found, seed 1 was not"
    finally:
        PROXIES.remove("test_counted")


@pytest.mark.parametrize("change", [{"size": "cpu"}, {"batch_size": 8}, {"meaning": "clean"}])
def test_other_settings_are_another_run(change):
    from opscore.experiments import ScoringSettings, units

    base = resolve(ScoringSettings(policies=("zc-pt(nwot)",), **SMALL))
    other = resolve(ScoringSettings(policies=("zc-pt(nwot)",), **(SMALL | change)))
    assert run_name(units(base)[0].key()) != run_name(units(other)[0].key())


def test_a_policy_that_draws_nothing_is_one_unit():
    from opscore.experiments import ScoringSettings, units

    settings = ScoringSettings(policies=("best-acc", "random"), seeds=(0, 1, 2), **SMALL)
    assert [(u.policy, u.seed) for u in units(resolve(settings))] == [
        ("best-acc", None), ("random", 0), ("random", 1), ("random", 2),
    ]  # fmt: skip


def test_a_failed_proxy_is_a_status_and_is_counted():
    @register_proxy("test_failing", higher_is_better=True, source="this test")
    def failing(network, batch):
        if network.weights[0, 3] == 0:
            raise ZeroDivisionError("no such luck")
        return float("nan") if network.weights[1, 2] == 0 else float(network.weights.sum())

    try:
        result = initial(["zc-pt(test_failing)"], **SMALL)
    finally:
        PROXIES.remove("test_failing")
    rows = result.scores[result.scores.policy == "zc-pt(test_failing)"]
    failed = rows[rows.status != "ok"]
    assert failed.status.tolist() == ["ZeroDivisionError: no such luck", "not finite (nan)"]
    assert failed.score.isna().all()


def test_store_writes_whole_runs_and_says_what_it_cannot_read(tmp_path):
    store = RunStore(tmp_path / "runs")
    result = initial(["random"], **SMALL)
    key = {"kind": "test", "a": 1}
    assert store.outcome(key) is None
    given = Outcome({"scores": result.scores})
    folder = store.keep(key, given)
    assert folder.name == run_name(key)
    found = schema.conform(store.outcome(key).tables["scores"], "scores")
    pd.testing.assert_frame_equal(found, result.scores)
    store.keep(key, given)
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [folder.name], "nothing left over"
    record = json.loads((folder / "run.json").read_text())
    assert record["key"] == key
    assert {"versions", "date", "machine"} <= set(record)
    assert record["versions"]["opscore"] == opscore.__version__
    (folder / "scores.parquet").write_bytes(b"broken")
    with pytest.raises(UserError, match="cannot be read"):
        store.outcome(key)


@pytest.mark.parametrize("text", ["[]", "{}", '{"key": 1}', "{"])
def test_what_is_no_record_is_a_damaged_run(tmp_path, text):
    key = {"kind": "test"}
    store = RunStore(tmp_path)
    store.keep_error(key, ValueError("x"))
    (store.path(key) / "run.json").write_text(text)
    store.check()
    with pytest.raises(DamagedRunError, match="cannot be read"):
        store.record(key)
    assert [run.status for run in stored_runs(tmp_path)] == ["damaged"]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    store = RunStore(tmp_path)
    with pytest.raises(AttributeError):
        store.keep({"kind": "test"}, Outcome({"scores": None}))
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import opscore, sys
opscore.initial(["zc-pt(nwot)"], seeds=range(40), store=sys.argv[1], size="smoke", batch_size=32,
                images="digits", baselines=False)
"""


def test_a_killed_run_keeps_what_was_finished_and_goes_on(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)])
    while len(list(tmp_path.glob("initial-*"))) < 4 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path.name for path in tmp_path.glob("initial-*")}
    assert 4 <= len(finished) < 42
    for name in finished:
        assert (tmp_path / name / "run.json").stat().st_size > 0
    dates = {name: (tmp_path / name / "run.json").stat().st_mtime_ns for name in finished}
    small = {"size": "smoke", "batch_size": 32, "images": "digits"}
    resumed = initial(["zc-pt(nwot)"], seeds=range(2), store=tmp_path, **small)
    fresh = initial(["zc-pt(nwot)"], seeds=range(2), **small)
    pd.testing.assert_frame_equal(scores_of(resumed), scores_of(fresh))
    for name, date in dates.items():
        assert (tmp_path / name / "run.json").stat().st_mtime_ns == date, "not redone"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "larg"}, "unknown size"),
        ({"images": "cifar"}, "unknown image set 'cifar'; did you mean cifar10"),
        ({"meaning": "clear"}, "unknown meaning 'clear'; did you mean clean"),
        ({"dtype": "float16"}, "unknown dtype 'float16'; did you mean"),
        ({"device": "tpu9"}, "device 'tpu9' is not available here"),
        ({"batch_size": 1}, "at least two images"),
        ({"seeds": ()}, "no seed was asked for"),
        ({"jobs": 0}, "the number of jobs is 1 or more"),
        ({"space": "nasbench102"}, "unknown space"),
        ({"checkpoint": Path("nowhere.npz")}, "no such file"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(UserError) as caught:
        initial(["zc-pt(nwot)"], **(SMALL | settings))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_results_are_saved_as_tables_and_a_figure(tmp_path):
    result = initial(POLICIES, seeds=(0,), **SMALL)
    names = {path.name for path in result.save(tmp_path)}
    assert names == {
        "scores.parquet", "correlation.parquet", "differences.parquet", "selection.parquet",
        "tasks.parquet", "croissant.json",
        "figure2_left.png",
        "figure2_left.pdf", "figure2_left.csv", "best_acc.png", "best_acc.pdf", "best_acc.csv",
        "figure2_left.txt", "best_acc.txt",
    }  # fmt: skip
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), result.scores)
