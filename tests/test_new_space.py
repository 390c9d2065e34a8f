"""A space that docs/spaces/adding.md describes runs every general command as it stands there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from running import run

import opscore
from opscore.experiments import resolve
from opscore.images import IMAGE_SETS, NoiseImages
from opscore.oracles import ORACLES, Accuracies
from opscore.search import ORDERS
from opscore.spaces import SPACES
from opscore.supernets import SUPERNETS
from opscore.testing import check_proxy, check_space

PAGE = Path(__file__).parents[1] / "docs" / "spaces" / "adding.md"
SMALL = ["--space", "ladder", "--size", "smoke", "--batch-size", "6", "--images", "three"]


@pytest.fixture(autouse=True)
def ladder(tmp_path, monkeypatch):
    """The page's code, but for its last example, as a module; and an image set of three classes."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    source = tmp_path / "ladder.py"
    source.write_text("\n".join(blocks[:-1]), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("ladder", source)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "ladder", module)
    monkeypatch.chdir(tmp_path)
    IMAGE_SETS.add("three", lambda data_dir: NoiseImages("three", n_classes=3))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        IMAGE_SETS.remove("three")
        for registry in (SPACES, SUPERNETS, ORACLES):
            registry.remove("ladder")


def test_it_keeps_the_promises_of_a_space():
    check_space("ladder")
    check_proxy("nwot", ["ladder"])
    check_proxy("synflow", ["ladder"])


def test_networks_have_as_many_classes_as_the_images(ladder):
    settings = resolve(
        opscore.experiments.ScoringSettings(
            policies=("random",), space="ladder", size="smoke", images="three", batch_size=4
        )
    )
    context = opscore.experiments.ScoringContext(settings, 0)
    assert context.supernet.classifier.out_features == 3
    assert context.thin_supernet.classifier.out_features == 3


def test_initial_scores_and_picks_without_a_truth(capsys, tmp_path):
    policies = "zc-pt(nwot),disc-zc(synflow),darts,disc-acc,random"
    code, out, err = run(capsys, "initial", *SMALL, "--policies", policies, "--out", "out")
    assert code == 0, err
    assert "no truth: space 'ladder' has no table of accuracies" in err
    assert "Architecture picked on each edge (no truth)" in out
    assert "No truth: Spearman between policies" in out
    assert "published" not in out
    assert (tmp_path / "out" / "figure2_left.png").is_file()
    assert not (tmp_path / "out" / "best_acc.png").exists()
    code, out, _ = run(capsys, "initial", *SMALL, "--policies", policies, "--json")
    payload = json.loads(out)
    assert {row["rank"] for row in payload["selection"]} == {None}
    assert {row["error"] for row in payload["selection"]} == {None}
    assert all("+" in row["architecture"] for row in payload["selection"])
    pairs = [(row["policy"], row["reference"]) for row in payload["correlation"]]
    assert len(pairs) == 5 * 4, "each policy with each other one"
    assert {row["edge"] for row in payload["scores"]} == {0, 1, 2}


def test_progressive_scoring_decides_stage_after_stage(capsys):
    policies = "zc-pt(synflow),darts-pt,random"
    code, out, err = run(capsys, "progressive", *SMALL, "--policies", policies, "--json")
    assert code == 0, err
    payload = json.loads(out)
    assert payload["correlation"] == []
    for policy in policies.split(","):
        own = [row for row in payload["decisions"] if row["policy"] == policy]
        assert [row["edge"] for row in own] == [0, 1, 2]
        assert own[2]["op"].count("+") == 1
    first = ("zc-pt(synflow)", "random")
    own = [row for row in payload["agreement"] if (row["policy"], row["reference"]) == first]
    assert [(row["iteration"], row["n_edges"]) for row in own] == [(0, 2), (1, 1), (2, 1)]
    code, out, _ = run(capsys, "progressive", *SMALL, "--policies", policies)
    assert code == 0
    assert "No truth: Spearman between policies by iteration (open edges)" in out
    assert "Architecture that each search ended on: no truth" in out
    code, _, err = run(capsys, "progressive", *SMALL, "--order", "2,0,1")
    assert code == 2
    assert "in stages, and this order mixes them" in err
    assert len(err.strip().splitlines()) == 2  # that there is no truth, and the error


@pytest.mark.parametrize("order", ORDERS)
def test_search_in_every_order(capsys, order):
    small = ["-N", "2", "-V", "1", "--order", order]
    code, out, err = run(capsys, "search", *SMALL, *small, "--json")
    assert code == 0, err
    payload = json.loads(out)
    assert [row["rank"] for row in payload["architectures"]] == [None]
    assert [row["published"] for row in payload["summary"]] == [None]


def test_search_says_first_that_there_is_no_truth(capsys):
    methods = "random,naswot(synflow),evolution(synflow),max-params,darts,zero-cost-disc(nwot)"
    small = ["-N", "1", "-V", "1", "--evaluations", "4"]
    code, out, err = run(capsys, "search", *SMALL, *small, "--methods", methods)
    assert code == 0, err
    assert err.startswith("no truth: space 'ladder' has no table of accuracies")
    assert "published" not in out
    assert "Architectures found: no truth" in out
    assert "regret" not in out
    assert "Cost of a search" in out
    code, _, err = run(capsys, "search", *SMALL, "--methods", "optimum")
    assert code == 2
    assert "method 'optimum' needs a truth" in err


def test_what_needs_the_truth_says_so_in_a_line(capsys):
    for command in (
        ["oracle", "ladder"],
        ["initial", *SMALL, "--policies", "best-acc"],
        ["initial", *SMALL, "--dataset", "cifar10"],
    ):
        code, out, err = run(capsys, *command)
        assert code == 2, command
        assert out == ""
        assert "space 'ladder' has no table of accuracies" in err


def test_spaces_shows_it(capsys):
    code, out, _ = run(capsys, "spaces", "ladder", "--json")
    (row,) = json.loads(out)["spaces"]
    assert code == 0
    assert row["architectures"] == 27
    assert row["keeps"] == [1, 1, 2]
    assert row["stages"] == [[0, 1], [2]]
    assert (row["oracle"], row["tasks"]) == (None, [])


def test_proxies_of_its_architectures(ladder):
    values = opscore.evaluate_proxies(
        "ladder",
        ["conv_3x3,conv_1x1,stem+rung2", "skip_connect,conv_1x1,rung1+rung2"],
        ["nwot", "params"],
        size="smoke",
        images="three",
        batch_size=4,
    )
    assert values["status"].tolist() == ["ok"] * 4


def test_with_a_truth_it_has_errors_ranks_and_correlations(capsys, ladder):
    ORACLES.add("ladder", ladder.load_accuracies)
    policies = "zc-pt(nwot),zc-pt(synflow),random"
    code, out, err = run(capsys, "initial", *SMALL, "--policies", policies, "--json")
    assert code == 0, err
    payload = json.loads(out)
    assert {row["dataset"] for row in payload["selection"]} == {"mine"}
    best = next(row for row in payload["selection"] if row["policy"] == "best-acc")
    assert best["rank"] >= 1
    assert payload["settings"]["oracle"]["epochs"] == 10
    code, out, _ = run(capsys, "progressive", *SMALL, "--policies", policies, "--out", "out")
    assert code == 0
    assert Path("out/figure2_right.png").is_file()
    # Equal architectures have one place: of 27, nine read the stem and the first rung, and these
    # are three.
    assert opscore.load_oracle("ladder").n_places == 27 - 9 + 3
    code, out, _ = run(capsys, "oracle", "ladder")
    assert code == 0
    assert "mine accuracy" in out


def test_another_choice_of_rows_is_another_truth(ladder, tmp_path):
    given, found = ladder.load_accuracies("auto", None), []
    space = SPACES["ladder"]
    whole = np.zeros(space.choice_counts, dtype=bool)
    for rows in (None, np.arange(whole.size).reshape(whole.shape) % 2 == 0):
        ORACLES.remove("ladder")
        (key,) = given
        table = Accuracies({key: given.arrays[key]}, "made up", None, default=key, rows=rows)
        ORACLES.add("ladder", lambda source, data_dir, table=table: table)
        result = opscore.initial(["avg-acc"], space="ladder", store=tmp_path / "runs")
        found.append(result.scores.query("policy == 'avg-acc'")["score"].tolist())
    assert found[0] != found[1]


def test_a_partial_truth_says_what_it_covers(capsys, ladder):
    def partial(source, data_dir):
        whole = ladder.load_accuracies(source, data_dir)
        (key,) = whole
        values = whole.arrays[key].copy()
        values[0, 0] = np.nan
        return Accuracies({key: values}, "made up", None, default=key)

    ORACLES.add("ladder", partial)
    code, _, err = run(capsys, "initial", *SMALL)
    assert code == 2
    assert "lacks 3 of 27 architectures" in err
    code, out, err = run(capsys, "initial", *SMALL, "--allow-partial")
    assert code == 0, err
    assert "3 architectures missing (covers 88.9 %)" in out.replace("\n", " ")
