"""The oracle: a dense table of accuracies, and V* over the completions of a state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.errors import UserError
from opscore.spaces import SearchSpace, State

if TYPE_CHECKING:
    from opscore.oracles.noise import OracleNoise

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
        epochs: length of the training; None where the source does not say.
        seeds: how trials are reduced for :meth:`best`: 'max' (the published best-acc), 'mean', or
            the index of one trial.
        source: a sentence: where the numbers come from.
        sha256: hash of the file behind it, if there is one.
        note: what one value is, where it is not one training ('mean over trainings').
        allow_partial: architectures without an accuracy are left out (of completions, ranks and
            percentiles) instead of being an error.
    """

    space: SearchSpace
    trials: Array
    dataset: str
    split: str
    epochs: int | None
    seeds: str | int
    source: str
    sha256: str | None = None
    note: str = ""
    allow_partial: bool = False

    def __post_init__(self) -> None:
        if self.trials.shape[:-1] != self.space.shape or self.trials.ndim <= len(self.space.shape):
            raise UserError(
                f"an oracle of {self.space.name} needs an array of shape "
                f"{(*self.space.shape, 'trials')}, got {self.trials.shape}"
            )
        if isinstance(self.seeds, int) and not 0 <= self.seeds < self.n_trials:
            have = (
                "one value of each architecture, trial 0"
                if self.n_trials == 1
                else (f"trials 0..{self.n_trials - 1}")
            )
            raise UserError(f"this oracle has {have}, and no trial {self.seeds} ({self.source})")
        if isinstance(self.seeds, str) and self.seeds not in {"max", "mean"}:
            raise UserError(f"seeds are reduced by 'max', 'mean' or an index, not '{self.seeds}'")
        self._check_whole()

    @property
    def n_trials(self) -> int:
        """The largest number of trials of an architecture."""
        return int(self.trials.shape[-1])

    @property
    def n_missing(self) -> int:
        """Number of architectures without any accuracy."""
        return int(np.isnan(self.mean_accuracy).sum())

    @cached_property
    def values(self) -> Array:
        """What :meth:`best` maximises: trials reduced by ``seeds``, one axis per edge."""
        if self.seeds == "max":
            return np.asarray(np.fmax.reduce(self.trials, axis=-1))
        if self.seeds == "mean":
            return self.mean_accuracy
        return np.asarray(self.trials[..., int(self.seeds)])

    @cached_property
    def mean_accuracy(self) -> Array:
        """Mean over the trials that an architecture has, one axis per edge."""
        known = ~np.isnan(self.trials)
        count = known.sum(axis=-1)
        total = np.where(known, self.trials, 0.0).sum(axis=-1)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

    def best(self, state: State) -> float:
        """Eq. 1: the best accuracy among the completions of a state, percent.

        NaN when the table is partial and has none of them.
        """
        return float(np.fmax.reduce(self.values[self._select(state)], axis=None))

    def mean(self, state: State) -> float:
        """Eq. 2: the mean accuracy over the completions of a state, percent.

        An expectation over architectures: each counts with the mean of its trials, whatever
        ``seeds`` is, unless one trial was chosen. NaN when the table is partial and has none of
        the completions.
        """
        table = self.values if isinstance(self.seeds, int) else self.mean_accuracy
        chosen = table[self._select(state)]
        chosen = chosen[~np.isnan(chosen)]
        return float(chosen.mean()) if chosen.size else float("nan")

    def accuracy(self, architecture: State) -> float:
        """Mean accuracy of an architecture over its trials, percent.

        UserError when the table is partial and lacks it.
        """
        self._check_space(architecture)
        found = float(self.mean_accuracy[architecture.architecture_indices])
        if np.isnan(found):
            raise UserError(f"the table lacks {architecture} ({self.source})")
        return found

    def error(self, architecture: State) -> float:
        """100 minus :meth:`accuracy`: the 'average error' of Table 1, percent."""
        return 100 - self.accuracy(architecture)

    def rank(self, architecture: State) -> int:
        """1 + the number of architectures with a strictly higher mean accuracy."""
        return 1 + int((self.mean_accuracy > self.accuracy(architecture)).sum())

    def percentile(self, architecture: State) -> float:
        """Percent of the architectures with a strictly lower mean accuracy."""
        worse = int((self.mean_accuracy < self.accuracy(architecture)).sum())
        return 100 * worse / (self.space.size - self.n_missing)

    def top(self, k: int) -> list[tuple[State, float]]:
        """The k best architectures by mean accuracy, best first; ties in the table's order."""
        order = np.argsort(-self.mean_accuracy, axis=None, kind="stable")  # NaN goes last
        order = order[: min(k, self.space.size - self.n_missing)]
        found = zip(*np.unravel_index(order, self.space.shape), strict=True)
        states = [self.space.architecture([int(op) for op in choices]) for choices in found]
        return [(state, self.accuracy(state)) for state in states]

    def with_seeds(self, seeds: str | int) -> Oracle:
        """The same table with its trials reduced in another way."""
        return replace(self, seeds=seeds)

    def noise(self, top: int = 1000) -> OracleNoise:
        """How well the table agrees with itself over seeds; see :func:`oracle_noise`."""
        from opscore.oracles.noise import oracle_noise

        return oracle_noise(self, top)

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
        if self.n_trials == 1:
            how = self.note or "one training each"
        elif isinstance(self.seeds, int):
            how = f"trial {self.seeds}"
        else:
            how = f"{self.seeds} over up to {self.n_trials} trainings"
        partial = f"; {self.n_missing:,} architectures missing" if self.n_missing else ""
        length = "epochs not stated" if self.epochs is None else f"{self.epochs} epochs"
        return f"{self.dataset} {self.split} accuracy, {length}, {how}; {self.source}{partial}"

    def _check_whole(self) -> None:
        if self.allow_partial:
            return
        if self.n_missing:
            raise UserError(
                f"the table lacks {self.n_missing:,} of {self.space.size:,} architectures "
                f"({self.source}); allow_partial leaves them out"
            )
        missing = int(np.isnan(self.values).sum())
        if missing:
            raise UserError(
                f"{missing:,} of {self.space.size:,} architectures have no trial {self.seeds}; "
                "choose an earlier trial, 'max' or 'mean', or leave them out with allow_partial"
            )

    def _check_space(self, state: State) -> None:
        if state.space != self.space:
            raise UserError(
                f"a state of {state.space.name} was asked of {self.space.name}'s oracle"
            )

    def _select(self, state: State) -> tuple[Any, ...]:
        self._check_space(state)
        return np.ix_(*(state.remaining(edge) for edge in range(len(self.space.edges))))
