from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from running import run

import opscore
from opscore.errors import UserError
from opscore.experiments import OracleSettings
from opscore.published import table2, table5
from opscore.search import SearchSettings
from opscore.search.base import CANDIDATES, TRACE
from opscore.search.result import ARCHITECTURES, SUMMARY, published_beside

SMALL = ["--size", "smoke", "--batch-size", "8", "--images", "digits", "-N", "2", "-V", "2"]
BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Two methods and two seeds, kept in a store."""
    store = tmp_path_factory.mktemp("runs")
    settings = {"size": "smoke", "batch_size": 8, "images": "digits"}
    settings |= {"proposals": 2, "validation": 2, "store": store}
    methods = ["zero-cost-pt(nwot)", "random"]
    return opscore.run_search(methods, seeds=(0, 1), **settings), methods, settings


def test_a_result_has_its_frames(result, tmp_path):
    found = result[0]
    assert list(found.architectures) == list(ARCHITECTURES)
    assert list(found.candidates) == ["method", "seed", *CANDIDATES]
    assert list(found.trace) == ["method", "seed", *TRACE]
    assert (found.architectures["regret"] >= 0).all()
    summary = found.summary()
    assert list(summary) == list(SUMMARY)
    first = summary.iloc[0]
    own = found.architectures
    own = own[(own["method"] == first["method"]) & (own["dataset"] == first["dataset"])]["error"]
    assert first["error"] == pytest.approx(own.mean())
    assert first["std"] == pytest.approx(own.std())
    assert np.isnan([first["ci_low"], first["ci_high"]]).all()  # two seeds have no interval
    assert all(path.is_file() for path in found.save(tmp_path))


def test_methods_are_compared_by_seed(result):
    found = result[0]
    compared = found.compare("zero-cost-pt(nwot)", "random")
    wide = found.architectures.pivot_table(
        index="seed", columns=["dataset", "method"], values="error"
    )
    for row in compared.itertuples():
        one, other = wide[row.dataset][row.method_a], wide[row.dataset][row.method_b]
        assert row.difference == pytest.approx((one - other).mean())
        assert row.n_pairs == 2
    with pytest.raises(UserError, match="did you mean random"):
        found.compare("zero-cost-pt(nwot)", "randm")


def test_finished_searches_are_found_again(result, monkeypatch):
    first, methods, settings = result
    from opscore.search import call as searching

    monkeypatch.setattr(searching.SearchUnit, "compute", None)
    again = opscore.run_search(methods, seeds=(0, 1), **settings)
    for name in ("architectures", "candidates", "trace", "costs"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))


@pytest.mark.exhaustive  # tests/search has the like
def test_workers_change_nothing(result):
    first, methods, settings = result
    settings = {**settings, "store": None}
    again = opscore.run_search(methods, seeds=(0, 1), jobs=2, **settings)
    for name in ("architectures", "candidates", "trace"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))


def test_given_architectures_are_evaluated():
    space = opscore.get_space("nasbench201")
    found = opscore.evaluate_search([BEST, space.architecture(["none"] * 6)])
    for _, rows in found.groupby("dataset"):
        assert rows["regret"].iloc[0] < rows["regret"].iloc[1]
        assert rows["rank"].iloc[0] < 1000
    with pytest.raises(UserError, match="bad NAS-Bench-201 string"):
        opscore.evaluate_search(["|conv|"])


def test_every_dataset_of_the_real_table(data_dir):
    found = opscore.evaluate_search([BEST], data_dir=data_dir)
    assert found["dataset"].tolist() == ["cifar10", "cifar100", "imagenet16-120"]
    row = found.set_index("dataset").loc["cifar10"]
    assert row["error"] == pytest.approx(5.63, abs=0.01)
    assert (row["rank"], row["regret"]) == (1, pytest.approx(0))


@pytest.mark.parametrize(
    "method", ["zero-cost-pt(nwot)", "zero-cost-disc(nwot)", "random", "darts"]
)
def test_no_error_is_published_for_another_space(method):
    for order in ("random", "fixed"):
        settings = SearchSettings(
            space="nasbench-macro", order=order, images="cifar10", batch_size=256
        )
        found = published_beside(method, "cifar10", settings)
        assert (found.n, found.source) == (0, "")
        assert np.isnan([found.value, found.std]).all()


@pytest.mark.usefixtures("data_dir")
def test_published_errors_stand_beside_the_settings_that_they_belong_to():
    def published(method, dataset="cifar10", **changed):
        settings = SearchSettings(
            **{"images": "cifar10", "training": "paper", "batch_size": 256} | changed
        )
        return published_beside(method, dataset, settings).value

    two, five = table2().set_index("method"), table5().set_index("order")
    assert published("zero-cost-pt(nwot)") == two.loc["nwot", "cifar10"]
    assert published("zero-cost-pt(snip)", "imagenet16-120") == two.loc["snip", "imagenet16"]
    assert published("zero-cost-disc(nwot)") == two.loc["Zero-Cost-Disc(nwot)", "cifar10"]
    assert published("random") == two.loc["Random", "cifar10"]
    for order in ("fixed", "global-op-iter"):
        assert published("zero-cost-pt(nwot)", order=order) == five.loc[order, "cifar10"]
    # Nothing is published for these.
    for method, changed in (
        ("zero-cost-pt(nwot)", {"proposals": 1}),
        ("zero-cost-pt(nwot)", {"size": "smoke"}),
        ("zero-cost-pt(nwot)", {"batch_size": 64}),
        ("zero-cost-pt(nwot)", {"images": "noise"}),
        ("zero-cost-pt(nwot)", {"race": 0.99}),
        ("darts", {"training": "cpu"}),
        ("random", {"oracle": OracleSettings(split="valid")}),
        ("zero-cost-pt(snip)", {"order": "fixed"}),
        ("zero-cost-disc(nwot)", {"order": "fixed"}),
        ("zero-cost-pt(ntk)", {}),
    ):
        assert pd.isna(published(method, **changed))
    # What a method does not depend on makes no difference.
    assert published("random", size="smoke", batch_size=4) == two.loc["Random", "cifar10"]


def test_the_command_prints_one_json_object(capsys, tmp_path):
    runs = ["--runs", str(tmp_path)]
    code, out, err = run(capsys, "search", *SMALL, *runs, "--policy", "disc-zc", "--json")
    assert (code, err) == (0, "")
    payload = json.loads(out)
    tables = {"architectures", "summary", "candidates", "trace", "costs", "settings"}
    assert set(payload) == tables
    assert payload["summary"][0]["method"] == "zero-cost-disc(nwot)"
    assert set(payload["architectures"][0]) == set(ARCHITECTURES)
    code, out, _ = run(capsys, "search", *SMALL, *runs, "--policy", "disc-zc")
    assert code == 0
    for expected in ("N = 2, V = 2", "zero-cost-disc(nwot)", "smoke size"):
        assert expected in out
    assert "published" not in out  # nothing is, of these settings


def test_a_search_in_bfloat16_runs_and_says_so(capsys, tmp_path):
    rough = ["--precision", "bf16", "--runs", str(tmp_path), "--quiet"]
    code, out, err = run(capsys, "search", *SMALL, *rough)
    assert (code, err) == (0, "")
    assert "faithful scores in bf16" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--proxy", "nwat"], "did you mean nwot"),
        (["--order", "randm"], "did you mean random"),
        (["--methods", "zero-cost-pt"], "needs a proxy"),
        (["--methods", " "], "no search method was asked for"),
        (["-N", "0"], "proposals is 1 or more"),
        (["--policy", "darts"], "not 'darts'"),
        (["--methods", "random", "--proxy", "synflow"], "goes without --proxy and --policy"),
        (["--precision", "bf16", "--proxy", "snip"], "proxy 'snip' has no fast path in bf16"),
        (["--precision", "bf17"], "did you mean bf16"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "search", *SMALL, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_methods_are_listed(capsys):
    code, out, _ = run(capsys, "methods", "--json")
    assert code == 0
    listed = {row["method"] for row in json.loads(out)["methods"]}
    assert {"zero-cost-pt(PROXY)", "zero-cost-disc(PROXY)"} <= listed
    assert run(capsys, "methods")[0] == 0
