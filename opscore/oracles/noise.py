"""How well an oracle agrees with itself: the ceiling of what any policy can reach."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.stats import spearmanr

from opscore.errors import UserError
from opscore.oracles.base import Array, Oracle


@dataclass(frozen=True)
class OracleNoise:
    """Agreement between trainings of the same architectures from different seeds.

    Attributes:
        n_repeated: architectures with at least two trials.
        std: mean over them of the standard deviation over trials, percent.
        spearman: between two trials, over the architectures that have both; mean over pairs.
        spearman_top: the same within the best 1,000 architectures by mean accuracy.
        best_acc_rho: mean over edges of the Spearman between best-acc computed from one trial and
            from another, with architectures that lack either left out; mean over pairs.
    """

    n_repeated: int
    std: float
    spearman: float
    spearman_top: float
    best_acc_rho: float


def oracle_noise(oracle: Oracle, top: int = 1000) -> OracleNoise:
    """Measure an oracle against itself; UserError when no architecture was trained twice."""
    flat = oracle.trials.reshape(-1, oracle.n_trials)
    repeated = (~np.isnan(flat)).sum(axis=1) >= 2
    if not repeated.any():
        raise UserError(f"this table has one training of each architecture ({oracle.source})")
    best = np.zeros(len(flat), dtype=bool)
    best[np.argsort(-oracle.mean_accuracy, axis=None, kind="stable")[:top]] = True
    pairs = [(a, b) for a, b in permutations(range(oracle.n_trials), 2) if a < b]
    return OracleNoise(
        n_repeated=int(repeated.sum()),
        std=float(np.nanstd(flat[repeated], axis=1, ddof=1).mean()),
        spearman=float(np.mean([_spearman(flat, a, b) for a, b in pairs])),
        spearman_top=float(np.mean([_spearman(flat[best], a, b) for a, b in pairs])),
        best_acc_rho=float(np.mean([_best_acc_rho(oracle, a, b) for a, b in pairs])),
    )


def _spearman(flat: Array, a: int, b: int) -> float:
    both = ~np.isnan(flat[:, [a, b]]).any(axis=1)
    return float(spearmanr(flat[both, a], flat[both, b]).statistic)


def _best_acc_rho(oracle: Oracle, a: int, b: int) -> float:
    pair = oracle.trials[..., [a, b]]
    pair = np.where(np.isnan(pair).any(axis=-1, keepdims=True), -np.inf, pair)
    rhos = []
    for edge in range(len(oracle.space.edges)):
        others = tuple(axis for axis in range(pair.ndim - 1) if axis != edge)
        best = pair.max(axis=others)
        rhos.append(float(spearmanr(best[:, 0], best[:, 1]).statistic))
    return float(np.mean(rhos))
