"""NAS-Bench-201's numbers, as the paper and its authors' code print them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from opscore.data.accuracies import parse_strings
from opscore.errors import UserError
from opscore.oracles import available_oracles, list_oracles, load_oracle, load_oracles
from opscore.spaces import NASBENCH201

# The best-acc rows of the authors' score sheet (op_strength_src.csv): none, skip, 1x1, 3x3, pool.
BEST_ACC = [
    [94.15, 94.18, 94.44, 94.68, 93.86],
    [94.24, 94.16, 94.49, 94.68, 94.09],
    [94.25, 94.43, 94.49, 94.68, 94.19],
    [94.16, 94.68, 94.03, 94.04, 93.85],
    [94.29, 94.18, 94.56, 94.68, 94.23],
    [94.05, 94.16, 94.68, 94.56, 94.10],
]
# The same with the mean over an architecture's trainings (recomputed from the authors' table).
BEST_OF_MEANS = [
    [93.95, 94.01, 94.30, 94.37, 93.83],
    [94.18, 94.02, 94.34, 94.37, 93.85],
    [94.24, 94.18, 94.29, 94.37, 94.19],
    [94.02, 94.37, 93.89, 93.94, 93.79],
    [94.13, 94.02, 94.37, 94.37, 94.02],
    [93.88, 94.02, 94.37, 94.37, 93.92],
]
MEAN_OF_MEANS = [
    [81.98, 87.24, 89.84, 90.94, 85.27],
    [84.20, 86.92, 88.86, 89.66, 85.64],
    [86.61, 86.45, 87.81, 88.27, 86.14],
    [79.22, 88.37, 90.58, 91.78, 85.33],
    [84.34, 86.89, 88.67, 89.39, 85.99],
    [81.98, 87.20, 89.65, 90.54, 85.91],
]
# The avg-acc rows of the sheet, which are validation accuracies.
AVG_ACC = [
    [77.36, 83.81, 86.38, 87.32, 81.02],
    [80.03, 83.11, 85.23, 85.99, 81.52],
    [82.90, 82.44, 84.05, 84.49, 81.98],
    [74.02, 85.17, 87.30, 88.28, 81.38],
    [80.14, 83.05, 85.09, 85.70, 81.89],
    [77.61, 83.43, 86.18, 86.95, 81.74],
]
BEST = (3, 3, 3, 1, 3, 2)
ALSO_BEST = (3, 3, 3, 1, 2, 3)


def per_edge(oracle, statistic):
    return oracle.table()[statistic].to_numpy().reshape(6, 5)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data folder and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path))
    return tmp_path


def test_best_acc_is_the_published_one(data_dir):
    oracle = load_oracle(data_dir=data_dir)
    assert oracle.describe().startswith(
        "cifar10 test accuracy, 200 epochs, max over up to 3 trainings; NAS-Bench-201"
    )
    np.testing.assert_allclose(per_edge(oracle, "best"), BEST_ACC, atol=1e-9)


def test_best_acc_of_means_and_avg_acc(data_dir):
    oracle = load_oracle(seeds="mean", data_dir=data_dir)
    np.testing.assert_allclose(per_edge(oracle, "best"), BEST_OF_MEANS, atol=0.00501)
    np.testing.assert_allclose(per_edge(oracle, "mean"), MEAN_OF_MEANS, atol=0.00501)
    edge2 = per_edge(oracle, "best")[2]
    np.testing.assert_allclose(edge2[[0, 1, 4]], [94.240, 94.177, 94.190], atol=5.1e-4)
    assert oracle.mean(NASBENCH201.initial_state()) == pytest.approx(87.056, abs=5e-4)


@pytest.mark.parametrize("split", ["test", "valid"])
def test_operations_rank_as_in_the_published_avg_acc(data_dir, split):
    found = per_edge(load_oracle(split=split, data_dir=data_dir), "mean")
    np.testing.assert_array_equal(rankdata(found, axis=1), rankdata(AVG_ACC, axis=1))


def test_the_best_architectures_tie(data_dir):
    oracle = load_oracle(data_dir=data_dir)
    best, also, third = oracle.top(3)
    assert {best[0], also[0]} == {
        NASBENCH201.architecture(BEST),
        NASBENCH201.architecture(ALSO_BEST),
    }
    assert best[1] == also[1] > third[1]
    assert oracle.error(best[0]) == pytest.approx(5.6267, abs=5e-5)
    assert oracle.rank(best[0]) == oracle.rank(also[0]) == 1
    assert oracle.percentile(best[0]) == pytest.approx(100 * 15_623 / 15_625)


@pytest.mark.parametrize(
    ("ops", "error", "rank"),
    [
        (BEST, 5.63, 1),
        ((3,) * 6, 6.24, 166),
        ((3, 3, 2, 1, 3, 2), 5.81, 14),
        ((0, 0, 0, 1, 0, 0), 13.55, 12_744),
        ((1, 1, 3, 1, 1, 1), 19.43, 13_770),
        ((1, 1, 2, 1, 1, 1), 22.96, 14_274),
        ((1,) * 6, 45.70, 15_231),
        ((3, 0, 1, 3, 3, 1), 7.19, 1_817),
        ((3, 0, 1, 3, 0, 1), 8.13, 5_438),
    ],
)
def test_table_1(data_dir, ops, error, rank):
    oracle = load_oracle(data_dir=data_dir)
    state = NASBENCH201.architecture(ops)
    assert oracle.error(state) == pytest.approx(error, abs=0.00501)
    assert oracle.rank(state) == rank


def test_other_datasets(data_dir):
    oracles = load_oracles(data_dir=data_dir)
    assert list(oracles) == ["cifar10", "cifar100", "imagenet16-120"]
    best = NASBENCH201.architecture(BEST)
    assert oracles["cifar100"].error(best) == pytest.approx(26.78, abs=0.00501)
    assert oracles["imagenet16-120"].error(best) == pytest.approx(53.29, abs=0.00501)
    assert "mean over trainings" in oracles["cifar100"].describe()
    assert "one value each" in load_oracle(split="valid", data_dir=data_dir).describe()
    assert set(load_oracles(split="valid", epochs=12, data_dir=data_dir)) == set(oracles)


def test_what_the_shared_table_has(data_dir):
    available = available_oracles(data_dir=data_dir)
    assert len(available) == 3 * 2 * 2
    assert (available["architectures"] == 15_625).all()
    assert available["trials"].max() == 3


def test_the_table_agrees_with_itself_this_well(data_dir):
    noise = load_oracle(data_dir=data_dir).noise()
    assert noise.n_repeated == 5_439 + 7_961
    assert noise.std == pytest.approx(0.2606, abs=1e-4)
    assert noise.spearman == pytest.approx(0.9863, abs=1e-4)
    assert noise.spearman_top == pytest.approx(0.5550, abs=1e-4)


def test_the_package_against_the_table(data_dir):
    anb = load_oracle(source="anb").mean_accuracy.ravel()
    table = load_oracle(data_dir=data_dir).mean_accuracy.ravel()
    assert spearmanr(anb, table).statistic == pytest.approx(0.9910, abs=1e-4)
    # Three share the 1,000th place. Means with rounding errors would give .7446, a false order.
    best = np.flatnonzero(table >= np.sort(table)[-1000])
    assert len(best) == 1001
    assert spearmanr(anb[best], table[best]).statistic == pytest.approx(0.7444, abs=5e-5)
    assert "0.74 within its best 1,000" in load_oracle(source="anb").source
    frame = pd.read_parquet(data_dir / "nasbench201.parquet")
    nats = np.empty(NASBENCH201.shape)
    nats[tuple(parse_strings(frame["arch_str"]).T)] = frame["cifar10_test_mean_nats"]
    nats = nats.ravel()
    assert spearmanr(anb, nats).statistic == pytest.approx(0.9914, abs=1e-4)
    # The NATS-Bench mean has ties at its 1,000th place; the file's own order decides there.
    top = np.argsort(-nats, kind="stable")[:1000]
    assert spearmanr(anb[top], nats[top]).statistic == pytest.approx(0.7576, abs=1e-3)


def test_the_package_serves_where_there_is_no_table(nowhere):
    oracle = load_oracle()
    description = oracle.describe()
    assert "analog-nasbench" in description
    assert "0.991" in description
    assert "0.74 within its best 1,000" in description
    assert "one training each" in description
    assert oracle.epochs is None
    assert len(oracle.sha256) == 64
    best, accuracy = oracle.top(1)[0]
    assert best == NASBENCH201.architecture(ALSO_BEST)
    assert accuracy == pytest.approx(94.0664)
    assert list(load_oracles()) == ["cifar10"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "cifar100"}, r"no cifar100 test .* it has: cifar10 test"),
        ({"split": "valid"}, r"no cifar10 valid .* it has: cifar10 test"),
        ({"seeds": 1}, r"one value of each architecture, trial 0, and no trial 1"),
        ({"source": "tabel"}, r"did you mean table"),
        ({"source": "table"}, r"no nasbench201\.parquet in .*data add FILE"),
        ({"space": "nasbench202"}, r"did you mean nasbench201"),
    ],
)
def test_what_the_package_has_not(nowhere, arguments, message):
    with pytest.raises(UserError, match=message):
        load_oracle(**arguments)


def test_a_split_that_no_dataset_has(nowhere):
    with pytest.raises(UserError, match=r"no valid accuracies"):
        load_oracles(split="valid")


def test_the_table_is_read_again_when_it_changes(nowhere):
    path = nowhere / "nasbench201.parquet"
    text = NASBENCH201.format(NASBENCH201.architecture(BEST))
    everything = NASBENCH201.initial_state()
    for value in (50.0, 60.0):
        pd.DataFrame({"arch_str": [text], "cifar10_test_seed0": [value]}).to_parquet(path)
        assert load_oracle(allow_partial=True).best(everything) == value


def test_trainings_come_before_their_mean(nowhere):
    text = NASBENCH201.format(NASBENCH201.architecture(BEST))
    columns = {"cifar10_test_mean": [1.0], "cifar10_test_seed0": [2.0], "cifar10_test_seed1": 4.0}
    pd.DataFrame({"arch_str": [text], **columns}).to_parquet(nowhere / "nasbench201.parquet")
    oracle = load_oracle(allow_partial=True)
    assert oracle.n_trials == 2
    assert oracle.accuracy(NASBENCH201.architecture(BEST)) == 3.0


@pytest.mark.parametrize(
    ("strings", "message"),
    [
        (["|none~0|+|none~0|none~1|"], "2 group"),
        (["|none~0|+|none~0|none~1|+|none~0|none~1|nune~2|"], "did you mean none"),
        (["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"] * 2, "twice"),
    ],
)
def test_bad_tables(nowhere, strings, message):
    with pytest.raises(UserError, match=message):
        parse_strings(strings)
    frame = pd.DataFrame({"arch_str": strings, "cifar10_test_seed0": 1.0})
    frame.to_parquet(nowhere / "nasbench201.parquet")
    with pytest.raises(UserError, match=message):
        load_oracle()


def test_what_is_no_table(nowhere):
    (nowhere / "nasbench201.parquet").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="is not a NAS-Bench-201 table"):
        load_oracle()


def test_strings_are_parsed_in_the_spaces_order():
    states = list(NASBENCH201.initial_state().completions())[::997]
    found = parse_strings([NASBENCH201.format(state) for state in states])
    assert [tuple(row) for row in found] == [state.architecture_indices for state in states]


def test_oracles_are_listed():
    assert "nasbench201" in list_oracles()
