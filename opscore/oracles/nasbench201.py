"""NAS-Bench-201's accuracies, from the best table there is.

* ``nasbench201.parquet`` (a data folder, or what ``opscore data add`` made of the official files):
  the layout is that of :mod:`opscore.data.layout`.
* the file inside the PyPI package ``analog-nasbench``: CIFAR-10 test accuracy, one training each.

Other truths of the same networks, only where they are asked for by their source: accuracy under
attack ('robustness'), and latency and energy on devices ('hardware').
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from opscore.data import FILES, file_hash, find, require
from opscore.data.accuracies import read_accuracies
from opscore.data.catalogue import TABLE
from opscore.data.layout import parse_column
from opscore.data.pickles import load_restricted
from opscore.data.tables import read_metadata
from opscore.errors import one_of
from opscore.oracles.base import Array
from opscore.oracles.tables import Accuracies, Key
from opscore.oracles.tabular import load_table
from opscore.spaces import NASBENCH201
from opscore.spaces.nasbench201 import OPERATIONS

#: Tables of other truths by source.
_OTHERS = {
    file.layout.source: partial(load_table, file)
    for file in map(FILES.__getitem__, FILES)
    if file.layout is not None and file.layout.space == NASBENCH201.name
}

SOURCES = ("table", "anb", *_OTHERS)

#: The truth of the published best-acc.
DEFAULT: Key = ("cifar10", "test", 200)

#: What one value is, by the kind of its column; '' is one training.
_NOTES = {"trial": "", "mean": "mean over trainings", "value": "one value each"}
#: Trainings are better than their mean, and both better than a value of unknown making.
_ORDER = tuple(_NOTES)

_ANB_SOURCE = (
    "analog-nasbench (PyPI): the same 15,625 architectures retrained once each by another group; "
    "Spearman 0.991 with NAS-Bench-201, 0.74 within its best 1,000"
)
# The package documents neither its operations nor its edges. Of all ways to read its tuples this
# one agrees best with NAS-Bench-201 (Spearman 0.991; the second best 0.969).
#: What its operation indices stand for.
_ANB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
#: Its tuples list edges as 0->1, 0->2, 0->3, 1->2, 1->3, 2->3; ours take these positions.
_ANB_POSITIONS = (0, 1, 3, 2, 4, 5)


def load_accuracies(source: str, data_dir: Path | None) -> Accuracies:
    """What a source of :data:`SOURCES` has; 'auto' is the best accuracies that are found.

    UserError when the source is unknown or its file is missing.
    """
    one_of("oracle source", source, ("auto", *SOURCES))
    if source in _OTHERS:
        return _OTHERS[source](source, data_dir)
    if source == "anb" or (source == "auto" and find(TABLE, data_dir) is None):
        return _read_anb(require("analog-nasbench"))
    path = require(TABLE, data_dir)
    return _read_table(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_table(path: Path, modified: int) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    frame, positions = read_accuracies(path)
    made_of = read_metadata(path).get("source", path.name)
    by_key: dict[Key, dict[str, list[str]]] = {}
    for name in map(str, frame.columns):
        column = parse_column(name)
        if column is not None:
            key = (column.dataset, column.split, column.epochs)
            by_key.setdefault(key, {}).setdefault(column.kind, []).append(name)
    arrays, notes = {}, {}
    for key, kinds in by_key.items():
        kind = min(kinds, key=_ORDER.index)
        array = np.full((*NASBENCH201.shape, len(kinds[kind])), np.nan)
        array[tuple(positions.T)] = frame[kinds[kind]].to_numpy(dtype=float)
        arrays[key], notes[key] = array, _NOTES[kind]
    source = f"NAS-Bench-201 ({made_of})"
    return Accuracies(arrays, source, file_hash(path), notes, default=DEFAULT)


class _Network:
    """Stands for the package's classes: attributes and nothing else."""

    baseline_accuracy: float

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@lru_cache(maxsize=1)
def _read_anb(path: Path) -> Accuracies:
    """Read the package's data file; the package itself cannot be imported today."""
    allowed = {
        ("analognasbench.data", name): _Network for name in ("Architecture", "DriftMeasurement")
    }
    with path.open("rb") as file:
        content: dict[tuple[int, ...], _Network] = load_restricted(file, allowed)
    ours = [OPERATIONS.index(name) for name in _ANB_OPERATIONS]
    array: Array = np.full((*NASBENCH201.shape, 1), np.nan)
    for theirs, network in content.items():
        architecture = tuple(ours[theirs[position]] for position in _ANB_POSITIONS)
        array[architecture] = network.baseline_accuracy
    # Filed under 200 epochs, NAS-Bench-201's length; the package does not say what its own was.
    arrays = {DEFAULT: array}
    return Accuracies(
        arrays, _ANB_SOURCE, file_hash(path), length_stated=False, default=DEFAULT, retrained=True
    )
