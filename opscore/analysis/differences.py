"""Is one policy closer to the reference than another? Paired differences of rho."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.analysis.cells import Strengths, by_iteration
from opscore.analysis.correlation import check_interval
from opscore.analysis.exact import sign_flip_test
from opscore.analysis.intervals import bootstrap_interval, mean_over_cells
from opscore.errors import unknown

UNITS = ("edge", "cell")

_COLUMNS = {
    "policy_a": "str",
    "policy_b": "str",
    "reference": "str",
    "iteration": "int64",
    "difference": "float64",  # mean rho of a minus mean rho of b, over the matched cells
    "ci_low": "float64",
    "ci_high": "float64",
    "p_value": "float64",  # exact two-sided sign-flip test
    "n_pairs": "int64",  # matched (seed, edge) cells
    "n_units": "int64",  # signs that were flipped
}

#: Rho by (seed, edge) of one policy at one iteration.
_Rhos = dict[tuple[int | None, int], float]


def paired_differences(
    scores: pd.DataFrame,
    reference: str = "best-acc",
    *,
    unit: str = "edge",
    reference_iteration: int | None = None,
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Differences in mean Spearman to a reference, for every pair of policies and iteration.

    Policies are paired by (seed, edge); one that has no seed is paired with every seed of the
    other. A cell where either rho is undefined is left out.

    Args:
        scores: a score table (schema SCORES).
        reference: the policy that both are compared with.
        unit: what has its sign flipped: 'edge', the difference of an edge averaged over seeds
            (seeds of one edge share the edge's luck, so this is the honest count), or 'cell',
            every (seed, edge) on its own.
        reference_iteration: see :class:`opscore.analysis.Correlation`.
        n_bootstrap: replicates of the bootstrap interval (seeds first, then edges).
        confidence: coverage of the interval.
        seed: seed of the bootstrap.

    Returns:
        A frame with columns policy_a, policy_b, reference, iteration, difference (a minus b),
        ci_low, ci_high, p_value, n_pairs (matched cells) and n_units (signs flipped). A pair that
        shares no cell has no row.

    Raises:
        UserError: the reference is not in the table, or an argument is out of range.
    """
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    check_interval(n_bootstrap, confidence)
    strengths = Strengths(scores)
    strengths.check(reference)
    rhos = {
        policy: _rhos(strengths, policy, reference, reference_iteration)
        for policy in strengths.policies
        if policy != reference
    }
    rows: list[dict[str, object]] = []
    for a, b in itertools.combinations(rhos, 2):
        for iteration in sorted(set(rhos[a]) & set(rhos[b])):
            matrix = _difference_matrix(rhos[a][iteration], rhos[b][iteration])
            if np.isnan(matrix).all():
                continue
            low, high = bootstrap_interval(
                matrix, n_bootstrap=n_bootstrap, confidence=confidence, seed=seed
            )
            flipped = matrix.ravel() if unit == "cell" else _mean_over_seeds(matrix)
            rows.append(
                {
                    "policy_a": a,
                    "policy_b": b,
                    "reference": reference,
                    "iteration": iteration,
                    "difference": mean_over_cells(matrix),
                    "ci_low": low,
                    "ci_high": high,
                    "p_value": sign_flip_test(flipped),
                    "n_pairs": int((~np.isnan(matrix)).sum()),
                    "n_units": int((~np.isnan(flipped)).sum()),
                }
            )
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def no_differences() -> pd.DataFrame:
    """The frame of :func:`paired_differences` without rows, where there is no reference."""
    return pd.DataFrame({name: [] for name in _COLUMNS}).astype(_COLUMNS)


def _rhos(
    strengths: Strengths, policy: str, reference: str, reference_iteration: int | None
) -> dict[int, _Rhos]:
    cells = strengths.cells(policy, reference, reference_iteration)
    return {
        iteration: {(cell.seed, cell.edge): cell.rho for cell in group}
        for iteration, group in by_iteration(cells).items()
    }


def _difference_matrix(a: _Rhos, b: _Rhos) -> NDArray[np.float64]:
    """Rho of a minus rho of b, shape (seeds, edges); NaN where either is undefined or not there."""
    seeds_a, seeds_b = {seed for seed, _ in a}, {seed for seed, _ in b}
    if seeds_a == {None}:
        a = {(seed, edge): rho for (_, edge), rho in a.items() for seed in seeds_b}
    elif seeds_b == {None}:
        b = {(seed, edge): rho for (_, edge), rho in b.items() for seed in seeds_a}
    common = sorted(set(a) & set(b), key=lambda key: (-1 if key[0] is None else key[0], key[1]))
    seeds = {seed: i for i, seed in enumerate(dict.fromkeys(seed for seed, _ in common))}
    edges = {edge: i for i, edge in enumerate(sorted({edge for _, edge in common}))}
    matrix = np.full((len(seeds), len(edges)), np.nan)
    for seed, edge in common:
        matrix[seeds[seed], edges[edge]] = a[seed, edge] - b[seed, edge]
    return matrix


def _mean_over_seeds(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each edge over the seeds that have it; NaN for an edge that none has."""
    valid = ~np.isnan(matrix)
    counts = valid.sum(axis=0)
    sums = np.nan_to_num(matrix).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
