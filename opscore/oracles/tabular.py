"""Truths that one table holds, which ``opscore/data/catalogue.toml`` describes.

A space whose own strings stand in the table needs no loader: :func:`load_table` reads it. Where
architectures are written in another way (NAS-Bench-1Shot1's graphs) a loader finds their places,
and takes the rest from here. A table of some architectures alone is a sample of its space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opscore.data import FILES, DataFile, file_hash, find, read_checked, require
from opscore.data.architectures import mean_by_architecture
from opscore.data.catalogue import Layout
from opscore.data.truths import read_truth
from opscore.data.values import ENERGY, FRACTION, KINDS, LATENCY, NEGATIVE_LOSS, SSIM, Kind
from opscore.errors import one_of
from opscore.oracles.base import ACCURACY, Array, Metric
from opscore.oracles.noise import OracleNoise
from opscore.oracles.tables import Accuracies, Key
from opscore.spaces import SearchSpace, get_space

#: What numbers are that are no accuracies. Of what a device needs for an image, and of losses, the
#: sign is turned, so that the error is the latency, the energy or the loss itself.
_METRICS: dict[Kind, Metric] = {
    SSIM: Metric("SSIM", 1.0),
    NEGATIVE_LOSS: Metric("minus the loss", 0.0),
    LATENCY: Metric("minus the latency", 0.0, "ms"),
    ENERGY: Metric("minus the energy", 0.0, "mJ"),
}


def table_of(file: DataFile, source: str, data_dir: Path | None) -> Path:
    """The file of a table; UserError when it is missing, or the source is none of the table's."""
    assert file.layout is not None
    one_of("oracle source", source, ("auto", file.layout.source))
    return require(file.name, data_dir).resolve()


def read_arrays(
    layout: Layout, values: dict[str, Array], places: NDArray[np.int64], shape: tuple[int, ...]
) -> dict[Key, Array]:
    """All truths of a table, [*shape, trainings] by (dataset, split, epochs), in its order.

    Larger is better, NaN where there is none. values: the table's columns of numbers, [rows] each.
    places: the choices of each row's architecture, [rows, edges]. shape: number of choices on each
    edge.
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

    arrays: [*space.choice_counts, trainings] each. places: the choices of each row's architecture,
    [rows, edges]. Returns which entries are rows; None where nothing was to repeat.
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


def load_sample(file: DataFile, space: str, data_dir: Path | None) -> Accuracies:
    """The accuracies of some architectures of a space, from a table.

    What is none of its architectures is left out, with a note. UserError when the file is missing
    or of another kind.
    """
    path = require(file.name, data_dir).resolve()
    return _read_sample(file.name, space, path, path.stat().st_mtime_ns, data_dir)


@lru_cache(maxsize=8)
def _read_sample(
    name: str, space_name: str, path: Path, modified: int, data_dir: Path | None
) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    layout, space = FILES[name].layout, get_space(space_name)
    assert layout is not None
    frame = read_truth(name, path)
    rows = frame[list(layout.texts)].astype(str).to_dict("records")
    strings = [layout.string({str(column): text for column, text in row.items()}) for row in rows]
    found = mean_by_architecture(space, strings, frame[list(layout.numbers)])
    arrays = {
        (truth.dataset, truth.split, truth.epochs): found[list(truth.columns)].to_numpy()
        for truth in layout.truths
    }
    return replace(
        accuracies_of(layout, path, arrays),
        notes=dict.fromkeys(arrays, layout.note),
        sample=tuple(space.parse(str(string)) for string in found.index),
        noise=_noise(layout.noise, data_dir),
    )


def _noise(name: str, data_dir: Path | None) -> OracleNoise | None:
    """Agreement of the pairs of trainings in a file; None where there is none, or it is not here.

    The file's columns are what (of 'two seeds' where both trainings are by the same protocol),
    first and second.
    """
    if not name or find(name, data_dir) is None:
        return None
    frame = read_checked(require(name, data_dir))
    pairs = frame.loc[frame["what"].str.startswith("two seeds"), ["first", "second"]]
    return OracleNoise(
        n_repeated=len(pairs),
        std=float(pairs.std(axis=1, ddof=1).mean()),
        spearman=float(pairs["first"].corr(pairs["second"], method="spearman")),
        spearman_top=float("nan"),
        top=0,
        basis=f"two trainings of {len(pairs)} other architectures",
    )


#: Samples by space and source.
SAMPLES: dict[tuple[str, str], Callable[[Path | None], Accuracies]] = {
    (space, file.layout.source): partial(load_sample, file, space)
    for file in map(FILES.__getitem__, FILES)
    if file.layout is not None
    for space in file.layout.sample_of
}


def sampled_sources(space: str) -> list[str]:
    """The sources of a space that are samples."""
    return [source for name, source in SAMPLES if name == space]
