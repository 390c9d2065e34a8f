"""The oracle: a dense table of accuracies, and V* over the completions of a state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.errors import UserError
from opscore.spaces import SearchSpace, State

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Oracle:
    """Accuracy of every architecture of a space.

    Attributes:
        space: the search space.
        trials: percent accuracy, [operations of edge 0, operations of edge 1, ..., trials]; NaN
            where an architecture was not trained that often.
        dataset: 'cifar10', 'cifar100' or 'imagenet16-120'.
        split: 'test' or 'valid'.
        epochs: length of the training.
        seeds: how trials are reduced for :meth:`best`: 'max' (the published best-acc), 'mean', or
            the index of one trial.
        source: a sentence: where the numbers come from.
        sha256: hash of the file behind it, if there is one.
    """

    space: SearchSpace
    trials: Array
    dataset: str
    split: str
    epochs: int
    seeds: str | int
    source: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.trials.shape[:-1] != self.space.shape:
            raise UserError(
                f"an oracle of {self.space.name} needs an array of shape "
                f"{(*self.space.shape, 'trials')}, got {self.trials.shape}"
            )
        missing = int(np.isnan(self.trials).all(axis=-1).sum())
        if missing:
            raise UserError(
                f"the table lacks {missing:,} of {self.space.size:,} architectures ({self.source})"
            )
        if isinstance(self.seeds, int) and not 0 <= self.seeds < self.n_trials:
            raise UserError(
                f"this oracle has trials 0..{self.n_trials - 1}, not {self.seeds} ({self.source})"
            )
        if isinstance(self.seeds, str) and self.seeds not in {"max", "mean"}:
            raise UserError(f"seeds are reduced by 'max', 'mean' or an index, not '{self.seeds}'")

    @property
    def n_trials(self) -> int:
        """The largest number of trials of an architecture."""
        return int(self.trials.shape[-1])

    @cached_property
    def values(self) -> Array:
        """What :meth:`best` maximises: trials reduced by ``seeds``, one axis per edge."""
        if self.seeds == "max":
            return np.asarray(np.nanmax(self.trials, axis=-1))
        if self.seeds == "mean":
            return self.mean_accuracy
        chosen = self.trials[..., int(self.seeds)]
        if np.isnan(chosen).any():
            raise UserError(
                f"trial {self.seeds} is missing for {int(np.isnan(chosen).sum()):,} architectures; "
                "trial 0 is there for all"
            )
        return np.asarray(chosen)

    @cached_property
    def mean_accuracy(self) -> Array:
        """Mean over the trials that an architecture has, one axis per edge."""
        return np.asarray(np.nanmean(self.trials, axis=-1))

    def best(self, state: State) -> float:
        """Eq. 1: the best accuracy among the completions of a state, percent."""
        return float(self.values[self._select(state)].max())

    def mean(self, state: State) -> float:
        """Eq. 2: the mean accuracy over the completions of a state, percent.

        An expectation over architectures: each counts with the mean of its trials, whatever
        ``seeds`` is, unless one trial was chosen.
        """
        table = self.values if isinstance(self.seeds, int) else self.mean_accuracy
        return float(table[self._select(state)].mean())

    def accuracy(self, architecture: State) -> float:
        """Mean accuracy of an architecture over its trials, percent."""
        return float(self.mean_accuracy[architecture.architecture_indices])

    def error(self, architecture: State) -> float:
        """100 minus :meth:`accuracy`: the 'average error' of Table 1, percent."""
        return 100 - self.accuracy(architecture)

    def rank(self, architecture: State) -> int:
        """1 + the number of architectures with a strictly higher mean accuracy."""
        return 1 + int((self.mean_accuracy > self.accuracy(architecture)).sum())

    def percentile(self, architecture: State) -> float:
        """Percent of the space with a strictly lower mean accuracy."""
        worse = int((self.mean_accuracy < self.accuracy(architecture)).sum())
        return 100 * worse / self.space.size

    def top(self, k: int) -> list[tuple[State, float]]:
        """The k best architectures by mean accuracy, best first; ties in the table's order."""
        order = np.argsort(-self.mean_accuracy, axis=None, kind="stable")[:k]
        found = zip(*np.unravel_index(order, self.space.shape), strict=True)
        states = [self.space.architecture([int(op) for op in choices]) for choices in found]
        return [(state, self.accuracy(state)) for state in states]

    def with_seeds(self, seeds: str | int) -> Oracle:
        """The same table with its trials reduced in another way."""
        return replace(self, seeds=seeds)

    def table(self) -> pd.DataFrame:
        """Eq. 1 and Eq. 2 for every operation of A_0 (schema ORACLE)."""
        initial = self.space.initial_state()
        rows: list[dict[str, Any]] = []
        for edge, operations in enumerate(self.space.operations):
            for op, name in enumerate(operations):
                state = initial.discretize(edge, op)
                rows.append(
                    {"edge": edge, "op": name, "best": self.best(state), "mean": self.mean(state)}
                )
        return schema.conform(pd.DataFrame(rows), "oracle")

    def describe(self) -> str:
        """One line: dataset, split, epochs, how seeds are reduced, source."""
        how = f"trial {self.seeds}" if isinstance(self.seeds, int) else f"{self.seeds} over trials"
        if self.n_trials == 1:
            how = "one value each"
        return f"{self.dataset} {self.split} accuracy, {self.epochs} epochs, {how}; {self.source}"

    def _select(self, state: State) -> tuple[Any, ...]:
        if state.space != self.space:
            raise UserError(
                f"a state of {state.space.name} was asked of {self.space.name}'s oracle"
            )
        return np.ix_(*(state.remaining(edge) for edge in range(len(self.space.edges))))
