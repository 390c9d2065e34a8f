from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from running import failing_proxy
from scipy.stats import kendalltau, spearmanr

from opscore.analysis.rank_correlation import RankCorrelation
from opscore.errors import Note, UserError
from opscore.experiments.evaluate import (
    COLUMNS,
    evaluate_proxies,
    proxy_correlations,
)
from opscore.oracles import Oracle
from opscore.proxies import PROXIES, get_proxy, register_proxy
from opscore.spaces import NASBENCH201
from opscore.supernets import build_network

ARCHITECTURES = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|skip_connect~1|nor_conv_1x1~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|",
]
SETTINGS = {"size": "smoke", "images": "digits", "batch_size": 8}


def evaluate(architectures=ARCHITECTURES, proxies=("params", "synflow"), **changes):
    return evaluate_proxies("nasbench201", architectures, proxies, **{**SETTINGS, **changes})


@pytest.fixture
def counting():
    """A proxy that counts how often it is asked, and stops the run at the fourth time."""
    with failing_proxy("counting", {4}, KeyboardInterrupt, higher_is_better=False) as calls:
        yield calls


def kept(store):
    """How many values a store's pieces have."""
    return sum(len(pd.read_parquet(path)) for path in store.glob("evaluate-pieces-*/*.parquet"))


def test_one_row_per_architecture_and_proxy():
    values = evaluate()
    assert list(values.columns) == list(COLUMNS)
    assert values["architecture"].tolist() == [a for a in ARCHITECTURES for _ in range(2)]
    assert values["proxy"].tolist() == ["params", "synflow"] * 3
    ok = values["status"] == "ok"
    assert ok.tolist() == [True, True, True, False, True, True]  # no path, no flow
    assert values["value"].isna().equals(~ok)
    assert (values["images"] == "digits").all()


def test_a_value_is_that_of_a_fresh_network():
    values = evaluate(ARCHITECTURES[:1], ["synflow"], seed=3)
    network = build_network(NASBENCH201.parse(ARCHITECTURES[0]), "smoke", seed=3)
    from opscore.images import load_images

    batch = load_images("digits").minibatch(8, 3, "evaluate")
    expected = get_proxy("synflow").score_network(network, batch)
    assert values["value"].tolist() == [expected.value]


def test_states_and_strings_are_the_same_and_count_once():
    state = NASBENCH201.parse(ARCHITECTURES[0])
    values = evaluate([state, ARCHITECTURES[0]], ["params"])
    assert values["architecture"].tolist() == [ARCHITECTURES[0]]


def test_strength_has_the_sign_of_the_proxy(counting):
    values = evaluate(ARCHITECTURES[:2], ["counting"])
    assert values["value"].tolist() == [1, 2]
    assert values["strength"].tolist() == [-1, -2]


def test_finished_values_are_not_computed_again(tmp_path, counting):
    store = tmp_path / "deep" / "runs"
    first = evaluate(ARCHITECTURES[:2], ["counting"], store=store)
    again = evaluate(ARCHITECTURES, ["counting", "params"], store=store)
    assert len(counting) == 3
    assert again.query("proxy == 'counting'")["value"].tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(
        again.query("proxy == 'counting'")[:2].reset_index(drop=True), first
    )
    assert kept(store) == 6
    assert evaluate(ARCHITECTURES, ["counting", "params"], store=store).equals(again)


def test_a_stopped_run_goes_on_where_it_was(tmp_path, counting, monkeypatch):
    store = tmp_path / "runs"
    monkeypatch.setattr("opscore.experiments.evaluate._SAVE_EVERY", 0)
    counting.append(1)
    with pytest.raises(KeyboardInterrupt):
        evaluate(ARCHITECTURES, ["counting"], store=store)
    assert kept(store) == 2
    values = evaluate(ARCHITECTURES, ["counting"], store=store)
    assert values["value"].tolist() == [2, 3, 5]


def test_settings_do_not_mix_in_one_store(tmp_path, counting):
    store = tmp_path / "runs"
    one = evaluate(ARCHITECTURES[:1], ["counting"], store=store, seed=0)
    two = evaluate(ARCHITECTURES[:1], ["counting"], store=store, seed=1)
    assert [one["value"].item(), two["value"].item()] == [1, 2]
    assert kept(store) == 2
    assert evaluate(ARCHITECTURES[:1], ["counting"], store=store, seed=0)["value"].item() == 1


def test_an_edited_proxy_is_another_measurement(tmp_path):
    store = tmp_path / "runs"
    edits = [lambda network, batch: 1 / 0, lambda network, batch: 2.0]
    try:
        for edit in [*edits, edits[1]]:
            PROXIES.remove("test_edited")
            register_proxy("test_edited", higher_is_better=True, source="this test")(edit)
            found = evaluate(ARCHITECTURES[:1], ["test_edited"], store=store)
        assert found["value"].tolist() == [2.0]
        assert kept(store) == 2
    finally:
        PROXIES.remove("test_edited")


def test_other_images_of_the_same_name_are_another_measurement(tmp_path, counting, monkeypatch):
    store = tmp_path / "runs"
    evaluate(ARCHITECTURES[:1], ["counting"], store=store)
    monkeypatch.setattr(
        "opscore.experiments.dependencies.image_content", lambda name, data_dir: "other labels"
    )
    assert evaluate(ARCHITECTURES[:1], ["counting"], store=store)["value"].tolist() == [2]


def test_memory_that_ran_out_is_tried_again(tmp_path):
    store = tmp_path / "runs"
    calls = []

    @register_proxy("test_memory", higher_is_better=True, source="this test")
    def memory(network, batch):
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 3.0

    try:
        first = evaluate(ARCHITECTURES[:1], ["test_memory"], store=store)
        assert first["value"].isna().all()
        again = evaluate(ARCHITECTURES[:1], ["test_memory"], store=store)
        assert again["value"].tolist() == [3.0]
        assert kept(store) == 1
    finally:
        PROXIES.remove("test_memory")


@pytest.mark.parametrize("pattern", ["evaluate-pieces-*", "evaluate-[0-9a-f]*"])
def test_values_that_were_changed_are_refused(tmp_path, counting, pattern):
    evaluate(ARCHITECTURES[:1], ["counting"], store=tmp_path)
    (path,) = tmp_path.glob(f"{pattern}/*.parquet")
    table = pd.read_parquet(path)
    table["value"] += 1
    table.to_parquet(path)
    asked = ARCHITECTURES[: 2 if "pieces" in pattern else 1]
    with pytest.raises(UserError, match="delete it to redo it"):
        evaluate(asked, ["counting"], store=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proxies": []}, "no proxy"),
        ({"architectures": []}, "no architecture"),
        ({"proxies": ["vote(nwot,synflow)"]}, "no value for one network"),
        ({"size": "papre"}, "did you mean paper"),
        ({"meaning": "clear"}, "did you mean clean"),
        ({"images": "digit"}, "did you mean digits"),
    ],
)
def test_bad_input_is_one_line(changes, message):
    with pytest.raises(UserError, match=message):
        evaluate(**changes)


def frame(strengths):
    rows = [
        {"architecture": f"a{index}", "proxy": proxy, "strength": value}
        for proxy, column in strengths.items()
        for index, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def test_correlations_are_scipys_and_count_what_is_left_out():
    draw = np.random.default_rng(0)
    accuracy = draw.normal(size=60)
    good = accuracy + draw.normal(size=60)
    good[5] = math.nan
    table = proxy_correlations(
        frame({"good": good, "params": draw.integers(0, 5, size=60)}),
        {f"a{index}": value for index, value in enumerate(accuracy)},
        top=(25,),
        correlation=RankCorrelation(n_bootstrap=50),
    ).set_index(["proxy", "subset"])
    row = table.loc["good", "all"]
    kept = ~np.isnan(good)
    assert (row["n"], row["n_excluded"]) == (59, 1)
    assert row["spearman"] == pytest.approx(spearmanr(good[kept], accuracy[kept]).statistic)
    assert row["kendall"] == pytest.approx(kendalltau(good[kept], accuracy[kept]).statistic)
    assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
    best = table.loc["good", "top 25 %"]
    assert best["n"] + best["n_excluded"] == 15
    assert math.isnan(table.loc["params", "all"]["partial"])


def test_accuracies_of_an_architecture_that_stands_there_twice_are_averaged():
    values = frame({"p": [1.0, 2.0, 3.0, 4.0]})
    names = ["a0", "a0", "a1", "a2", "a3"]
    accuracy = pd.Series([90.0, 10.0, 60.0, 70.0, 80.0], index=names)
    with pytest.warns(Note, match="the mean of their accuracies"):
        found = proxy_correlations(values, accuracy, top=())
    assert found["spearman"].item() == pytest.approx(1)


def test_the_partial_correlation_takes_size_out():
    draw = np.random.default_rng(1)
    size = np.arange(200.0)
    accuracy = size + draw.normal(scale=20, size=200)
    only_size = size + draw.normal(scale=20, size=200)
    more = accuracy + draw.normal(scale=5, size=200)
    table = proxy_correlations(
        frame({"only_size": only_size, "more": more, "params": size}),
        {f"a{index}": value for index, value in enumerate(accuracy)},
        top=(),
        correlation=RankCorrelation(n_bootstrap=100),
    ).set_index("proxy")
    assert table.loc["only_size", "spearman"] > 0.8
    assert table.loc["only_size", "partial_low"] < 0 < table.loc["only_size", "partial_high"]
    assert table.loc["more", "partial_low"] > 0.7


def test_an_oracle_serves_as_accuracy():
    accuracies = np.random.default_rng(0).uniform(10, 95, (5,) * 6)
    oracle = Oracle(
        space=NASBENCH201,
        trials=accuracies[..., None],
        dataset="cifar10",
        split="test",
        epochs=200,
        seeds="max",
        source="random numbers",
    )
    names = [NASBENCH201.format(NASBENCH201.architecture([op, 1, 2, 3, 4, op])) for op in range(5)]
    truth = [oracle.accuracy(NASBENCH201.parse(name)) for name in names]
    values = pd.DataFrame({"architecture": names, "proxy": "p", "strength": truth})
    row = proxy_correlations(values, oracle, top=()).iloc[0]
    assert row["spearman"] == pytest.approx(1)


def test_architectures_that_an_oracle_lacks_are_left_out():
    accuracies = np.random.default_rng(0).uniform(10, 95, (5,) * 6)
    accuracies[0] = np.nan
    oracle = Oracle(
        NASBENCH201,
        accuracies[..., None],
        "cifar10",
        "test",
        200,
        "mean",
        "a part of a table",
        allow_partial=True,
    )
    names = [NASBENCH201.format(NASBENCH201.architecture([op, 1, 2, 3, 4, op])) for op in range(5)]
    values = pd.DataFrame({"architecture": names, "proxy": "p", "strength": range(5)})
    with pytest.warns(Note, match="1 of 5 architectures have no accuracy"):
        (count,) = proxy_correlations(values, oracle, top=())["n"]
    assert count == 4


def test_two_proxies_of_one_name_are_refused():
    params = get_proxy("params")
    other = params.variant(function=lambda network, batch: 1.0)
    with pytest.raises(UserError, match="two proxies are called 'params'"):
        evaluate(ARCHITECTURES[:1], [params, other])
    assert len(evaluate(ARCHITECTURES[:1], [params, "params"])) == 1


def test_too_few_architectures_have_no_correlation():
    table = proxy_correlations(frame({"p": [1.0, 2.0]}), {"a0": 1.0, "a1": 2.0}, top=())
    assert math.isnan(table["spearman"].item())


def test_bad_percentages_are_refused():
    with pytest.raises(UserError, match="top x percent"):
        proxy_correlations(frame({"p": [1.0, 2.0]}), {"a0": 1.0, "a1": 2.0}, top=(0,))
