"""The layout of a NAS-Bench-201 table: one row per architecture, percent accuracies.

``arch_str`` is the official string. Accuracies of single trainings stand in float64 columns named

    {dataset}_{split}_{epochs}ep_seed{seed}      cifar10_test_200ep_seed777
    {dataset}_{split}_{epochs}ep_trial{number}   the same where the seed is unknown

with dataset one of cifar10, cifar100, imagenet16 (short for ImageNet16-120) and split one of test,
valid; NaN where there was no such training. Column order is the order of the trials. Any other
column is left alone. The file's metadata say what the table was made of.

Columns of tables that people pass around are read too: ``cifar10_test_seed0`` (one training, 200
epochs), ``cifar100_test_mean`` (a mean over trainings, 200 epochs), ``cifar100_val_200ep``,
``cifar10_12ep_test`` (one value each).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opscore.data.tables import write_checked

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SPLITS = ("test", "valid")

_SHORT = {"imagenet16-120": "imagenet16"}
_DATASET = r"(?P<dataset>cifar10|cifar100|imagenet16)"
_PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "trial",
            rf"{_DATASET}_(?P<split>test|valid)_(?P<epochs>\d+)ep_(seed|trial)(?P<trial>\w+)",
        ),
        ("trial", rf"{_DATASET}_(?P<split>test|valid)_seed(?P<trial>\d+)"),
        ("mean", rf"{_DATASET}_(?P<split>test|valid)_mean"),
        ("value", rf"{_DATASET}_(?P<split>val)_(?P<epochs>\d+)ep"),
        ("value", rf"{_DATASET}_(?P<epochs>\d+)ep_(?P<split>test|val)"),
    )
)


@dataclass(frozen=True)
class AccuracyColumn:
    """What a column of accuracies holds.

    ``kind`` is 'trial' (one training), 'mean' (over trainings) or 'value' (one value, not said
    which).
    """

    dataset: str
    split: str
    epochs: int
    kind: str


def column_name(dataset: str, split: str, epochs: int, trial: str) -> str:
    """The column of a training; ``trial`` is such as 'seed777' or 'trial0'."""
    return f"{_SHORT.get(dataset, dataset)}_{split}_{epochs}ep_{trial}"


def parse_column(name: str) -> AccuracyColumn | None:
    """What a column holds; None for a column of something else."""
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(name)
        if match is not None:
            found = match.groupdict()
            short = found["dataset"]
            dataset = next((long for long, s in _SHORT.items() if s == short), short)
            split = {"val": "valid"}.get(found["split"], found["split"])
            return AccuracyColumn(dataset, split, int(found.get("epochs") or 200), kind)
    return None


def write_table(
    path: Path,
    strings: Sequence[str],
    columns: Mapping[str, Sequence[float]],
    metadata: Mapping[str, str],
) -> None:
    """Write a table in this layout, whole or not at all, with its checksum."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "arch_str": list(strings),
            **{name: np.asarray(values, dtype=float) for name, values in columns.items()},
        }
    )
    write_checked(path, frame, metadata)
