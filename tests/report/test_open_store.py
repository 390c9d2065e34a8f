"""Tables and figures of a store's runs, without a call that computes them again."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore.cli import main
from opscore.errors import Note, UserError
from opscore.experiments import OracleSettings
from opscore.runs import RunStore
from opscore.runs.reading import stored_runs

GRID = {
    "settings": {"size": "smoke", "batch_size": 4, "images": "noise"},
    "grid": [
        {"policies": ["zc-pt(nwot)", "random"], "seeds": [0, 1]},
        {"policies": ["random"], "spaces": ["nasbench-macro"]},
        {"methods": ["random"], "seeds": [0]},
    ],
}


@pytest.fixture(scope="module")
def store(data_dir, tmp_path_factory):
    """What a grid leaves, the truths' policies beside the others."""
    root = tmp_path_factory.mktemp("open") / "runs"
    assert opscore.batch(GRID, root).ok
    return root


def test_a_batch_gives_what_the_calls_would_and_computes_nothing(store, tmp_path, monkeypatch):
    asked = GRID["settings"] | {"seeds": [0, 1], "baselines": False}
    expected = opscore.initial(["zc-pt(nwot)", "random"], **asked)
    monkeypatch.setattr("opscore.proxies.base.Proxy.scores", None)  # nothing may ask for a score
    found = opscore.open_store(store).initial(space="nasbench201")
    own = ["policy", "seed", "edge", "op", "score"]
    pd.testing.assert_frame_equal(
        found.scores[own].sort_values(own).reset_index(drop=True),
        expected.scores[own].sort_values(own).reset_index(drop=True),
    )
    rho = [each.against("best-acc").set_index("policy")["rho"] for each in (found, expected)]
    pd.testing.assert_series_equal(*(each.sort_index() for each in rho))
    assert tmp_path / "figure2_left.png" in found.save(tmp_path)
    searched = opscore.open_store(RunStore(store)).search()
    assert set(searched.architectures["seed"]) == {0}


def test_which_answer_is_meant_has_to_be_clear(store, tmp_path):
    opened = opscore.open_store(store)
    assert {study.kind for study in opened.studies} == {"initial", "search"}
    with pytest.raises(UserError, match=r"2 kinds of initial runs fit; .* space \(nasbench"):
        opened.initial()
    with pytest.raises(UserError, match="no initial runs fit; they are told apart by space"):
        opened.initial(space="darts")
    with pytest.raises(
        UserError, match="has no progressive runs that can be shown; it has initial, search"
    ):
        opened.progressive()
    with pytest.raises(UserError, match="there is no run store at"):
        opscore.open_store(tmp_path / "nowhere")


@pytest.mark.usefixtures("data_dir")
def test_settings_are_given_as_the_calls_take_them(tmp_path):
    settings = GRID["settings"] | {"seeds": [0], "baselines": False}
    for dataset in ("cifar10", "cifar100"):
        oracle = OracleSettings(dataset=dataset, allow_partial=True)
        opscore.initial(["random"], oracle=oracle, store=tmp_path, **settings)
    opened = opscore.open_store(tmp_path)
    for given in (OracleSettings(dataset="cifar100"), {"dataset": "cifar100"}):
        assert opened.initial(oracle=given).settings.oracle.dataset == "cifar100"
    with pytest.raises(UserError, match="unknown setting 'sise'; did you mean size"):
        opened.initial(sise="smoke")


def test_what_was_asked_of_a_call_finds_it(store):
    opened = opscore.open_store(store)
    found = opened.initial(space="nasbench201", policies=["random"], seeds=[0], device="auto")
    assert set(found.scores["seed"].dropna()) == {0, 1}, "all that is finished"
    with pytest.raises(UserError, match=r"no initial runs fit; they are told apart by space"):
        opened.initial(seeds=[7])
    with pytest.raises(UserError, match="no search runs fit: seeds is"):
        opened.search(seeds=[7])


def test_policies_that_saw_other_data_are_not_set_beside_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"images": "own.npz", "store": "runs", "size": "smoke", "batch_size": 4}
    for turn, policy in enumerate(("zc-pt(l2_norm)", "zc-pt(params)")):
        pixels = np.random.default_rng(turn).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
        np.savez("own.npz", images=pixels, labels=[0, 1] * 3)
        opscore.initial([policy], [0], baselines=False, **asked)
    with pytest.warns(Note, match=r"zc-pt\(l2_norm\).* left out"):
        found = opscore.open_store("runs").initial()
    assert "zc-pt(l2_norm)" not in set(found.scores["policy"])


def test_a_store_of_an_older_version_is_told_how_it_is_shown(store, tmp_path, capsys):
    kept = Path(shutil.copytree(store, tmp_path / "runs"))
    shutil.rmtree(kept / "studies")
    with pytest.raises(UserError, match="the same call with this store does"):
        opscore.open_store(kept).initial()
    with pytest.raises(SystemExit):
        main(["report", "--runs", str(kept)])
    assert "the same call with this store does" in " ".join(capsys.readouterr().out.split())


def test_seeds_that_other_code_scored_are_not_averaged_with_those_of_the_last_call(tmp_path):
    own = ["seed", "edge", "op", "score"]
    how = {"store": tmp_path, "baselines": False, **GRID["settings"]}
    for factor, seeds in ((1.0, [0, 1, 2]), (-1.0, [0, 1]), (1.0, [0, 1])):

        @opscore.register_proxy("edited", higher_is_better=True, source="this test")
        def edited(network, batch, factor=factor):
            return factor * sum(weight.numel() for weight in network.parameters())

        try:
            asked = opscore.initial(["zc-pt(edited)"], seeds, **how)
            with nullcontext() if factor > 0 else pytest.warns(Note, match="seed 2: left out"):
                found = opscore.open_store(tmp_path).initial()
        finally:
            opscore.unregister_proxy("edited")
        scores, expected = (
            each.scores[each.scores["policy"] == "zc-pt(edited)"][own] for each in (found, asked)
        )
        assert len(scores.merge(expected)) == len(expected)  # those of the code of the last call
        assert set(scores["seed"]) == (set(seeds) if factor < 0 else {0, 1, 2})


def test_runs_that_are_missing_are_told(store, tmp_path):
    kept = Path(shutil.copytree(store, tmp_path / "runs"))
    gone = next(run for run in stored_runs(kept) if run.policy == "zc-pt(nwot)")
    shutil.rmtree(gone.folder)
    with pytest.warns(Note, match="5 of 6 runs are finished"):
        found = opscore.open_store(kept).initial(space="nasbench201")
    assert found.scores.groupby("policy")["seed"].nunique()["zc-pt(nwot)"] == 1
