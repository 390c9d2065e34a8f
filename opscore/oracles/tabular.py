"""Truths that one table holds, which ``opscore/data/catalogue.toml`` describes.

A space whose own strings stand in the table needs no loader: :class:`Tabular` reads it. Where
architectures are written in another way (NAS-Bench-1Shot1's graphs) a loader finds their places,
and takes the rest from here.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opscore.data import FILES, DataFile, file_hash, require
from opscore.data.catalogue import Layout
from opscore.data.truths import read_truth
from opscore.data.values import FRACTION, KINDS, NEGATIVE_LOSS, SSIM, Kind
from opscore.errors import unknown
from opscore.oracles import metrics
from opscore.oracles.base import Array
from opscore.oracles.metrics import ACCURACY, Metric
from opscore.oracles.tables import Accuracies, Key
from opscore.spaces import get_space

_METRICS: dict[Kind, Metric] = {SSIM: metrics.SSIM, NEGATIVE_LOSS: metrics.NEGATIVE_LOSS}


def table_of(name: str, source: str, data_dir: Path | None) -> Path:
    """The file of a table; UserError when it is missing, or the source is none of the table's."""
    if source not in ("auto", "table"):
        raise unknown("oracle source", source, ("auto", "table"))
    return require(name, data_dir).resolve()


def read_arrays(
    layout: Layout, values: dict[str, Array], places: NDArray[np.int64], shape: tuple[int, ...]
) -> dict[Key, Array]:
    """All truths of a table: larger is better, NaN where there is none.

    Args:
        layout: the table's.
        values: its columns of numbers, [rows] each.
        places: the choices of each row's architecture, [rows, edges].
        shape: number of choices on each edge.

    Returns:
        [*shape, trainings] by (dataset, split, epochs), in the order of the layout.
    """
    arrays = {}
    for truth in layout.truths:
        array = np.full((*shape, len(truth.columns)), np.nan)
        found = np.stack([values[name] for name in truth.columns], axis=-1)
        array[tuple(places.T)] = 100 * (1 - found) if KINDS[truth.kind] is FRACTION else found
        arrays[truth.dataset, truth.split, truth.epochs] = array
    return arrays


def accuracies_of(layout: Layout, path: Path, arrays: dict[Key, Array]) -> Accuracies:
    """What is read from a table, with what its description says of it."""
    return Accuracies(
        arrays,
        layout.benchmark,
        file_hash(path),
        length_stated=any(epochs for _, _, epochs in arrays),
        default=next(iter(arrays)),
        metrics={t.dataset: _METRICS.get(KINDS[t.kind], ACCURACY) for t in layout.truths},
    )


class Tabular:
    """Reads the accuracies of a space from a table that holds its strings.

    Args:
        file: the table's description.
    """

    def __init__(self, file: DataFile) -> None:
        self.file = file

    def __call__(self, source: str, data_dir: Path | None) -> Accuracies:
        """All accuracies; UserError when the file is missing or of another kind."""
        path = table_of(self.file.name, source, data_dir)
        return _read(self.file.name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(name: str, path: Path, modified: int) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    layout = FILES[name].layout
    assert layout is not None
    space, frame = get_space(layout.space), read_truth(name, path)
    (text,) = layout.texts
    places = np.array([space.parse(string).architecture_indices for string in frame[text]])
    values = {column: frame[column].to_numpy() for column in layout.numbers}
    return accuracies_of(layout, path, read_arrays(layout, values, places, space.choice_counts))
