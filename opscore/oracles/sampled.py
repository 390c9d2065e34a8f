"""Truths of a sample: accuracies of some architectures, where nobody can train all of them.

What an operation of an edge is worth is the mean accuracy of the sampled architectures whose
network has it there: Eq. 2 over the sample. On DARTS an edge that no node keeps has no operation,
so that a cell says something of eight edges of fourteen. The best of a sample (Eq. 1) is the best
of a few, and rises with their number: the mean is what to compare with, and
:func:`opscore.analysis.operation_estimates` has its standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.errors import UserError
from opscore.fingerprint import fingerprint
from opscore.oracles.base import Array, Oracle
from opscore.oracles.noise import OracleNoise
from opscore.spaces import SearchSpace, State

#: Of each architecture, the operations that its network has: [architectures, edges, operations].
Presence = NDArray[np.bool_]


def presence(space: SearchSpace, architectures: Sequence[State]) -> Presence:
    """Which operations the networks of some architectures have on each edge."""
    found = np.zeros((len(architectures), len(space.edges), space.max_operations), dtype=bool)
    for place, architecture in enumerate(architectures):
        for edge, op in space.contained(architecture):
            found[place, edge, op] = True
    return found


@dataclass(frozen=True, eq=False)
class SampledOracle(Oracle):
    """Accuracies of some architectures of a space, as an oracle.

    Attributes:
        trials: [architectures, trainings], NaN where an architecture was not trained that often.
        architectures: what was trained, each once.
        known_noise: how well two trainings agree, where that is known from other architectures.
    """

    architectures: tuple[State, ...] = ()
    known_noise: OracleNoise | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """One entry for each architecture of the sample."""
        return (len(self.architectures),)

    @property
    def n_missing(self) -> int:
        """None: a sample is not asked for what it does not have."""
        return 0

    @property
    def places(self) -> Array:
        """The mean accuracy of each architecture."""
        return self.mean_accuracy

    @property
    def content(self) -> str:
        """A hash of architectures and accuracies."""
        return fingerprint((list(self._place), self.trials))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {self.space.format(state): n for n, state in enumerate(self.architectures)}

    @cached_property
    def _presence(self) -> Presence:
        return presence(self.space, self.architectures)

    @property
    def accuracies(self) -> pd.Series[float]:
        """Mean accuracy by the architecture's string."""
        return pd.Series(self.mean_accuracy, index=list(self._place), name="accuracy")

    def accuracy(self, architecture: State | str) -> float:
        """Mean accuracy of an architecture; UserError when it is not in the sample."""
        state = self.space.canonical(self._state(architecture))
        place = self._place.get(self.space.format(state))
        if place is None:
            raise UserError(f"the sample lacks {architecture} ({self.source})")
        return float(self.mean_accuracy[place])

    def knows(self, architecture: State | str) -> bool:
        """Whether an architecture, or one that is the same network, is in the sample."""
        return self.space.format(self.space.canonical(self._state(architecture))) in self._place

    def top(self, k: int) -> list[tuple[State, float]]:
        """The k best architectures of the sample, best first."""
        order = np.argsort(-self.places, kind="stable")[:k].tolist()
        return [(self.architectures[n], float(self.mean_accuracy[n])) for n in order]

    def noise(self, top: int = 1000) -> OracleNoise:
        """How well two trainings agree; UserError where nothing is known of it."""
        if self.known_noise is None:
            raise UserError(f"of {self.source} no second trainings are here")
        return self.known_noise

    def describe(self) -> str:
        """One line: dataset, split, epochs, how many architectures, source."""
        return f"{super().describe()}; a sample of {len(self.architectures):,} architectures"

    def _completions(self, table: Array, state: State) -> Array:
        """The entries of the sample that a state can still lead to.

        An architecture counts if its network has every edge that has lost an operation, with what
        is left there.
        """
        self._check_space(state)
        fits = np.ones(len(self.architectures), dtype=bool)
        for edge, row in enumerate(state.mask):
            if not all(row):
                left = np.array([*row, *(False,) * (self.space.max_operations - len(row))])
                has = self._presence[:, edge]
                few = int(left.sum()) < self.space.keeps[edge]
                inside = ~(left & ~has).any(axis=1) if few else ~(has & ~left).any(axis=1)
                fits &= inside & has.any(axis=1)
        return np.asarray(table[fits])
