"""Networks and scores of one's own: ``opscore score`` and ``opscore evaluate``."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from running import run
from torch import nn
from torch.nn import functional

import opscore
from opscore.data.records import read_record
from opscore.errors import UserError
from opscore.images import load_images
from opscore.proxies import get_proxy
from opscore.supernets import build_network, find_target


class Odd(nn.Module):
    """Layers that some proxies count, and others that they do not."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.seen, self.unseen = nn.ReLU(), nn.GELU()
        self.narrow = nn.Conv1d(8, 8, 1)
        self.never = nn.Linear(3, 3)
        self.scale = nn.Parameter(torch.ones(8))
        self.norm = nn.BatchNorm1d(8)
        self.classifier = nn.Linear(8, 10)

    def forward(self, images):
        features = functional.relu(self.unseen(self.seen(self.stem(images))))
        return self.classifier(self.norm(self.narrow(features.flatten(2)).mean(2) * self.scale))


def test_what_is_not_counted_is_said_with_its_place():
    network = Odd()
    found = opscore.score(network, "nwot,snip,params", images="noise", batch_size=8)
    assert found.scores["status"].tolist() == ["ok"] * 3
    counted = sum(p.numel() for p in network.parameters()) - 12
    assert found.scores.set_index("proxy").loc["params", "value"] == counted
    rows = found.not_counted.to_dict("records")
    told = {(row["by"], row["kind"], row["place"].partition(" ")[0]) for row in rows}
    assert told == {
        ("snip", "Odd", "the"),
        ("nwot", "GELU", "unseen"),
        ("snip", "Conv1d", "narrow"),
        ("params", "Linear, never called", "never"),
        ("nwot", "relu", "'relu'"),
    }
    assert "unseen" in repr(found)
    assert opscore.score(network, "meco", images="noise", batch_size=8).not_counted.empty


def test_a_network_of_a_space_has_the_scores_that_it_has_there():
    state = opscore.get_space("nasbench201").architecture([3] * 6)
    network = build_network(state, "smoke", seed=3)
    images = load_images("digits").minibatch(8, 5, "score")
    found = opscore.score(network, "nwot,synflow", images="digits", batch_size=8, seed=5)
    for name, value in zip(found.scores["proxy"], found.scores["value"], strict=True):
        assert value == get_proxy(name).score_network(network, images).value
    assert found.not_counted.empty


def test_a_function_draws_its_weights_from_the_seed():
    def make():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))

    with pytest.raises(UserError, match="no weights yet"):
        opscore.score(make, "nwot", images="noise", batch_size=4)

    def whole():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3600, 10))

    def of(seed):
        return opscore.score(whole, "l2_norm", images="noise", batch_size=4, seed=seed).scores

    assert of(0)["value"].tolist() == of(0)["value"].tolist() != of(1)["value"].tolist()


NETS = """
from torch import nn


def fine():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10))


def three():
    return 3


def fails():
    raise KeyError("why")


def grey():
    return nn.Conv2d(1, 3, 3)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_nets.py").write_text(NETS)
    draw = np.random.default_rng(0)
    images = draw.standard_normal((6, 3, 16, 16)).astype(np.float32)
    np.savez("fine.npz", batch_x=images, batch_y=draw.integers(0, 10, 6))
    np.savez("last.npz", batch_x=images.transpose(0, 2, 3, 1))
    np.savez("bare.npz", batch_x=images)
    yield tmp_path
    sys.modules.pop("own_nets", None)


def test_the_command_scores_a_minibatch_from_a_file(here, capsys):
    asked = ["score", "own_nets:fine", "--batch", "fine.npz", "--proxies", "snip,params", "--json"]
    code, out, _ = run(capsys, *asked)
    found = json.loads(out)
    assert code == 0
    assert [row["proxy"] for row in found["scores"]] == ["snip", "params"]
    assert found["scores"][1]["value"] == 4 * 28 + 4 * 14 * 14 * 10 + 10
    assert found["settings"]["images"] == "file fine.npz"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("own_nets:fin", "unknown name in own_nets 'fin'; did you mean"),
        ("own_net:fine", "unknown module 'own_net'; did you mean own_nets?"),
        ("own_nets", "'own_nets' names no object; the form is module:name or file.py:name"),
        ("own_nets:three", "three() returns a int, and no torch.nn.Module"),
        ("own_nets:fails", "fails() cannot be run (KeyError: 'why')"),
        ("own_nets:grey", "Conv2d cannot take images of 3 x 32 x 32"),
        ("own_nets:fine", "Sequential cannot take images of 3 x 32 x 32"),
        ("own_nets:fine --batch last.npz", "it looks like channels last"),
        ("own_nets:fine --batch bare.npz --proxies snip", "snip needs labels"),
        ("own_nets:fine --batch fine.npz --proxies nwo", "did you mean nwot?"),
        ("own_nets:fine --batch fine.npz --proxies tenas", "ranks candidates"),
    ],
)
def test_what_does_not_fit_is_one_line(here, capsys, arguments, said):
    code, out, err = run(capsys, "score", *arguments.split())
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.fixture(scope="module")
def shipped():
    table = read_record("architecture_scores")[0].sample(60, random_state=0)
    return table[["architecture", "params", "nwot"]]


def test_scores_are_judged_by_every_task_beside_what_ships(shipped, data_dir, monkeypatch):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    mine = shipped[["architecture"]].assign(mine=-shipped["params"])
    found = opscore.evaluate_scores("nasbench201", mine, higher_is_better=False).agreement
    assert set(found["task"]) == {"cifar10", "cifar100", "imagenet16-120"}
    assert found["proxy"].unique().tolist() == ["mine", "nwot", "synflow", "params", "flops"]
    rows = found[found["subset"] == "all"].set_index(["task", "proxy"])
    oracle = opscore.load_oracle("nasbench201", "cifar100")
    accuracy = [oracle.accuracy(name) for name in mine["architecture"]]
    expected = shipped["params"].corr(pd.Series(accuracy, shipped.index), method="spearman")
    for name in ("mine", "params"):
        row = rows.loc[("cifar100", name)]
        assert row["spearman"] == pytest.approx(expected)
        assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
        assert row["kendall_low"] < row["kendall"] < row["kendall_high"]


def test_other_spaces_count_parameters_and_multiplications(data_dir, monkeypatch):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    space = opscore.get_space("nasbench-macro")
    draw = np.random.default_rng(0).integers(3, size=(8, 8)).tolist()
    names = [space.format(space.architecture(choices)) for choices in draw]
    table = pd.DataFrame({"architecture": names, "params": np.arange(8.0)})
    judged = opscore.evaluate_scores("nasbench-macro", table)
    assert judged.own == "params (yours)"
    counted = judged.scores[judged.scores["proxy"] == "params"].set_index("architecture")
    size = find_target("nasbench-macro").size(space.parse(names[0]))
    assert counted["strength"][names[0]] == size.params


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (
            lambda t: pd.concat([t, t[:1]]),
            "--score nwot",
            "rows 0 and 60 name the same architecture twice",
        ),
        (lambda t: t.assign(architecture="|nothing~0|"), "--score nwot", "row 0: "),
        (lambda t: t.rename(columns={"architecture": "net"}), "", "which column has the archit"),
        (lambda t: t, "--score param", "unknown column of numbers 'param'; did you mean params?"),
        (lambda t: t, "", "which column has the scores? The columns of numbers are params, nwot"),
        (
            lambda t: t.assign(nwot=["failed", *t["nwot"].astype(str)[1:]])[
                ["architecture", "nwot"]
            ],
            "",
            "nwot of row 0 is 'failed'",
        ),
        (lambda t: t.assign(params=np.inf), "--score params", "params of row 0 is 'inf'"),
        (lambda t: t, "--space darts --score params", "no table of accuracies"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(
    here, capsys, shipped, data_dir, monkeypatch, change, arguments, said
):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    change(shipped).to_csv("scores.csv", index=False)
    code, out, err = run(capsys, "evaluate", "scores.csv", *arguments.split())
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["strength", 0])
def test_a_column_of_scores_may_have_any_name(shipped, data_dir, monkeypatch, name):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    table = shipped[["architecture"]].assign(**{"x": shipped["nwot"]}).rename(columns={"x": name})
    found = opscore.evaluate_scores("nasbench201", table)
    rows = found.agreement.set_index(["proxy", "task", "subset"])["spearman"]
    assert rows[str(name), "cifar10", "all"] == pytest.approx(rows["nwot", "cifar10", "all"])


def test_architectures_without_a_score_are_counted(here, capsys, shipped, data_dir, monkeypatch):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    table = shipped[["architecture"]].head(16).assign(mine=np.arange(16.0))
    table.loc[table.index[:4], "mine"] = np.nan
    table.to_csv("scores.csv", index=False)
    code, out, _ = run(capsys, "evaluate", "scores.csv", "--json", "--out", "out")
    found = json.loads(out)
    assert code == 0
    assert "4 of them without a score" in found["settings"]["notes"][0]
    assert found["settings"]["notes"][-2].startswith(
        "truth: test, 200 epochs, mean over trainings;"
    )
    assert found["settings"]["notes"][-1] == "intervals: 1,000 resamples of the architectures"
    assert {row["n"] for row in found["agreement"] if row["proxy"] == "mine"} >= {12}
    assert (here / "out" / "agreement.parquet").is_file()
