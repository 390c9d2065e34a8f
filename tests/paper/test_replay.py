from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import running

from opscore import published, schema
from opscore.analysis import edge_correlations
from opscore.cli import main
from opscore.data import MADE_TABLES, ORIGINALS, add
from opscore.data.locate import SHIPPED
from opscore.errors import UserError
from opscore.paper.replay import (
    FIGURE2,
    INITIAL_FILE,
    TABLE1,
    TENAS_BY_HAND,
    initial_scores,
    progressive_scores,
    replay_figure2,
    replay_nb1shot1,
    replay_progressive,
    replay_table1,
)
from opscore.published import progressive_correlations, published_initial


@pytest.fixture(scope="module")
def figure2(data_dir):
    return replay_figure2(data_dir)


@pytest.fixture(scope="module")
def table1(data_dir):
    return replay_table1(data_dir)


def test_figure2_comes_out_pair_by_pair(figure2):
    known = pd.concat([published.correlation_matrix(), published.other_correlations()])
    pairs = known.merge(figure2["correlation"], on=["policy", "reference"], how="left")
    assert len(pairs) == 90 + 14
    np.testing.assert_allclose(pairs["rho_y"], pairs["rho_x"], atol=0.000501)
    assert (figure2["correlation"]["n_seeds"] == 1).all()
    assert (figure2["correlation"]["n_excluded"] == 0).all()


def test_figure2_edge_by_edge(figure2):
    expected = {
        "zc-pt(nwot)": [1, 0.9, 0.8, 0.3, 0.7, 0.9],
        "zc-pt(synflow)": [0.9, 0.7, 0.9, -0.1, 0.6, 0.8],
        "darts-pt": [0.6, 0.2, 0.8, 0.4, -0.1, 0.6],
        "tenas": [0.6, 0.5, 0.7, -0.2, 0.41, 0.6],
        "disc-zc(nwot)": [0.3, 0, 0.8, 0.4, -0.3, -0.6],
        "disc-acc": [0.1, -0.6, -0.7, 0.7, -0.5, -0.9],
    }
    for policy, rho in expected.items():
        found = edge_correlations(figure2["scores"], policy, "best-acc")["rho"]
        assert found.tolist() == pytest.approx(rho, abs=0.001), policy


def test_figure2_differences_are_paired_over_six_edges(figure2):
    frame = figure2["differences"].set_index(["policy_a", "policy_b"])
    row = frame.loc[("disc-zc(nwot)", "zc-pt(nwot)")]
    assert row["difference"] == pytest.approx(0.1 - 0.7666666667)
    assert row["n_units"] == 6


def test_table1_comes_out_to_the_digit(table1):
    known = published.table1().set_index("policy")
    found = table1[table1["dataset"] == "cifar10"].set_index("policy")
    for policy in known.index.drop("tenas"):
        assert round(found.loc[policy, "error"], 2) == known.loc[policy, "error"], policy
        assert found.loc[policy, "rank"] == known.loc[policy, "rank"], policy
    by_hand = found.loc[TENAS_BY_HAND]
    assert (round(by_hand["error"], 2), by_hand["rank"]) == (7.19, 1817)
    by_rule = found.loc["tenas"]
    assert (round(by_rule["error"], 2), by_rule["rank"]) == (8.13, 5438)
    assert table1["policy"].drop_duplicates().tolist()[: len(TABLE1)] == list(TABLE1)


def test_table1_on_the_other_datasets(table1):
    errors = table1.set_index(["policy", "dataset"])["error"].round(2)
    expected = {
        "best-acc": (26.78, 53.29),
        "avg-acc": (28.89, 58.56),
        "zc-pt(nwot)": (27.58, 54.67),
        "disc-acc": (41.86, 72.18),
        "darts-pt": (52.07, 73.71),
        "disc-zc(nwot)": (55.83, 78.70),
        "darts": (84.39, 83.68),
        TENAS_BY_HAND: (30.97, 58.15),
    }
    for policy, pair in expected.items():
        assert (errors[policy, "cifar100"], errors[policy, "imagenet16-120"]) == pair, policy


def test_table1_keeps_the_older_disc_acc_row(table1):
    row = table1.query("policy == 'disc-acc (older run)' and dataset == 'cifar10'").iloc[0]
    assert (round(row["error"], 2), row["rank"]) == (13.59, 12788)


def test_progressive_comes_out(data_dir):
    known = published.progressive_correlations()
    found = replay_progressive(data_dir)
    pairs = found.merge(known, on=["policy", "iteration"], how="left")
    assert len(pairs) == 36
    np.testing.assert_allclose(pairs["rho_x"], pairs["rho_y"], atol=0.000501)
    assert (found["n_seeds"] == 4).all()
    assert found["n_edges"].tolist() == [6, 5, 4, 3, 2, 1] * 6


def test_the_spread_over_seeds_comes_out(data_dir):
    scores = progressive_scores(data_dir)
    cells = edge_correlations(scores, "zc-pt(nwot)", "best-acc", reference_iteration=0)
    means = cells.groupby(["iteration", "seed"])["rho"].mean()
    assert means[0].tolist() == pytest.approx([0.733, 0.767, 0.750, 0.783], abs=0.0005)
    spread = means.groupby("iteration").std().tolist()
    assert spread == pytest.approx([0.022, 0.041, 0.106, 0.126, 0.118, 0.115], abs=0.001)


def test_score_tables_obey_the_schema(data_dir):
    for scores in (initial_scores(data_dir), progressive_scores(data_dir)):
        pd.testing.assert_frame_equal(scores, schema.conform(scores, "scores"))
        signs = (scores["strength"] == scores["score"]).groupby(scores["policy"]).all()
        assert not signs["zc-pt(nwot)"]
        assert signs["best-acc"]
    assert initial_scores(data_dir)["seed"].isna().all()


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A machine that has nothing but the package."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_fresh_machine_has_the_raw_scores(fresh):
    rho = replay_figure2()["correlation"].set_index(["policy", "reference"])["rho"]
    for policy, expected in published_initial().items():
        if policy in FIGURE2 and policy != "best-acc":
            assert rho[policy, "best-acc"] == pytest.approx(expected, abs=0.000501)
    found = replay_progressive().set_index(["policy", "iteration"])["rho"]
    published = progressive_correlations().set_index(["policy", "iteration"])["rho"]
    assert found["zc-pt(nwot)", 0] == pytest.approx(published["zc-pt(nwot)", 0], abs=0.000501)


def test_without_accuracies_table_1_names_the_command(fresh):
    with pytest.raises(UserError, match="opscore data fetch nasbench201'") as raised:
        replay_table1(fresh)
    assert "\n" not in str(raised.value)


def test_raw_scores_that_were_changed_are_refused(fresh):
    (fresh / "published").mkdir()
    path = fresh / "published" / "initial_scores.parquet"
    content = bytearray((SHIPPED / "published" / "initial_scores.parquet").read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        initial_scores(fresh)


def test_table_1_on_the_datasets_that_there_are(fresh, data_dir):
    frame = pd.read_parquet(data_dir / "nasbench201.parquet")
    columns = ["arch_str", *(f"cifar10_test_seed{number}" for number in range(3))]
    frame[columns].to_parquet(fresh / "nasbench201.parquet", index=False)
    found = replay_table1(fresh)
    assert set(found["dataset"]) == {"cifar10"}
    whole = replay_table1(data_dir).query("dataset == 'cifar10'").reset_index(drop=True)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), whole)


def run(capsys, *arguments):
    code, out, err = running.run(capsys, "replay", *arguments)
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize(
    ("command", "tables"),
    [
        ("figure2", {"scores", "correlation", "differences"}),
        ("table1", {"selection"}),
        ("progressive", {"correlation"}),
    ],
)
def test_json_is_one_object_with_the_contracted_tables(capsys, data_dir, command, tables):
    payload = json.loads(run(capsys, command, "--json", "--data-dir", str(data_dir)))
    assert set(payload) == {*tables, "settings"}
    for table in tables & set(schema.TABLES):
        assert set(payload[table][0]) == set(schema.TABLES[table])
    assert payload["settings"]["command"] == f"replay {command}"
    assert INITIAL_FILE in payload["settings"]["files"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("figure2", ["zc-pt(nwot)", "+0.767", "published", "disc-acc: the 5-epoch values"]),
        ("table1", ["13,770", "5,438", "1,817", "tenas: none and nor_conv_3x3 tie"]),
        ("progressive", ["+0.758", "published", "initial best-acc"]),
    ],
)
def test_people_see_recomputed_beside_published(capsys, data_dir, tmp_path, command, words):
    folder = tmp_path / "out"
    out = run(capsys, command, "--data-dir", str(data_dir), "--out", str(folder))
    for word in words:
        assert word in out
    assert out.count(" no ") == (command == "table1")  # tenas by the first index
    assert list(folder.glob("*.csv"))
    assert bool(list(folder.glob("*.png"))) == (command != "table1")


@pytest.fixture(scope="module")
def oneshot_dir(data_dir, tmp_path_factory):
    """A data folder with what the authors' files of NAS-Bench-1Shot1 give."""
    folder = tmp_path_factory.mktemp("data")
    chosen = folder / "chosen"
    for table in ("nb1shot1-1", "nb1shot1-2", "published-nb1shot1"):
        for name in MADE_TABLES[table].made_of:
            path = data_dir / ORIGINALS[name].path
            place = chosen / path.relative_to(data_dir / "originals")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    add(chosen, data_dir=folder)
    return folder


def test_the_searches_of_oneshot_come_out_with_their_deviations(oneshot_dir):
    known = published.other_spaces().query("study == 'progressive' and space != 'nb1shot1-3'")
    key = ["space", "policy", "reference", "iteration"]
    pairs = known.merge(replay_nb1shot1(oneshot_dir), on=key, how="left")
    assert len(pairs) == 16
    np.testing.assert_allclose(pairs["rho_y"], pairs["rho_x"], atol=0.000501)
    np.testing.assert_allclose(pairs["std_y"], pairs["std_x"], atol=0.000501)
    assert (pairs["n_seeds_y"] == 4).all()
    assert pairs["n_edges"].tolist() == [4 - t for t in pairs["iteration"]]


def test_replay_of_oneshot_says_what_agrees_and_what_is_not_here(capsys, oneshot_dir, tmp_path):
    out = run(capsys, "nb1shot1", "--data-dir", str(oneshot_dir), "--out", str(tmp_path / "out"))
    assert "0.792 (0.210)" in out
    assert (out.count(" yes "), out.count(" no ")) == (4, 1)  # 'there is no small download'
    assert "nb1shot1-3: without its table" in out
    assert (tmp_path / "out" / "replay_nb1shot1.csv").is_file()
    payload = json.loads(run(capsys, "nb1shot1", "--json", "--data-dir", str(oneshot_dir)))
    assert set(payload) == {"correlation", "settings"}
    assert {row["space"] for row in payload["correlation"]} == {"nb1shot1-1", "nb1shot1-2"}


def test_replay_of_oneshot_names_what_it_needs(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as stopped:
        main(["replay", "nb1shot1"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "opscore data fetch published" in error or "opscore data fetch nb1shot1" in error
    assert error.count("\n") == 1
