"""The truths of NAS-Bench-Macro, NAS-Bench-1Shot1 and TransNAS-Bench-101, against known facts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from opscore.errors import UserError
from opscore.oracles import available_oracles, load_oracle, load_oracles
from opscore.spaces import NASBENCH_MACRO, NB1SHOT1


def test_macro_facts(data_dir):
    truth = load_oracle("nasbench-macro", data_dir=data_dir)
    assert (truth.dataset, truth.split, truth.epochs, truth.seeds) == ("cifar10", "test", 50, "max")
    (best, accuracy), *_ = truth.top(1)
    assert NASBENCH_MACRO.format(best) == "22212220"
    assert accuracy == pytest.approx(93.127, abs=5e-4)
    assert truth.n_places == 3969
    twin = NASBENCH_MACRO.parse("22202212")
    assert truth.rank(twin) == truth.rank(NASBENCH_MACRO.canonical(twin))
    assert truth.noise().n_repeated == 3969


@pytest.mark.parametrize(
    ("number", "rows", "networks", "lowest"),
    [(1, 2487, 2127, 5.7993), (2, 3609, 3258, 6.0931)],
)
def test_oneshot_facts(data_dir, number, rows, networks, lowest):
    truth = load_oracle(f"nb1shot1-{number}", data_dir=data_dir)
    assert int(truth.rows.sum()) == rows
    assert truth.n_places == networks
    assert truth.n_missing == 0
    assert truth.error(truth.top(1)[0][0]) == pytest.approx(lowest, abs=1e-4)
    assert truth.epochs == 108
    assert set(available_oracles(f"nb1shot1-{number}", data_dir)["split"]) == {"test", "valid"}


@pytest.mark.parametrize(
    ("number", "to_best", "to_average"), [(1, 0.750, 0.625), (2, 0.375, 0.625)]
)
def test_the_authors_logged_scores_of_oneshot_agree_as_published(
    data_dir, number, to_best, to_average
):
    logged = json.loads((data_dir / "nb1shot1_op_strength.json").read_text())[f"space{number}"]
    table = load_oracle(f"nb1shot1-{number}", data_dir=data_dir).table()
    blocks = table[table["edge"] < 4]
    best, mean = (blocks[name].to_numpy().reshape(4, 3) for name in ("best", "mean"))
    assert best / 100 == pytest.approx(np.array(logged["best_test_acc"]))
    assert mean / 100 == pytest.approx(np.array(logged["avg_test_acc"]))
    for truth, published in ((best, to_best), (mean, to_average)):
        for policy in ("zc-pt", "disc-zc"):
            scores = [row[policy] for row in logged["scores"]]
            pairs = zip(scores, truth, strict=True)
            rho = np.mean([spearmanr(score, value).statistic for score, value in pairs])
            assert rho == pytest.approx(published)


@pytest.mark.parametrize("number", [1, 2])
def test_every_numbering_of_a_oneshot_cell_has_the_accuracy_of_its_row(data_dir, number):
    space, truth = NB1SHOT1[number - 1], load_oracle(f"nb1shot1-{number}", data_dir=data_dir)
    frame = pd.read_parquet(data_dir / f"nb1shot1_space{number}.parquet")
    by_graph = frame.groupby("graph_hash")["mean_test_error"].first()
    hashes = set()
    draw = np.random.default_rng(number)
    for choices in draw.integers(space.choice_counts, size=(200, len(space.edges))):
        state = space.architecture([int(choice) for choice in choices])
        assert truth.knows(state) == space.is_valid(state)
        if truth.knows(state):
            same = space.canonical(state)
            assert truth.rows[same.architecture_indices]
            assert truth.accuracy(state) == truth.accuracy(same)
            hashes.add(round(truth.error(state) / 100, 6))
        else:
            with pytest.raises(UserError, match="the table lacks"):
                truth.accuracy(state)
    assert hashes <= set(by_graph.round(6))


def test_transnas_facts(data_dir):
    truths = load_oracles("transnas-micro", data_dir=data_dir)
    agreement = {}
    for task, truth in truths.items():
        edges = truth.table().groupby("edge")
        agreement[task] = np.mean([spearmanr(e["best"], e["mean"]).statistic for _, e in edges])
    assert {task: round(rho, 2) for task, rho in agreement.items()} == {
        "class_scene": 0.47,
        "class_object": 0.83,
        "jigsaw": 0.03,
        "room_layout": 0.57,
        "segmentsemantic": 0.50,
        "normal": 0.47,
        "autoencoder": 0.32,
    }
    best = {task: truth.top(1)[0][1] for task, truth in truths.items()}
    assert best["class_scene"] == pytest.approx(54.94, abs=0.005)
    assert best["room_layout"] == pytest.approx(-0.601, abs=5e-4)
    assert best["autoencoder"] == pytest.approx(0.577, abs=5e-4)


def test_macro_networks_count_once_however_they_are_written(data_dir):
    truth = load_oracle("transnas-macro", data_dir=data_dir)
    space = truth.space
    assert truth.dataset == "class_scene"
    assert (truth.n_missing, truth.n_places) == (0, 3256)
    table = pd.read_parquet(data_dir / "transnas_macro.parquet")
    values = table.set_index("arch_str")["val_class_scene"]
    last = space.initial_state().discretize("module 6", "plain")
    ends = values.index.str.fullmatch("64-[1-4]{5}1-basic")
    assert truth.mean(last) == pytest.approx(values[ends].mean())
    assert truth.best(last) == pytest.approx(values[ends].max())
    state = space.architecture(("wider",) * 4 + ("absent", "coarser"))
    assert truth.accuracy(state) == values["64-22213-basic"]
    # No row has a fourth doubling: then all ways to write a network count, here of a single one.
    for edge in range(4):
        last = last.discretize(edge, "wider")
    assert truth.best(last) == truth.mean(last) == values["64-222131-basic"]


def test_dead_edges_tell_how_far_one_training_can_be_trusted(data_dir):
    truths = load_oracles("transnas-micro", data_dir=data_dir)
    found = {task: truth.noise() for task, truth in truths.items()}
    assert {noise.n_repeated for noise in found.values()} == {2044}
    assert "76 groups" in found["jigsaw"].basis
    known = {
        "class_scene": 0.33,
        "class_object": 0.59,
        "jigsaw": 1.6,
        "room_layout": 0.009,
        "segmentsemantic": 0.032,
        "normal": 0.007,
        "autoencoder": 0.022,
    }
    assert {task: noise.std for task, noise in found.items()} == pytest.approx(known, rel=0.06)
    assert np.isnan(found["jigsaw"].spearman)


def test_an_error_is_what_is_missing_to_the_best_value_there_could_be(data_dir):
    truths = load_oracles("transnas-micro", data_dir=data_dir)
    best = truths["room_layout"].top(1)[0][0]
    assert truths["room_layout"].error(best) == pytest.approx(0.601, abs=5e-4)  # a loss
    assert truths["normal"].error(best) == 1 - truths["normal"].accuracy(best)  # a similarity
    assert truths["jigsaw"].error(best) == 100 - truths["jigsaw"].accuracy(best)


@pytest.mark.parametrize(
    ("space", "arguments", "words"),
    [
        ("nasbench-macro", {"dataset": "cifar100"}, "no cifar100 test .* it has: cifar10 test"),
        ("nasbench-macro", {"epochs": 200}, "at 200 epochs .* it has: cifar10 test at 50 epochs"),
        ("transnas-micro", {"dataset": "scene"}, "it has: .*class_scene valid"),
        ("nb1shot1-1", {"source": "anb"}, "unknown oracle source 'anb'"),
    ],
)
def test_what_a_table_has_not(data_dir, space, arguments, words):
    with pytest.raises(UserError, match=words):
        load_oracle(space, data_dir=data_dir, **arguments)


@pytest.mark.parametrize(
    ("space", "command"),
    [
        ("nasbench-macro", "opscore data fetch nasbench-macro"),
        ("nb1shot1-2", "opscore data fetch nb1shot1"),
        ("transnas-micro", "opscore data fetch transnas"),
    ],
)
def test_a_missing_table_names_the_command(tmp_path, monkeypatch, space, command):
    monkeypatch.setenv("OPSCORE_DATA", str(tmp_path))
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=command):
        load_oracle(space)
