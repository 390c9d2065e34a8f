"""Truths that one table holds, which ``opscore/data/catalogue.toml`` describes.

A space whose own strings stand in the table needs no loader: :func:`load_table` reads it. Where
architectures are written in another way (NAS-Bench-1Shot1's graphs) a loader finds their places,
and takes the rest from here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opscore.data import FILES, DataFile, file_hash, require
from opscore.data.catalogue import Layout
from opscore.data.truths import read_truth
from opscore.data.values import ENERGY, FRACTION, KINDS, LATENCY, NEGATIVE_LOSS, SSIM, Kind
from opscore.errors import one_of
from opscore.oracles import metrics
from opscore.oracles.base import Array
from opscore.oracles.metrics import ACCURACY, Metric
from opscore.oracles.tables import Accuracies, Key
from opscore.spaces import SearchSpace, get_space

_METRICS: dict[Kind, Metric] = {
    SSIM: metrics.SSIM,
    NEGATIVE_LOSS: metrics.NEGATIVE_LOSS,
    LATENCY: metrics.LATENCY,
    ENERGY: metrics.ENERGY,
}


def table_of(file: DataFile, source: str, data_dir: Path | None) -> Path:
    """The file of a table; UserError when it is missing, or the source is none of the table's."""
    assert file.layout is not None
    one_of("oracle source", source, ("auto", file.layout.source))
    return require(file.name, data_dir).resolve()


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
        array[tuple(places.T)] = _larger_is_better(found, KINDS[truth.kind])
        arrays[truth.dataset, truth.split, truth.epochs] = array
    return arrays


def _larger_is_better(values: Array, kind: Kind) -> Array:
    """Errors as accuracies in percent; what a device needs, with its sign turned."""
    if kind is FRACTION:
        return 100 * (1 - values)
    return -values if kind in (LATENCY, ENERGY) else values


def accuracies_of(layout: Layout, path: Path, arrays: dict[Key, Array]) -> Accuracies:
    """What is read from a table, with what its description says of it."""
    return Accuracies(
        arrays,
        layout.benchmark,
        file_hash(path),
        notes={
            (t.dataset, t.split, t.epochs): "one value each"
            for t in layout.truths
            if KINDS[t.kind] in (LATENCY, ENERGY)
        },
        length_stated=any(epochs for _, _, epochs in arrays),
        default=next(iter(arrays)),
        metrics={t.dataset: _METRICS.get(KINDS[t.kind], ACCURACY) for t in layout.truths},
    )


def load_table(file: DataFile, source: str, data_dir: Path | None) -> Accuracies:
    """All accuracies of a space, from a table that holds its strings.

    UserError when the file is missing or of another kind, or the source none of the table's.
    """
    path = table_of(file, source, data_dir)
    return _read(file.name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(name: str, path: Path, modified: int) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    layout = FILES[name].layout
    assert layout is not None
    space, frame = get_space(layout.space), read_truth(name, path)
    (text,) = layout.texts
    places = np.array([space.parse(string).architecture_indices for string in frame[text]])
    values = {column: frame[column].to_numpy() for column in layout.numbers}
    arrays = read_arrays(layout, values, places, space.choice_counts)
    rows = repeat_for_equals(space, arrays, places)
    return replace(accuracies_of(layout, path, arrays), rows=rows)


def repeat_for_equals(
    space: SearchSpace, arrays: dict[Key, Array], places: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """Give architectures that no row is of, in place, what the row of the same network has.

    Args:
        space: the search space.
        arrays: [*space.choice_counts, trainings] each.
        places: the choices of each row's architecture, [rows, edges].

    Returns which entries are rows; None where nothing was to repeat.
    """
    rows = np.zeros(space.choice_counts, dtype=bool)
    rows[tuple(places.T)] = True
    if not space.has_equals or rows.all():
        return None
    others = np.argwhere(~rows)
    states = [space.architecture(choices) for choices in others.tolist()]
    same = np.array([space.canonical(state).architecture_indices for state in states])
    for array in arrays.values():
        array[tuple(others.T)] = array[tuple(same.T)]
    return rows
