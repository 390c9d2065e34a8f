"""The oracle: a dense table of accuracies, and V* over the completions of a state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.answers import Answer, Column, Table
from opscore.errors import UserError
from opscore.fingerprint import fingerprint
from opscore.oracles.noise import OracleNoise, oracle_noise
from opscore.oracles.ties import decimal_numbers, equal_where_equal
from opscore.spaces import SearchSpace, State
from opscore.typed import take_types

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """What the numbers of a truth are: larger is always better.

    Attributes:
        name: what tables call it.
        ceiling: the best value there could be; an error is this minus the value.
        unit: '%' or ''.
    """

    name: str
    ceiling: float
    unit: str = ""


#: Share of the images that are classified correctly, percent.
ACCURACY = Metric("accuracy", 100.0, "%")


@dataclass(frozen=True, eq=False, repr=False)
class Oracle(Answer):
    """Accuracy of every architecture of a space.

    Attributes:
        space: the search space.
        trials: accuracy in percent (or what ``metric`` says), [choices of edge 0, choices of edge
            1, ..., trials]; a choice is an operation, or several where an edge keeps several. NaN
            where an architecture was not trained that often.
        dataset: the dataset or task.
        split: 'test' or 'valid'.
        epochs: length of the training; None where the source does not say.
        seeds: how trials are reduced for :meth:`best`: 'max' (the published best-acc), 'mean', or
            the index of one trial.
        source: a sentence: where the numbers come from.
        sha256: hash of the file behind it, if there is one.
        note: what one value is, where it is not one training ('mean over trainings').
        allow_partial: architectures without an accuracy are left out (of completions, ranks and
            percentiles) instead of being an error.
        metric: what the numbers are; larger is always better.
        rows: boolean, one axis per edge: entries that are rows of the benchmark; the others repeat
            the row of an architecture that is the same network. Best and mean go over a state's
            rows, and over all its completions when none of them is a row. None: all are rows.
        retrained: whether these are no numbers of the benchmark, but of its networks trained again.
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
    metric: Metric = ACCURACY
    rows: NDArray[np.bool_] | None = None
    retrained: bool = False

    def __post_init__(self) -> None:
        take_types(self, "epochs", "seeds")
        if self.trials.shape[:-1] != self.shape or self.trials.ndim <= len(self.shape):
            raise UserError(
                f"an oracle of {self.space.name} needs an array of shape "
                f"{(*self.shape, 'trials')}, got {self.trials.shape}"
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
    def shape(self) -> tuple[int, ...]:
        """Of a table with one entry for each architecture: the number of choices of each edge."""
        return self.space.choice_counts

    @property
    def n_trials(self) -> int:
        """The largest number of trials of an architecture."""
        return int(self.trials.shape[-1])

    @cached_property
    def n_missing(self) -> int:
        """Number of architectures without any accuracy."""
        missing = np.isnan(self.mean_accuracy)
        if not self.space.has_invalid:
            return int(missing.sum())
        return sum(self.space.is_valid(state) for state in self._states(missing))

    @cached_property
    def places(self) -> Array:
        """Mean accuracy of each place in the ranking, one axis per edge.

        Of architectures that are the same network only the canonical one has a place; the others
        are NaN.
        """
        if not self.space.has_equals:
            return self.mean_accuracy
        known = ~np.isnan(self.mean_accuracy)
        if self.rows is not None:
            known &= self.rows
        places = np.full(self.space.choice_counts, np.nan)
        for state in self._states(known):
            place = self.space.canonical(state).architecture_indices
            places[place] = self.mean_accuracy[state.architecture_indices]
        return places

    @property
    def n_places(self) -> int:
        """Number of places in the ranking: architectures with an accuracy, equal ones once."""
        return int((~np.isnan(self.places)).sum())

    def _states(self, where: NDArray[np.bool_]) -> Iterator[State]:
        """The architectures of these entries."""
        for choices in np.argwhere(where).tolist():
            yield self.space.architecture(choices)

    @cached_property
    def content(self) -> str:
        """A hash of all accuracies: what stored results depend on, whatever the file's form."""
        return fingerprint(self.trials)

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
        """Mean over the trials that an architecture has, one axis per edge.

        Equal means are equal numbers (:mod:`opscore.oracles.ties`).
        """
        trials = decimal_numbers(self.trials)
        known = ~np.isnan(trials)
        count = known.sum(axis=-1)
        total = np.where(known, trials, 0.0).sum(axis=-1)
        means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return equal_where_equal(np.asarray(means))

    def best(self, state: State, k: int = 1) -> float:
        """Eq. 1: the best accuracy among the completions of a state, percent.

        Args:
            state: the state.
            k: take the mean of the k best completions, of all where there are fewer; 1 is Eq. 1.

        Returns:
            The accuracy; NaN when the table is partial and has none of the completions.
        """
        chosen = self._completions(self.values, state)
        if k == 1:
            return float(np.fmax.reduce(chosen, axis=None, initial=np.nan))
        known = chosen[~np.isnan(chosen)]
        best = np.partition(known, -k)[-k:] if known.size > k else known
        return float(np.sort(best).mean()) if best.size else float("nan")

    def mean(self, state: State) -> float:
        """Eq. 2: the mean accuracy over the completions of a state, percent.

        An expectation over architectures: each counts with the mean of its trials, whatever
        ``seeds`` is, unless one trial was chosen. NaN when the table is partial and has none of
        the completions.
        """
        table = self.values if isinstance(self.seeds, int) else self.mean_accuracy
        chosen = self._completions(table, state)
        chosen = chosen[~np.isnan(chosen)]
        return float(chosen.mean()) if chosen.size else float("nan")

    def accuracy(self, architecture: State | str) -> float:
        """Mean accuracy of an architecture, or of one that is the same network, over its trials.

        The architecture is a state, or the benchmark's string.

        UserError when the table is partial and lacks it.
        """
        architecture = self._state(architecture)
        found = float(self.mean_accuracy[architecture.architecture_indices])
        if np.isnan(found) and self.space.has_equals:
            same = self.space.canonical(architecture)
            found = float(self.mean_accuracy[same.architecture_indices])
        if np.isnan(found):
            raise UserError(f"the table lacks {architecture} ({self.source})")
        return found

    def knows(self, architecture: State | str) -> bool:
        """Whether the table has an architecture, or one that is the same network."""
        architecture = self._state(architecture)
        forms = {architecture, self.space.canonical(architecture)}
        return any(not np.isnan(self.mean_accuracy[form.architecture_indices]) for form in forms)

    def error(self, architecture: State | str) -> float:
        """What is missing to the best value there could be.

        100 minus :meth:`accuracy` where that is a percentage: the 'average error' of Table 1. 1
        minus a similarity, and a loss itself, of tasks that are measured so.
        """
        return self.metric.ceiling - self.accuracy(architecture)

    def rank(self, architecture: State | str) -> int:
        """1 + the number of architectures with a strictly higher mean accuracy, equal ones once."""
        return 1 + int((self.places > self.accuracy(architecture)).sum())

    def percentile(self, architecture: State | str) -> float:
        """Percent of the architectures with a strictly lower mean accuracy, equal ones once."""
        worse = int((self.places < self.accuracy(architecture)).sum())
        return 100 * worse / self.n_places

    def top(self, k: int) -> list[tuple[State, float]]:
        """The k best architectures by mean accuracy, best first; ties in the table's order.

        Of equal ones the first is given.
        """
        order = np.argsort(-self.places, axis=None, kind="stable")  # NaN goes last
        order = order[: min(k, self.n_places)]
        found = zip(*np.unravel_index(order, self.space.choice_counts), strict=True)
        states = [self.space.architecture([int(op) for op in choices]) for choices in found]
        return [(state, self.accuracy(state)) for state in states]

    def noise(self, top: int = 1000) -> OracleNoise:
        """How well the table agrees with itself over seeds; see :func:`oracle_noise`."""
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

    def tables(self) -> list[Table]:
        """Best and mean of every operation, two lines for each edge; the best stands out."""
        rows = [
            {"edge": self.space.edges[int(str(edge))], "what": what, **own.set_index("op")[what]}
            for edge, own in self.table().groupby("edge")
            for what in ("best", "mean")
        ]
        form = ".2f" if max(abs(row[op]) for row in rows for op in list(row)[2:]) >= 10 else ".4f"
        operations = dict.fromkeys(sum(self.space.operations, ()))
        unit = f", {self.metric.unit}" if self.metric.unit else ""
        what = f"{self.dataset} {self.metric.name}"
        return [
            Table(
                f"{what} of the operations of {self.space.name}{unit}",
                (
                    Column("edge", once=True),
                    Column("what", " "),
                    *(Column(op, kind="number", form=form, missing="") for op in operations),
                ),
                pd.DataFrame(rows),
                look="open",
                sections="edge",
                best=True,
            )
        ]

    def notes(self) -> list[str]:
        """What the numbers rest on."""
        return [self.describe()]

    def payload(self) -> dict[str, Any]:
        """The table, and what it rests on."""
        settings = {
            "space": self.space.name,
            "dataset": self.dataset,
            "split": self.split,
            "epochs": self.epochs,
            "oracle_seeds": self.seeds,
            "n_trials": self.n_trials,
            "note": self.note,
            "source": self.source,
            "sha256": self.sha256,
            "description": self.describe(),
        }
        return {"oracle": self.table(), "settings": settings}

    def describe(self) -> str:
        """One line: dataset, split, epochs, how seeds are reduced, source."""
        if self.n_trials == 1:
            how = self.note or "one training each"
        elif isinstance(self.seeds, int):
            how = f"trial {self.seeds}"
        else:
            how = f"{self.seeds} over up to {self.n_trials} trainings"
        partial = ""
        if self.n_missing:
            share = 100 * (1 - self.n_missing / self.space.size)
            partial = f"; {self.n_missing:,} architectures missing (covers {share:.1f} %)"
        length = "epochs not stated" if self.epochs is None else f"{self.epochs} epochs"
        what = f"{self.dataset} {self.split} {self.metric.name}"
        return f"{what}, {length}, {how}; {self.source}{partial}"

    def _check_whole(self) -> None:
        if self.allow_partial:
            return
        if self.n_missing:
            raise UserError(
                f"the table lacks {self.n_missing:,} of {self.space.size:,} architectures "
                f"({self.source}); allow_partial leaves them out"
            )
        without = np.isnan(self.values)
        missing = int(without.sum()) - int(np.isnan(self.mean_accuracy).sum())
        if missing:
            raise UserError(
                f"{missing:,} of {self.space.size:,} architectures have no trial {self.seeds}; "
                "choose an earlier trial, 'max' or 'mean', or leave them out with allow_partial"
            )

    def _state(self, architecture: State | str) -> State:
        if isinstance(architecture, State):
            self._check_space(architecture)
            return architecture
        return self.space.as_architecture(architecture)

    def _check_space(self, state: State) -> None:
        if state.space != self.space:
            raise UserError(
                f"a state of {state.space.name} was asked of {self.space.name}'s oracle"
            )

    def _completions(self, table: Array, state: State) -> Array:
        """A table's entries for the completions of a state: its rows, if it has any."""
        self._check_space(state)
        where = np.ix_(*(state.possible_choices(edge) for edge in range(len(self.space.edges))))
        chosen: Array = table[where]
        if self.rows is None:
            return chosen
        rows = self.rows[where]
        return np.asarray(np.where(rows, chosen, np.nan)) if rows.any() else chosen
