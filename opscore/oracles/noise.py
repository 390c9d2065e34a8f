"""How well an oracle agrees with itself from one training to another."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.answers import Column, Table
from opscore.errors import UserError
from opscore.spaces import SearchSpace, State

Array = NDArray[np.float64]

#: What noise is measured on where architectures were trained several times.
TRAININGS = "trainings from different seeds"


@dataclass(frozen=True)
class OracleNoise:
    """Agreement between trainings of the same architectures from different seeds.

    Equal architectures count once. A correlation that no pair of trials defines is NaN.

    Attributes:
        n_repeated: architectures with at least two trials.
        std: mean over them of the standard deviation over trials (n - 1), percentage points or
            the metric's own unit.
        spearman: between two trials, over the architectures that have both; mean over pairs.
        spearman_top: the same among the ``top`` best architectures by mean accuracy.
        top: how many these are.
        basis: what was compared.
    """

    n_repeated: int
    std: float
    spearman: float
    spearman_top: float
    top: int
    basis: str = TRAININGS

    def table(self) -> Table:
        """These numbers, a line each."""
        told = [
            ("architectures trained at least twice", f"{self.n_repeated:,}"),
            ("standard deviation over seeds, percentage points", f"{self.std:.3f}"),
            ("Spearman between two trainings", f"{self.spearman:.3f}"),
        ]
        if self.top:
            told.append((f"the same among the best {self.top:,}", f"{self.spearman_top:.3f}"))
        if np.isnan(self.spearman):
            told = [
                ("architectures in these", f"{self.n_repeated:,}"),
                ("standard deviation within a group, mean", f"{self.std:.3g}"),
            ]
        heading = f"agreement of the table with itself: {self.basis}"
        columns = Column("what", heading), Column("value", " ")
        return Table("", columns, pd.DataFrame(told, columns=["what", "value"]))


class Trainings(Protocol):
    """What noise is measured on: the trainings that an :class:`opscore.Oracle` holds."""

    @property
    def space(self) -> SearchSpace: ...
    @property
    def trials(self) -> Array: ...
    @property
    def places(self) -> Array: ...
    @property
    def rows(self) -> NDArray[np.bool_] | None: ...
    @property
    def n_trials(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def note(self) -> str: ...
    def accuracy(self, architecture: State | str) -> float: ...


def oracle_noise(oracle: Trainings, top: int = 1000) -> OracleNoise:
    """Measure an oracle against itself.

    Where every architecture was trained once, architectures stand in for trainings that compute
    the same because they differ in dead parts only (:meth:`opscore.spaces.SearchSpace.live`); that
    gives ``std`` alone. UserError when there are none of these either.
    """
    flat = oracle.trials[~np.isnan(oracle.places)]
    repeated = (~np.isnan(flat)).sum(axis=1) >= 2
    if not repeated.any():
        classes = _same_networks(oracle)
        if classes:
            return _noise_of_classes(classes)
        what = oracle.note or "one training"
        raise UserError(
            f"noise over seeds needs two trainings of an architecture; this table has {what} of "
            f"each ({oracle.source})"
        )
    means = oracle.places[~np.isnan(oracle.places)]
    best = np.argsort(-means, kind="stable")[:top]
    pairs = list(combinations(range(oracle.n_trials), 2))
    return OracleNoise(
        n_repeated=int(repeated.sum()),
        std=float(np.nanstd(flat[repeated], axis=1, ddof=1).mean()),
        spearman=_mean([_spearman_of_pair(flat, pair) for pair in pairs]),
        spearman_top=_mean([_spearman_of_pair(flat[best], pair) for pair in pairs]),
        top=min(top, len(flat)),
    )


def _same_networks(oracle: Trainings) -> list[Array]:
    """Accuracies of architectures with the same live part, for those parts that several have."""
    classes: dict[State, list[float]] = {}
    for choices in np.argwhere(~np.isnan(oracle.places)).tolist():
        state = oracle.space.architecture(choices)
        classes.setdefault(oracle.space.live(state), []).append(oracle.accuracy(state))
    return [np.array(values) for values in classes.values() if len(values) > 1]


def _noise_of_classes(classes: list[Array]) -> OracleNoise:
    basis = f"{len(classes)} groups of architectures that differ in dead parts only"
    std = float(np.mean([values.std(ddof=1) for values in classes]))
    return OracleNoise(sum(map(len, classes)), std, math.nan, math.nan, top=0, basis=basis)


def _spearman_of_pair(flat: Array, pair: tuple[int, int]) -> float:
    from scipy.stats import ConstantInputWarning, spearmanr

    chosen = flat[:, list(pair)]
    chosen = chosen[~np.isnan(chosen).any(axis=1)]
    if len(chosen) < 2:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # NaN says it
        return float(spearmanr(chosen[:, 0], chosen[:, 1]).statistic)


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
