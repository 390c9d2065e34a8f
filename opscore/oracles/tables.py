"""All the accuracies that a source has: what a loader of a space returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from opscore.data.values import refuse_impossible
from opscore.errors import UserError
from opscore.oracles.base import ACCURACY, Array, Metric, Oracle
from opscore.oracles.noise import OracleNoise
from opscore.oracles.sampled import SampledOracle
from opscore.spaces import SearchSpace, State

#: (dataset, split, epochs)
Key = tuple[str, str, int]


@dataclass(frozen=True, eq=False)
class Accuracies:
    """All accuracies of one source of one space.

    Attributes:
        arrays: percent (or what ``metrics`` says), [*space.choice_counts, trials], by (dataset,
            split, epochs); read-only.
        source: a sentence: where the numbers come from.
        sha256: hash of the file behind them.
        notes: for some keys, what one value is where it is not one training.
        length_stated: whether the source says how long it trained.
        default: the key that is meant where nothing is asked for; the first one where not given.
        default_seeds: how trainings are reduced where nothing is asked for: 'max', 'mean' or an
            index.
        metrics: for some datasets, what the numbers are where it is not accuracy in percent.
        rows: boolean array [*space.choice_counts]: the entries that are rows of the benchmark.
            The others repeat the row of an architecture that is the same network. None where every
            entry is a row of its own.
        sample: the architectures, where the source has some of a space that is too large for a
            table of all; the arrays are then [architectures, trials].
        noise: how well two trainings agree, where that is known from other architectures.
        retrained: whether others trained the benchmark's networks again: what was published rests
            on other numbers.
    """

    arrays: dict[Key, Array]
    source: str
    sha256: str | None
    notes: dict[Key, str] = field(default_factory=dict)
    length_stated: bool = True
    default: Key | None = None
    default_seeds: str | int = "max"
    metrics: dict[str, Metric] = field(default_factory=dict)
    rows: NDArray[np.bool_] | None = None
    retrained: bool = False
    sample: tuple[State, ...] | None = None
    noise: OracleNoise | None = None

    def __post_init__(self) -> None:
        for key, array in self.arrays.items():
            array.flags.writeable = False  # oracles share it
            if self.metrics.get(key[0], ACCURACY) == ACCURACY:
                refuse_impossible(f"the table of {' '.join(map(str, key))} ({self.source})", array)

    def __iter__(self) -> Iterator[Key]:
        return iter(sorted(self.arrays))

    def n_known(self, key: Key) -> int:
        """Number of architectures that have an accuracy."""
        return int((~np.isnan(self.arrays[key])).any(axis=-1).sum())

    def resolve(
        self, dataset: str | None = None, split: str | None = None, epochs: int | None = None
    ) -> Key:
        """The key that is meant where some parts are not said.

        Such parts are the default's if there is such a table; else the first split, and the
        longest training. UserError that lists what there is when nothing fits.
        """
        usual = self.default or next(iter(self), None)
        fitting = [
            key
            for key in self
            if (dataset or (usual and usual[0])) == key[0]
            and split in (None, key[1])
            and epochs in (None, key[2])
        ]
        if usual is None or not fitting:
            given = (dataset or (usual and usual[0]), split or (usual and usual[1]), epochs)
            raise UserError(self._missing(*given))
        return min(fitting, key=lambda k: (k[1] != usual[1], k[2] != usual[2], -k[2]))

    def _missing(self, dataset: str | None, split: str | None, epochs: int | None) -> str:
        asked = " ".join(part for part in (dataset, split) if part)
        length = "" if epochs is None else f" at {epochs} epochs"
        have = "; ".join(f"{d} {s}{self._length(e)}" for d, s, e in self)
        have = have or "nothing"
        return f"no {asked or 'usable'} accuracies{length} in {self.source}; it has: {have}"

    def _length(self, epochs: int) -> str:
        return f" at {epochs} epochs" if self.length_stated else ""

    def oracle(
        self,
        space: SearchSpace,
        key: Key,
        seeds: str | int | None = None,
        *,
        allow_partial: bool = False,
    ) -> Oracle:
        """The oracle of a dataset, split and length; UserError that lists what there is.

        seeds: how trainings are reduced; the source's default when None.
        """
        if key not in self.arrays:
            raise UserError(self._missing(*key))
        dataset, split, epochs = key
        make: Callable[..., Oracle] = Oracle
        if self.sample is not None:
            make = partial(SampledOracle, architectures=self.sample, known_noise=self.noise)
        return make(
            space=space,
            trials=self.arrays[key],
            dataset=dataset,
            split=split,
            epochs=epochs if self.length_stated else None,
            seeds=self.default_seeds if seeds is None else seeds,
            source=self.source,
            sha256=self.sha256,
            note=self.notes.get(key, ""),
            allow_partial=allow_partial,
            metric=self.metrics.get(dataset, ACCURACY),
            rows=self.rows,
            retrained=self.retrained,
        )
