"""How well a proxy's values of whole architectures rank them as their accuracies do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opscore.analysis.intervals import replicate_interval
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

#: What :class:`RankCorrelation` computes.
STATISTICS = ("spearman", "kendall", "partial")


@dataclass(frozen=True)
class RankCorrelation:
    """How two rows of numbers agree: Spearman and Kendall with bootstrap intervals.

    Attributes:
        n_bootstrap: number of resamples of the architectures.
        confidence: coverage aimed at.
        seed: of the resampling.
    """

    n_bootstrap: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __call__(self, x: Array, y: Array, given: Array | None = None) -> dict[str, float]:
        """The statistics of :data:`STATISTICS`, each with the ends of its interval.

        ``partial`` is Spearman's rho of what the ranks of ``given`` do not explain, NaN without
        it. All are NaN for fewer than three pairs.
        """
        from scipy.stats import kendalltau, rankdata

        columns = [x, y] if given is None else [x, y, given]
        data = np.stack(columns).astype(np.float64)
        count = data.shape[1]
        if count < 3:
            return {name + end: math.nan for name in STATISTICS for end in ("", "_low", "_high")}
        draw = numpy_generator(self.seed, "bootstrap")
        every = draw.integers(count, size=(self.n_bootstrap + 1, count))
        every[0] = np.arange(count)  # the first row is the estimate itself
        ranks = rankdata(data[:, every], axis=2)
        found = {
            "spearman": _pearson(ranks[0], ranks[1]),
            "kendall": np.array([kendalltau(x[draw], y[draw]).statistic for draw in every]),
            "partial": _partial(*ranks) if len(ranks) == 3 else np.full(len(every), math.nan),
        }
        result: dict[str, float] = {}
        for name, (estimate, *replicates) in found.items():
            low, high = replicate_interval(replicates, confidence=self.confidence)
            result |= {name: float(estimate), f"{name}_low": low, f"{name}_high": high}
        return result


def _pearson(x: Array, y: Array) -> Array:
    """Correlation of each row of x with that row of y; NaN where a row is constant."""
    x, y = (part - part.mean(axis=-1, keepdims=True) for part in (x, y))
    scale = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(axis=-1) / scale)


def _partial(x: Array, y: Array, given: Array) -> Array:
    xy, xg, yg = _pearson(x, y), _pearson(x, given), _pearson(y, given)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((xy - xg * yg) / np.sqrt((1 - xg**2) * (1 - yg**2)))
