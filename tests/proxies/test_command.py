from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from opscore.cli import main
from opscore.cli.proxies import COMPARED, compare
from opscore.proxies import list_proxies


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    captured = capsys.readouterr()
    return stop.value.code, captured.out


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
    columns = {column: draw.normal(size=count) for _, column, _ in COMPARED}
    return pd.DataFrame(columns, index=[f"a{index}" for index in range(count)])


def values_frame(published):
    rows = [
        {"architecture": name, "proxy": proxy, "value": value, "seconds": 0.5}
        for proxy, column, _ in COMPARED
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
    rows = {row["proxy"]: row for row in compare(values, published)}
    assert rows["snip"]["agrees"] is False


def test_check_runs_on_the_published_values(capsys, data_dir, tmp_path):
    options = ("--count", "4", "--batch-size", "8", "--store", str(tmp_path / "v.parquet"))
    code, out = run(
        capsys, "proxies", "check", *options, "--size", "smoke", "--json", "--data-dir",
        str(data_dir),
    )  # fmt: skip
    assert code in {0, 1}
    rows = json.loads(out)["check"]
    assert [row["proxy"] for row in rows] == [name for name, _, _ in COMPARED]
    assert all(row["n"] + row["n_excluded"] == 4 for row in rows)
