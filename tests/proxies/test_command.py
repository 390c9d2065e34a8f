from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from opscore.cli import main
from opscore.data import add
from opscore.errors import UserError
from opscore.paper.proxy_values import (
    PUBLISHED_VALUES,
    PublishedValues,
    compare,
    compare_operations,
    published_values,
)
from opscore.proxies import list_proxies
from opscore.spaces import get_space

ON = published_values("nasbench201-proxies").on()
COMPARED = [(row.proxy, row.column) for row in ON]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    captured = capsys.readouterr()
    return stop.value.code, captured.out


def only(proxy):
    return tuple(row for row in ON if row.proxy == proxy)


def test_the_list_shows_sign_mode_needs_and_source(capsys):
    code, out = run(capsys, "proxies", "--no-cost", "--json")
    assert code == 0
    payload = json.loads(out)
    rows = {row["proxy"]: row for row in payload["proxies"]}
    assert list(rows) == list_proxies()
    assert rows["ntk"]["higher_is_better"] is False
    assert rows["snip"]["needs"] == ["gradients", "labels"]
    assert all(row["source"] for row in rows.values())
    assert "tenas" in payload["combinations"]


def published_frame(count=30):
    draw = np.random.default_rng(0)
    columns = {column: draw.normal(size=count) for _, column in COMPARED}
    return pd.DataFrame(columns, index=[f"a{index}" for index in range(count)])


def values_frame(published):
    rows = [
        {"architecture": name, "proxy": proxy, "value": value, "seconds": 0.5}
        for proxy, column in COMPARED
        for name, value in published[column].items()
    ]
    return pd.DataFrame(rows)


def test_the_comparison_leaves_failures_out_and_says_so():
    published = published_frame()
    values = values_frame(published)
    values.loc[(values.proxy == "snip") & (values.architecture == "a3"), "value"] = np.nan
    published.loc["a5", "jacov"] = -1e8
    published.loc["a6", "nwot"] = -np.inf
    rows = {row["proxy"]: row for row in compare(values, published)}
    assert all(row["spearman"] == pytest.approx(1) for row in rows.values())
    assert rows["snip"]["n_excluded"] == 1
    assert rows["jacob_cov"]["n_excluded"] == 1
    assert rows["nwot (train mode)"]["n_excluded"] == 1
    assert rows["params"]["n_excluded"] == 0
    assert rows["snip"]["agrees"] is True
    assert rows["grasp"]["agrees"] is None


def test_a_proxy_that_disagrees_is_found():
    published = published_frame()
    values = values_frame(published)
    values.loc[values.proxy == "snip", "value"] *= -1
    (row,) = compare(values, published, only("snip"))
    assert row["agrees"] is False


def test_few_architectures_are_no_disagreement_but_a_reversed_order_is():
    """Noise that takes a correlation of few architectures below what is asked, and no more."""
    published = published_frame(12)
    values = values_frame(published)
    fisher = values.proxy == "fisher"
    values.loc[fisher, "value"] += 0.3 * np.random.default_rng(4).normal(size=12)
    (found,) = compare(values, published, only("fisher"))
    assert found["spearman"] < found["asked"] < found["ci_high"]
    assert found["agrees"] is True
    values.loc[fisher, "value"] *= -1
    (found,) = compare(values, published, only("fisher"))
    assert found["agrees"] is False


def test_check_runs_on_the_published_values(capsys, data_dir, tmp_path):
    store = str(tmp_path / "runs")
    options = ("--all", "--count", "4", "--batch-size", "8", "--runs", store)
    code, out = run(
        capsys, "proxies", "check", *options, "--size", "smoke", "--json", "--data-dir",
        str(data_dir),
    )  # fmt: skip
    rows = json.loads(out)["check"]
    assert code == int(any(row["agrees"] is False for row in rows))
    assert [row["proxy"] for row in rows] == [name for name, _ in COMPARED]
    assert all(row["n"] + row["n_excluded"] == 4 for row in rows)


@pytest.mark.parametrize("against", ["nasbench201-zen", "transnas-micro"])
def test_check_runs_on_every_table(capsys, data_dir, tmp_path, against):
    store = str(tmp_path / "runs")
    options = ("--all", "--count", "4", "--batch-size", "8", "--runs", store)
    code, out = run(
        capsys, "proxies", "check", "--against", against, *options, "--size", "smoke", "--json",
        "--data-dir", str(data_dir),
    )  # fmt: skip
    payload = json.loads(out)
    rows = {row["proxy"]: row for row in payload["check"]}
    assert code == int(any(row["agrees"] is False for row in rows.values()))
    assert list(rows) == [row.proxy for row in published_values(against).on()]
    assert payload["settings"]["against"] == against
    assert all(row["n"] + row["n_excluded"] == 4 for row in rows.values())


def test_fewer_than_three_values_are_no_disagreement():
    published = published_frame(2)
    rows = compare(values_frame(published), published)
    assert {row["agrees"] for row in rows} == {None}


def of_architectures():
    return [name for name, table in PUBLISHED_VALUES.items() if isinstance(table, PublishedValues)]


@pytest.mark.parametrize("name", of_architectures())
def test_the_same_architectures_are_compared_every_time(data_dir, name):
    table = published_values(name)
    first = table.read(20, data_dir=data_dir)
    assert len(first) == first.index.nunique() == 20
    pd.testing.assert_frame_equal(first, table.read(40, data_dir=data_dir)[:20])
    assert list(first) == [row.column for row in table.on()]


OPERATIONS = published_values("darts-operations")


def test_published_scores_of_operations_are_those_of_the_file(data_dir):
    found = OPERATIONS.read(28, data_dir)
    raw = pd.read_parquet(data_dir / "darts_proxydiff_scores.parquet")
    edges = get_space("darts").edges
    names = [edges[edge] for edge in found["edge"]]
    keys = zip(found["policy"], names, found["op"], found["strength"], strict=True)
    assert set(keys) == set(zip(raw["proxy"], raw["edge"], raw["op"], raw["score"], strict=True))
    few = OPERATIONS.read(3, data_dir)
    assert few["edge"].nunique() == 3
    assert set(few["edge"]) < set(OPERATIONS.read(5, data_dir)["edge"])


def scores_of_operations(policy, seed, change):
    draw = np.random.default_rng(1)
    rows = [(edge, op, draw.normal()) for edge in range(6) for op in "abcde"]
    frame = pd.DataFrame(rows, columns=["edge", "op", "strength"])
    frame["strength"] = change(frame)
    return frame.assign(policy=policy, seed=seed, iteration=0, status="ok", seconds=0.5)


def test_scores_of_operations_are_compared_within_edges_and_over_all():
    row = OPERATIONS.on()[0]
    published = scores_of_operations(row.column, pd.NA, lambda f: f["strength"])
    published = published.drop(columns="seconds")
    ours = scores_of_operations("zc-pt(nwot)", 0, lambda f: f["strength"] + 10 * (f["edge"] % 3))
    ours = ours.astype({"seed": "Int64"})
    (found,) = compare_operations(ours, published, [row])
    assert (found["n"], found["n_edges"], found["agrees"]) == (30, 6, True)
    assert found["within"] == pytest.approx(1)
    assert found["spearman"] < 0.9
    failed = ours.assign(status=["out of memory"] + ["ok"] * 29)
    (found,) = compare_operations(failed, published, [row])
    assert (found["n"], found["n_excluded"]) == (29, 1)
    (found,) = compare_operations(ours.assign(strength=-ours["strength"]), published, [row])
    assert found["within"] == pytest.approx(-1)
    assert found["agrees"] is False


def test_check_runs_on_published_scores_of_operations(capsys, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--against", "darts-operations", "--count", "3", "--size", "smoke", "--json"]
    options += ["--batch-size", "8", "--runs", str(tmp_path / "runs")]
    code, out = run(capsys, "proxies", "check", *options, "--data-dir", str(data_dir))
    rows = json.loads(out)["check"]
    assert code == int(any(row["agrees"] is False for row in rows))
    assert [(row["proxy"], row["published"]) for row in rows] == [
        (row.proxy, row.column) for row in OPERATIONS.on(asked=True)
    ]
    assert all((row["n"], row["n_edges"]) == (21, 3) for row in rows)
    again = run(capsys, "proxies", "check", *options, "--data-dir", str(data_dir))
    assert json.loads(again[1])["check"] == rows, "found in the store, times included"
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["proxies", "check", *options, "--data-dir", str(tmp_path)])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "no darts_proxydiff_scores.parquet in" in said
    assert "there is no download: put it in the folder" in said
    assert len(said.strip().splitlines()) == 1


def test_failures_are_not_taken_for_values(data_dir):
    # 341 architectures of the whole table are cut off from the input, and have a large
    # negative number for zen.
    values = published_values("nasbench201-zen").read(15625, data_dir=data_dir)["zen"]
    assert values.min() > 0
    assert values.isna().sum() == 341


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--against", "transnas"), "did you mean transnas-micro"),
        (("--against", "darts-operation"), "did you mean darts-operations"),
        (("--against", "darts-operations", "--dataset", "svhn"), "cifar10"),
        (("--against", "transnas-micro", "--dataset", "class_scen"), "did you mean class_scene"),
        (("--count", "2"), "--count"),
    ],
)
def test_what_check_has_not_is_one_line(capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        main(["proxies", "check", *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_damaged_table_is_not_compared(data_dir, tmp_path):
    content = bytearray((data_dir / "nb201_zen.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "nb201_zen.parquet").write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        published_values("nasbench201-zen").read(5, data_dir=tmp_path)


def test_a_table_without_some_of_the_values_is_compared_as_far_as_it_goes(
    capsys, data_dir, tmp_path
):
    """As with the one that 'data fetch transnas' makes."""
    add(data_dir / "originals" / "all_benchmarks_zen.zip", data_dir=tmp_path)
    (tmp_path / "cifar10").symlink_to(data_dir / "cifar10")
    store = str(tmp_path / "runs")
    options = ("--all", "--count", "4", "--batch-size", "8", "--runs", store)
    code, out = run(
        capsys, "proxies", "check", "--against", "transnas-micro", *options, "--size", "smoke",
        "--json", "--data-dir", str(tmp_path),
    )  # fmt: skip
    payload = json.loads(out)
    assert [row["proxy"] for row in payload["check"]] == ["zen_score"]
    assert code == int(payload["check"][0]["agrees"] is False)
    assert payload["settings"]["lacking"] == ["synflow", "fisher", "epe_nas"]


def test_evaluate_compares_with_the_accuracies_of_a_table(capsys, tmp_path):
    """Accuracies that rise with the parameters: params agrees wholly."""
    path = tmp_path / "cells.csv"
    names = ["00000000", "11111111", "22222222", "12222222", "not one"]
    pd.DataFrame({"arch": names, "acc": [10.0, 20.0, 30.0, 25.0, 50.0]}).to_csv(path, index=False)
    asked = ["proxies", "evaluate", str(path), "--space", "nasbench-macro", "--accuracy", "acc"]
    asked += ["--proxies", "params,synflow", "--size", "smoke", "--batch-size", "4"]
    asked += ["--images", "noise", "--runs", str(tmp_path / "runs")]
    code, out = run(capsys, *asked, "--json")
    assert code == 0
    payload = json.loads(out)
    agreement = {row["proxy"]: row for row in payload["agreement"] if row["subset"] == "all"}
    assert agreement["params"]["n"] == 4
    assert agreement["params"]["spearman"] == pytest.approx(1.0)
    estimates = [row for row in payload["estimates"] if row["level"] == "edge"]
    assert len(estimates) == 24
    assert payload["settings"]["n_architectures"] == 4
    code, out = run(capsys, *asked, "--quiet", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "Estimate, not a truth" in out
    assert (tmp_path / "out" / "estimates.parquet").is_file()
    code, _ = run(capsys, *asked[:5], "--accuracy", "accuracy")
    assert code == 2
