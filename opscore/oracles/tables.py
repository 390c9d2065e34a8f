"""All the accuracies that a source has: what a loader of a space returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from opscore.errors import UserError
from opscore.oracles.base import Array, Oracle
from opscore.spaces import SearchSpace

#: (dataset, split, epochs)
Key = tuple[str, str, int]


@dataclass(frozen=True, eq=False)
class Accuracies:
    """All accuracies of one source of one space.

    Attributes:
        arrays: percent, [*space.shape, trials], by (dataset, split, epochs); read-only.
        source: a sentence: where the numbers come from.
        sha256: hash of the file behind them.
        notes: for some keys, what one value is where it is not one training.
        length_stated: whether the source says how long it trained.
    """

    arrays: dict[Key, Array]
    source: str
    sha256: str | None
    notes: dict[Key, str] = field(default_factory=dict)
    length_stated: bool = True

    def __post_init__(self) -> None:
        for array in self.arrays.values():
            array.flags.writeable = False  # oracles share it

    def __iter__(self) -> Iterator[Key]:
        return iter(sorted(self.arrays))

    def n_known(self, key: Key) -> int:
        """Number of architectures that have an accuracy."""
        return int((~np.isnan(self.arrays[key])).any(axis=-1).sum())

    def oracle(
        self, space: SearchSpace, key: Key, seeds: str | int, *, allow_partial: bool = False
    ) -> Oracle:
        """The oracle of a dataset, split and length; UserError that lists what there is."""
        if key not in self.arrays:
            dataset, split, epochs = key
            raise UserError(
                f"no {dataset} {split} accuracies at {epochs} epochs in {self.source}; it has: "
                f"{'; '.join(f'{d} {s} at {e} epochs' for d, s, e in self) or 'nothing'}"
            )
        dataset, split, epochs = key
        return Oracle(
            space=space,
            trials=self.arrays[key],
            dataset=dataset,
            split=split,
            epochs=epochs if self.length_stated else None,
            seeds=seeds,
            source=self.source,
            sha256=self.sha256,
            note=self.notes.get(key, ""),
            allow_partial=allow_partial,
        )
