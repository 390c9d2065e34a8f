from __future__ import annotations

import pytest

from opscore.data.layout import DATASETS, SPLITS, AccuracyColumn, column_name, parse_column


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("trial", ["seed777", "trial0"])
def test_names_are_read_as_they_are_written(dataset, split, trial):
    name = column_name(dataset, split, 12, trial)
    assert parse_column(name) == AccuracyColumn(dataset, split, 12, "trial")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10_test_seed0", AccuracyColumn("cifar10", "test", 200, "trial")),
        ("cifar100_test_mean", AccuracyColumn("cifar100", "test", 200, "mean")),
        ("imagenet16_test_mean", AccuracyColumn("imagenet16-120", "test", 200, "mean")),
        ("imagenet16_val_200ep", AccuracyColumn("imagenet16-120", "valid", 200, "value")),
        ("cifar10_12ep_val", AccuracyColumn("cifar10", "valid", 12, "value")),
        ("cifar100_12ep_test", AccuracyColumn("cifar100", "test", 12, "value")),
    ],
)
def test_names_of_tables_that_are_passed_around(name, expected):
    assert parse_column(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "arch_str",
        "params",
        "cifar10_test_n_seeds",
        "cifar10_test_mean_nats",
        "cifar10_test_extra_nats_seed",
        "svhn_test_200ep_seed0",
    ],
)
def test_other_columns_are_left_alone(name):
    assert parse_column(name) is None
