"""What is true: dense tables of accuracies, and best, mean and rank over the completions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from opscore.errors import UserError
from opscore.oracles import nasbench201
from opscore.oracles.base import Oracle
from opscore.oracles.nasbench201 import Accuracies
from opscore.oracles.noise import OracleNoise, oracle_noise
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

    Raises:
        UserError: there is no such table; the message lists what there is.
    """
    accuracies = ORACLES[space](source, data_dir)
    key = (dataset, split, epochs)
    if key not in accuracies.arrays:
        have = "; ".join(f"{d} {s} {e} epochs" for d, s, e in accuracies.arrays)
        raise UserError(
            f"no {dataset} {split} accuracies at {epochs} epochs in {accuracies.source}; it has: "
            f"{have}"
        )
    return _oracle(space, key, seeds, accuracies)


def load_oracles(
    space: str = "nasbench201",
    split: str = "test",
    epochs: int = 200,
    source: str = "auto",
    data_dir: Path | None = None,
) -> dict[str, Oracle]:
    """An oracle for every dataset that the source has whole at this split and length."""
    accuracies = ORACLES[space](source, data_dir)
    return {
        key[0]: _oracle(space, key, "mean", accuracies)
        for key, array in accuracies.arrays.items()
        if key[1:] == (split, epochs) and not np.isnan(array).all(axis=-1).any()
    }


def _oracle(
    space: str, key: tuple[str, str, int], seeds: str | int, accuracies: Accuracies
) -> Oracle:
    dataset, split, epochs = key
    return Oracle(
        space=get_space(space),
        trials=accuracies.arrays[key],
        dataset=dataset,
        split=split,
        epochs=epochs,
        seeds=seeds,
        source=accuracies.source,
        sha256=accuracies.sha256,
    )


__all__ = [
    "ORACLES",
    "Oracle",
    "OracleNoise",
    "list_oracles",
    "load_oracle",
    "load_oracles",
    "oracle_noise",
]
