"""Means and their intervals: over edges and seeds, over seeds alone, and over architectures.

Every interval of this package is made here, and says one of three things:

* :func:`edge_interval`: where the mean over *other edges of this kind* may lie. Edges are few, so
  the bootstrap's percentiles alone would be too narrow (they leave out the true mean in 10 to 17 of
  100 cases where 5 are meant, with six edges); they are moved outwards by a factor that
  ``benchmarks/simulate_statistics.py`` justifies.
* :func:`seed_interval`: where the mean over *other seeds* may lie: Student's t.
* :func:`replicate_interval`: where a statistic of *other architectures* may lie, of which there are
  enough for the bootstrap's percentiles to do.

The first two do not exist below :data:`FEWEST` units, nor where all of these have the same value:
an interval without width would say that nothing else can happen.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opscore.analysis.matches import without_noise
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

#: No interval is given for fewer edges, or fewer seeds: two values say next to nothing of a spread.
FEWEST = 3

#: Draws with replacement are enumerated while they are no more than this; else so many are drawn
#: as the caller says.
MAX_DRAWS = 300_000

#: Where a mean error lies: percent of the images. Losses, and what is missing to a similarity of 1,
#: lie there too.
ERROR_BOUNDS = (0.0, 100.0)

#: Values nearer than this are one value.
_SAME = 1e-9

#: How much further than Student's t the ends lie: rho is skewed near 1 and has few values. Chosen
#: by simulation (benchmarks/simulate_statistics.py), so that at least 93 of 100 intervals hold the
#: mean where edges are of one kind.
WIDENING = 1.2


def mean_over_edges(matrix: Array) -> float:
    """Mean over edges within each seed, then over seeds; NaN where nothing is left.

    matrix: one value per (seed, edge), shape (seeds, edges). NaN marks a place that is left out; a
    seed that has only such places is left out too.
    """
    weights = edge_weights(matrix)
    if not weights.any():
        return float("nan")
    return without_noise(float((weights * np.nan_to_num(matrix)).sum()))


def edge_weights(matrix: Array) -> Array:
    """The weight of each place in :func:`mean_over_edges`; 0 where it is left out."""
    valid = ~np.isnan(matrix)
    edges = valid.sum(axis=1, keepdims=True)
    seeds = max(int((edges > 0).sum()), 1)
    return np.asarray(valid / np.maximum(edges, 1) / seeds, dtype=np.float64)


def edge_interval(
    matrix: Array,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    n_bootstrap: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of :func:`mean_over_edges` over other edges of the kind (and other seeds).

    Seeds are drawn with replacement, then edges with replacement. The drawn edges serve all the
    drawn seeds, because an edge is the same edge in every seed and its luck is shared. All draws
    are counted with their probabilities where there are no more than :data:`MAX_DRAWS` different
    ones (462 of six edges), so that nothing is random; else ``n_bootstrap`` are drawn. The
    percentiles of the mean over draws are then moved away from the mean by the factor

        WIDENING * sqrt(n / (n - 1)) * t / z

    for n edges, with t and z the quantiles of Student's distribution (n - 1 degrees of freedom)
    and the normal one, and cut off at ``bounds``.

    Args:
        matrix: one value per (seed, edge), shape (seeds, edges); NaN is left out.
        confidence: coverage aimed at, such as 0.95.
        bounds: the smallest and the largest value that a mean can have.
        n_bootstrap: number of draws where they are too many to be enumerated.
        seed: seed of these.

    Returns:
        The lower and the upper end; NaN when fewer than :data:`FEWEST` edges have a value, or no
        two values differ.
    """
    from scipy.special import ndtri, stdtrit  # a quarter of scipy.stats' import

    matrix = matrix[:, (~np.isnan(matrix)).any(axis=0)]
    matrix = matrix[(~np.isnan(matrix)).any(axis=1)]
    n_edges = matrix.shape[1]
    if n_edges < FEWEST or _all_alike(matrix):
        return float("nan"), float("nan")
    means, probabilities = _resampled_means(matrix, n_bootstrap, seed)
    tail = (1 - confidence) / 2
    student = math.sqrt(n_edges / (n_edges - 1)) * -float(stdtrit(n_edges - 1, tail))
    factor = WIDENING * student / -float(ndtri(tail))
    centre = mean_over_edges(matrix)
    ends = [
        centre + factor * (_quantile(means, probabilities, share) - centre)
        for share in (tail, 1 - tail)
    ]
    low, high = np.clip(ends, *bounds)
    return without_noise(float(low)), without_noise(float(high))


def seed_interval(
    values: ArrayLike,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float]:
    """Student's t interval of a mean over seeds, cut off at ``bounds`` (0 and 100 of errors).

    values: one per seed, shape (seeds,); NaN is left out. The ends are NaN with fewer than
    :data:`FEWEST` values, or where all of them are the same.
    """
    from scipy.special import stdtrit

    known = np.asarray(values, dtype=np.float64).ravel()
    known = known[~np.isnan(known)]
    if len(known) < FEWEST or _all_alike(known):
        return float("nan"), float("nan")
    reach = -float(stdtrit(len(known) - 1, (1 - confidence) / 2))
    reach *= float(known.std(ddof=1)) / math.sqrt(len(known))
    mean = float(known.mean())
    low, high = np.clip([mean - reach, mean + reach], *bounds)
    return without_noise(float(low)), without_noise(float(high))


def mean_of_known(values: ArrayLike) -> float:
    """The mean of numbers, NaN left out; NaN where nothing is left."""
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if known.size else math.nan


class OverSeeds(NamedTuple):
    """What is said of one number of each seed.

    Attributes:
        mean: over the seeds.
        std: sample standard deviation; NaN with one seed.
        ci_low, ci_high: :func:`seed_interval` of the mean.
        n_seeds: how many there are.
    """

    mean: float
    std: float
    ci_low: float
    ci_high: float
    n_seeds: int


def over_seeds(
    values: ArrayLike,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> OverSeeds:
    """Mean, deviation and interval of one value per seed, shape (seeds,); NaN where one is NaN."""
    each = np.asarray(values, dtype=np.float64)
    low, high = seed_interval(each, confidence=confidence, bounds=bounds)
    if np.isnan(each).any():
        low = high = math.nan
    std = float(each.std(ddof=1)) if len(each) > 1 else math.nan
    return OverSeeds(float(each.mean()), std, low, high, len(each))


def replicate_interval(replicates: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """The percentiles of a statistic over resamples of many units, such as architectures.

    replicates: of each resample, shape (resamples,); NaN is left out. NaN without any value.
    """
    values = np.asarray(replicates, dtype=np.float64).ravel()
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _all_alike(values: Array) -> bool:
    """Whether no two values differ by more than their rounding errors; NaN is left out."""
    return bool(np.nanmax(values) - np.nanmin(values) < _SAME)


def _resampled_means(matrix: Array, n_bootstrap: int, seed: int) -> tuple[Array, Array]:
    """Means over draws of seeds and edges, and the probability of each, both of shape (draws,)."""
    n_seeds, n_edges = matrix.shape
    if _n_draws(n_edges) * _n_draws(n_seeds) <= MAX_DRAWS:
        edges, of_edges = _all_draws(n_edges)
        seeds, of_seeds = _all_draws(n_seeds)
        sums, weights = _sums_of_draws(matrix, edges)
        totals, counts = (part @ seeds.T for part in (sums, weights))
        probabilities = np.multiply.outer(of_edges, of_seeds)
    else:
        generator = numpy_generator(seed, "bootstrap")
        # How often a draw has each seed and each edge says all there is to know about it.
        seeds = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_bootstrap)
        edges = generator.multinomial(n_edges, np.full(n_edges, 1 / n_edges), size=n_bootstrap)
        sums, weights = _sums_of_draws(matrix, edges)
        totals, counts = ((part * seeds).sum(axis=1) for part in (sums, weights))
        probabilities = np.full(n_bootstrap, 1 / n_bootstrap)
    usable = counts > 0
    kept = probabilities[usable]
    return totals[usable] / counts[usable], kept / kept.sum()


def _sums_of_draws(matrix: Array, edges: NDArray[np.int64]) -> tuple[Array, Array]:
    """Mean of each seed over each draw of edges (0 where it has none), and whether it has any.

    Both have shape (draws, seeds); ``edges`` [draws, edges] counts how often an edge is drawn.
    """
    valid = (~np.isnan(matrix)).astype(np.float64)
    known = edges @ valid.T
    means = (edges @ np.nan_to_num(matrix).T) / np.maximum(known, 1)
    return means, (known > 0).astype(np.float64)


def _n_draws(n: int) -> int:
    """Number of different draws of n things out of n, with replacement and without order."""
    return math.comb(2 * n - 1, n)


@lru_cache(maxsize=16)
def _all_draws(n: int) -> tuple[NDArray[np.int64], Array]:
    """How often each draw has each of n things, [draws, n], and the draws' probabilities."""
    from scipy.special import gammaln

    drawn = np.array(list(combinations_with_replacement(range(n), n)))
    counts = (drawn[:, :, None] == np.arange(n)).sum(axis=1, dtype=np.int64)[::-1]
    logarithms = gammaln(n + 1) - gammaln(counts + 1).sum(axis=1) - n * math.log(n)
    return counts, np.exp(logarithms)


def _quantile(values: Array, probabilities: Array, share: float) -> float:
    """The smallest value that is not exceeded with this probability."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(probabilities[order])
    place = int(np.searchsorted(reached, share - 1e-12))
    return float(values[order][min(place, len(order) - 1)])
