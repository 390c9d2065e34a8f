"""The mean over edges and seeds, and its bootstrap interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opscore.analysis.cells import without_noise
from opscore.rng import numpy_generator

Array = NDArray[np.float64]


def mean_over_cells(matrix: Array) -> float:
    """Mean over edges within each seed, then over seeds.

    Args:
        matrix: one value per (seed, edge), shape (seeds, edges). NaN marks a cell that is left
            out; a seed that has only such cells is left out too.

    Returns:
        The mean; NaN when no cell is left.
    """
    weights = cell_weights(matrix)
    if not weights.any():
        return float("nan")
    return without_noise(float((weights * np.nan_to_num(matrix)).sum()))


def cell_weights(matrix: Array) -> Array:
    """The weight of each cell in :func:`mean_over_cells`; 0 where it is left out."""
    valid = ~np.isnan(matrix)
    edges = valid.sum(axis=1, keepdims=True)
    seeds = max(int((edges > 0).sum()), 1)
    return np.asarray(valid / np.maximum(edges, 1) / seeds, dtype=np.float64)


def bootstrap_interval(
    matrix: Array, *, n_bootstrap: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Percentile interval of :func:`mean_over_cells`.

    Each replicate draws seeds with replacement, then edges with replacement. The drawn edges serve
    all the drawn seeds, because an edge is the same edge in every seed and its luck is shared:
    drawing edges anew for each seed would make the interval too narrow.

    Args:
        matrix: one value per (seed, edge), shape (seeds, edges); NaN is left out.
        n_bootstrap: number of replicates.
        confidence: coverage aimed at, such as 0.95.
        seed: seed of the draws.

    Returns:
        The lower and the upper end; NaN when fewer than two cells are left.
    """
    if (~np.isnan(matrix)).sum() < 2:
        return float("nan"), float("nan")
    generator = numpy_generator(seed, "bootstrap")
    n_seeds, n_edges = matrix.shape
    # How often a replicate drew each seed and each edge says all there is to know about it.
    seeds = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_bootstrap)
    edges = generator.multinomial(n_edges, np.full(n_edges, 1 / n_edges), size=n_bootstrap)
    valid = (~np.isnan(matrix)).astype(np.float64)
    cells = edges @ valid.T  # (replicates, seeds): cells that each seed would have
    sums = edges @ np.nan_to_num(matrix).T
    weights = seeds * (cells > 0)
    total = weights.sum(axis=1)
    means = (weights * sums / np.maximum(cells, 1)).sum(axis=1) / np.maximum(total, 1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means[total > 0], [tail, 1 - tail])
    return without_noise(float(low)), without_noise(float(high))
