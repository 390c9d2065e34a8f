"""What is true: dense tables of accuracies, and best, mean and rank over the completions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from opscore.errors import UserError
from opscore.oracles import nasbench201
from opscore.oracles.base import Oracle
from opscore.oracles.noise import OracleNoise, oracle_noise
from opscore.oracles.tables import Accuracies
from opscore.registry import Registry
from opscore.spaces import NASBENCH201, get_space

#: For each space a function (source, data_dir) -> all accuracies of that source.
ORACLES: Registry[Callable[[str, Path | None], Accuracies]] = Registry(
    "oracle", entry_points="opscore.oracles"
)
ORACLES.add(NASBENCH201.name, nasbench201.load_accuracies)


def list_oracles() -> list[str]:
    """Names of the spaces that have a table."""
    return list(ORACLES)


def load_oracle(
    space: str = "nasbench201",
    dataset: str = "cifar10",
    split: str = "test",
    epochs: int = 200,
    seeds: str | int = "max",
    source: str = "auto",
    data_dir: Path | None = None,
    *,
    allow_partial: bool = False,
) -> Oracle:
    """The table of a space; the defaults are those of the published best-acc.

    Args:
        space: name of the space.
        dataset: 'cifar10', 'cifar100' or 'imagenet16-120'.
        split: 'test' (published) or 'valid' (Eq. 1 read literally).
        epochs: 200 or 12.
        seeds: 'max' (published), 'mean', or the index of one training.
        source: 'auto' (the best that is found), 'table' or 'anb'.
        data_dir: where files are looked for first.
        allow_partial: leave out architectures that the table lacks.

    Raises:
        UserError: there is no such table, and the message lists what there is; or it lacks
            architectures.
    """
    accuracies = ORACLES[space](source, data_dir)
    return accuracies.oracle(
        get_space(space), (dataset, split, epochs), seeds, allow_partial=allow_partial
    )


def load_oracles(
    space: str = "nasbench201",
    split: str = "test",
    epochs: int = 200,
    source: str = "auto",
    data_dir: Path | None = None,
) -> dict[str, Oracle]:
    """An oracle for every dataset that the source has whole at this split and length.

    Seeds are reduced by 'mean'. UserError when there is no such dataset.
    """
    accuracies = ORACLES[space](source, data_dir)
    this = get_space(space)
    found = {
        key[0]: accuracies.oracle(this, key, "mean")
        for key in accuracies
        if key[1:] == (split, epochs) and accuracies.n_known(key) == this.size
    }
    if not found:
        raise UserError(
            f"no {split} accuracies of all architectures at {epochs} epochs in {accuracies.source}"
        )
    return found


def available_oracles(
    space: str = "nasbench201", data_dir: Path | None = None, source: str = "auto"
) -> pd.DataFrame:
    """What a source has.

    Returns:
        A frame, one row per table: dataset, split, epochs, trials (the most trainings of an
        architecture), architectures (how many have an accuracy), note (what one value is, where
        it is not one training), source.
    """
    accuracies = ORACLES[space](source, data_dir)
    return pd.DataFrame(
        {
            "dataset": key[0],
            "split": key[1],
            "epochs": key[2],
            "trials": accuracies.arrays[key].shape[-1],
            "architectures": accuracies.n_known(key),
            "note": accuracies.notes.get(key, ""),
            "source": accuracies.source,
        }
        for key in accuracies
    )


__all__ = [
    "ORACLES",
    "Accuracies",
    "Oracle",
    "OracleNoise",
    "available_oracles",
    "list_oracles",
    "load_oracle",
    "load_oracles",
    "oracle_noise",
]
