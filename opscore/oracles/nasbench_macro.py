"""NAS-Bench-Macro's accuracies: CIFAR-10 test, 50 epochs, three trainings of each network.

``nasbench_macro.parquet`` (a data folder, or ``opscore data fetch nasbench-macro``) has a row for
each of the 6,561 strings: ``arch`` and ``test_acc_0`` to ``test_acc_2`` in percent. Strings that
are the same network have the same three values.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from opscore.data import file_hash, require
from opscore.data.truths import read_truth
from opscore.errors import unknown
from opscore.oracles.tables import Accuracies, Key
from opscore.spaces.nasbench_macro import NASBENCH_MACRO

FILE = "nasbench_macro.parquet"
DEFAULT: Key = ("cifar10", "test", 50)
_TRIALS = [f"test_acc_{number}" for number in range(3)]


def load_accuracies(source: str, data_dir: Path | None) -> Accuracies:
    """The accuracies of all architectures; UserError when the file is missing or another."""
    if source not in ("auto", "table"):
        raise unknown("oracle source", source, ("auto", "table"))
    path = require(FILE, data_dir)
    return _read(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, modified: int) -> Accuracies:
    """Read the table once for as long as it is not modified."""
    frame = read_truth("nasbench-macro", path)
    array = np.full((*NASBENCH_MACRO.shape, len(_TRIALS)), np.nan)
    places = np.array([NASBENCH_MACRO.parse(text).architecture_indices for text in frame["arch"]])
    array[tuple(places.T)] = frame[_TRIALS].to_numpy()
    return Accuracies({DEFAULT: array}, "NAS-Bench-Macro", file_hash(path), default=DEFAULT)
