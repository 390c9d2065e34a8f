"""Truths of a sample: by hand on a table of four cells, and those that a user may have."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from opscore.analysis import agreement_of_kinds, fit_additive
from opscore.cli import main
from opscore.errors import UserError
from opscore.experiments.initial.result import initial
from opscore.experiments.settings import resolve_oracle
from opscore.oracles import SampledOracle, has_oracle, load_accuracies, load_oracle, load_truth
from opscore.settings import OracleSettings
from opscore.spaces import get_space

SPACE = get_space("darts")


def cell(first, rest):
    """Eight pairs: an operation on edge 0->2, another on seven edges; nodes read 0 and 1."""
    pairs = [(first, 0), *[(rest, 1), (rest, 0)] * 3, (rest, 1)]
    return str(pairs)


def genotype(first, rest="skip_connect", reduce="skip_connect"):
    return (
        f"Genotype(normal={cell(first, rest)}, normal_concat=range(2, 6), "
        f"reduce={cell(reduce, 'max_pool_3x3')}, reduce_concat=range(2, 6))"
    )


NAMES = [
    genotype("sep_conv_3x3"),
    genotype("sep_conv_3x3", "max_pool_3x3"),
    genotype("dil_conv_5x5"),
    genotype("skip_connect", reduce="sep_conv_5x5"),
]
LAST = [90.0, 92.0, 95.0, 80.0]


@pytest.fixture
def folder(tmp_path):
    """A folder with the full trainings of four cells, and two trainings of two others."""
    columns = ("last_test_acc", "test_acc_400ep", "test_acc_100ep")
    frame = pd.DataFrame({"genotype": NAMES, **dict.fromkeys(columns, LAST)})
    frame = frame.assign(best_test_acc=[91.0, 93.0, 95.5, 85.0])
    frame.to_parquet(tmp_path / "darts_trained_600ep.parquet")
    pd.DataFrame(
        {
            "what": ["two seeds, 20 cells", "8 cells, 20 cells", "two seeds, 20 cells"],
            "first": [96.0, 90.0, 97.0],
            "second": [96.2, 99.0, 97.4],
        }
    ).to_parquet(tmp_path / "darts_trained_600ep_noise.parquet")
    return tmp_path


@pytest.fixture
def truth(folder):
    return load_oracle("darts", source="trained", data_dir=folder)


def test_what_an_operation_is_worth_is_the_mean_of_the_cells_that_have_it(truth):
    start = SPACE.initial_state()
    assert isinstance(truth, SampledOracle)
    assert (truth.n_places, truth.n_missing, truth.epochs) == (4, 0, 600)
    assert truth.mean(start) == np.mean(LAST)
    assert truth.mean(start.discretize("normal 0->2", "sep_conv_3x3")) == 91.0
    assert truth.best(start.discretize("normal 0->2", "sep_conv_3x3")) == 92.0
    assert truth.mean(start.discretize("reduce 0->2", "skip_connect")) == np.mean(LAST[:3])
    both = start.discretize("normal 0->2", "sep_conv_3x3").discretize("normal 1->2", "skip_connect")
    assert truth.mean(both) == 90.0
    pruned = start.prune("normal 0->2", "sep_conv_3x3")
    assert truth.mean(pruned) == np.mean(LAST[2:])


def test_edges_that_no_node_keeps_have_no_operation(truth):
    start = SPACE.initial_state()
    # Every node reads 0 and 1: no cell has the edge 2->3, whatever is written for it.
    assert np.isnan(truth.mean(start.discretize("normal 2->3", "max_pool_3x3")))
    assert truth.mean(start.discretize("inputs of normal 3", "0")) == np.mean(LAST)
    assert np.isnan(truth.mean(start.discretize("inputs of normal 3", "2")))


def test_cells_are_found_and_ranked(truth):
    assert truth.accuracy(NAMES[1]) == 92.0
    assert truth.rank(NAMES[1]) == 2
    assert truth.top(1) == [(SPACE.parse(NAMES[2]), 95.0)]
    other = genotype("avg_pool_3x3")
    assert not truth.knows(other)
    with pytest.raises(UserError, match="the sample lacks"):
        truth.accuracy(other)
    assert "a sample of 4 architectures" in truth.describe()


def test_noise_is_that_of_two_trainings_of_other_cells(truth, folder):
    noise = truth.noise()
    assert noise.n_repeated == 2
    assert noise.std == pytest.approx((0.2 + 0.4) / 2 / 2**0.5)
    (folder / "darts_trained_600ep_noise.parquet").unlink()
    load_accuracies("darts", "trained", folder)


def test_another_accuracy_is_another_dataset(folder):
    best = load_oracle("darts", "cifar10-best-epoch", source="trained", data_dir=folder)
    assert best.accuracy(NAMES[0]) == 91.0
    assert set(load_truth("darts", source="trained", data_dir=folder).tables) == {
        "cifar10",
        "cifar10-best-epoch",
    }


def test_a_sample_is_never_meant_when_nobody_says(folder):
    assert not has_oracle("darts")
    assert has_oracle("darts", "trained")
    assert resolve_oracle(OracleSettings(), "darts", folder).source == "none"
    with pytest.raises(UserError, match="did you mean trained"):
        resolve_oracle(OracleSettings(source="traind"), "darts", folder)
    with pytest.raises(UserError, match="only samples: --oracle-source nb301, trained"):
        load_oracle("darts", data_dir=folder)


def test_scores_are_compared_with_a_sample(folder):
    result = initial(
        ["random"],
        space="darts",
        size="smoke",
        batch_size=2,
        images="noise",
        baselines=False,
        oracle=OracleSettings(source="trained"),
        data_dir=folder,
    )
    known = result.scores[result.scores["policy"] == "avg-acc"]
    assert len(known) == 28 * 7 + 2 * (3 + 4 + 5)
    first = known[(known["edge"] == 0) & (known["op"] == "sep_conv_3x3")]
    assert first["score"].item() == 91.0
    assert any("two halves of the sample" in note for note in result.notes())


def test_the_command_says_what_a_sample_permits(folder, capsys):
    asked = ["oracle", "darts", "--source", "trained", "--data-dir", str(folder), "--noise"]
    with pytest.raises(SystemExit) as stopped:
        main([*asked, "--architecture", NAMES[0], "--json"])
    assert stopped.value.code == 0
    payload = json.loads(capsys.readouterr().out)
    assert set(payload["agreement_of_halves"]) == {"normal", "reduce"}
    row = next(r for r in payload["estimates"] if r["edge"] == 0 and r["op"] == "sep_conv_3x3")
    assert (row["n"], row["estimate"], row["standard_error"]) == (2, 91.0, 1.0)
    assert payload["model"]["n_architectures"] == 4
    assert payload["architecture"]["accuracy"] == 90.0
    assert payload["architecture"]["rank"] == 3
    with pytest.raises(SystemExit) as stopped:
        main(asked)
    out = capsys.readouterr().out
    assert "Estimate, not a truth" in out
    assert "from an architecture that is left out" in out


@pytest.mark.exhaustive
def test_the_surrogate_tells_operations_of_the_normal_cell_apart(data_dir):
    """Split halves .75 for the normal cell and .28 for the reduction cell, found by hand."""
    accuracies = load_oracle("darts", source="nb301", data_dir=data_dir).accuracies
    assert len(accuracies) == 1218
    halves = agreement_of_kinds("darts", accuracies)
    assert halves["normal"] == pytest.approx(0.75, abs=0.02)
    assert halves["reduce"] == pytest.approx(0.28, abs=0.03)
    model = fit_additive("darts", accuracies)
    assert model.error < 0.4 * accuracies.std()
    trained = load_oracle("darts", source="trained", data_dir=data_dir)
    assert len(trained.architectures) == 214
    expected = pd.Series([model.predict(name) for name in trained.accuracies.index])
    own = trained.accuracies.reset_index(drop=True)
    assert expected.corr(own, method="spearman") > 0.5


@pytest.mark.parametrize(
    ("source", "count"), [("trained", 214), ("trained-50", 526), ("trained-short", 189)]
)
def test_tables_that_a_user_may_have(data_dir, source, count):
    found = load_accuracies("darts-none", source, data_dir)
    assert found.sample is not None
    assert len(found.sample) == count
    assert len(set(found.sample)) == count
