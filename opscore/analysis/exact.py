"""Exact tests: permutation of operations, and sign flips of paired differences.

Both statistics are sums of independent discrete parts (one per block of matches, or one per
difference), so their null distribution is the convolution of the parts' distributions. The last
convolution is never built: the sums of two halves are sorted and counted against each other. Two
limits:

* a block whose permutations are more than those of ``MAX_ENUMERATED`` operations has
  ``MONTE_CARLO`` seeded random ones, the observed order among them, so that no p-value is below
  1 / ``MONTE_CARLO``;
* where half of the parts have more than ``MAX_VALUES`` different sums (many matches, each with
  other ties), sums are rounded to a grid of ``GRID_POINTS``, and whatever the rounding may have
  moved across the observed value is counted: the p-value is then an upper bound, close to 1e-4.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from opscore.analysis.matches import is_rankable, unit_ranks
from opscore.errors import OpscoreError
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

#: Permutations are enumerated up to the number that so many operations have; of more, MONTE_CARLO
#: are drawn.
MAX_ENUMERATED = 8
MONTE_CARLO = 20_000
#: Different sums are enumerated up to this many; more are rounded to a grid of GRID_POINTS.
MAX_VALUES = 2_000_000
GRID_POINTS = 2**18

#: Values nearer than this are one value: far above rounding errors, far below steps of a mean rho.
_MERGE = 1e-11
_SLACK = 1e-8


@dataclass(frozen=True)
class _Law:
    """A discrete distribution: sums and their probabilities, both of shape (n,).

    ``slack`` bounds how far rounding may have moved a sum.
    """

    sums: Array
    probabilities: Array
    slack: float = _SLACK

    def merged(self) -> _Law:
        """The same distribution with equal sums (up to rounding errors) put together."""
        # By a table of hashes: sorting two million sums takes ten times as long.
        places, kept = pd.factorize(np.round(self.sums / _MERGE).astype(np.int64))
        return _Law(
            kept.astype(np.float64) * _MERGE, _masses(places, self.probabilities), self.slack
        )

    def on_grid(self, grid: float) -> Array:
        """Probabilities at the smallest sum, one grid step above it, and so on."""
        steps = np.round((self.sums - self.sums.min()) / grid).astype(np.int64)
        return _masses(steps, self.probabilities)

    def __add__(self, other: _Law) -> _Law:
        """The distribution of the sum of two independent parts."""
        values = np.add.outer(self.sums, other.sums).ravel()
        probabilities = np.multiply.outer(self.probabilities, other.probabilities).ravel()
        return _Law(values, probabilities, max(self.slack, other.slack)).merged()


def _masses(places: NDArray[np.int64], probabilities: Array) -> Array:
    """Total probability at each of the places 0, 1, ..."""
    return np.asarray(np.bincount(places, weights=probabilities), dtype=np.float64)


def permutation_p_value(
    x: Sequence[ArrayLike],
    y: Sequence[ArrayLike],
    *,
    weights: Sequence[float] | None = None,
    blocks: Sequence[Hashable] | None = None,
    kinds: Mapping[Hashable, Sequence[Hashable]] | None = None,
    seed: int = 0,
) -> float:
    """Exact two-sided p-value of a weighted mean of Spearman's rhos.

    Under the null hypothesis the operations of a block could be exchanged in one policy's ranking
    against the other's. Every permutation of the operations is counted, so ties are handled
    exactly: permutations that give the same ranking are counted as often as they occur.

    Args:
        x: one row of values per match; row i has shape (n_i,). NaN marks an operation without a
            score: the cell's rho is over those that both rows have, under every permutation.
        y: as many rows, of the same shapes.
        weights: weight of each match in the mean; equal by default.
        blocks: matches with the same label are permuted together, by the same permutation, and
            their rows list the same operations. The seeds of one edge are not independent
            evidence, since the policy may prefer the same operations with every seed; nor are
            edges on which it prefers the same operations. By default each match is its own block.
        kinds: for each block the kind of each operation, of those that are not all of one kind:
            operations are exchanged with others of their kind alone.
        seed: seed of the Monte Carlo draws, used where permutations are too many only.

    Returns:
        P(|mean rho| >= |observed|), the observed order included; NaN without matches.

    Raises:
        OpscoreError: a row is constant or has fewer than two values, so that rho is undefined.
    """
    rows = [
        (np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        for a, b in zip(x, y, strict=True)
    ]
    if not rows:
        return float("nan")
    scale = [1 / len(rows)] * len(rows) if weights is None else list(weights)
    labels: Sequence[Hashable] = range(len(rows)) if blocks is None else blocks
    found: dict[Hashable, _Block] = {}
    for (a, b), weight, label in zip(rows, scale, labels, strict=True):
        own = (kinds or {}).get(label, [None] * len(a))
        found.setdefault(label, _Block(own)).add(a, b, weight)
    p_value = _two_sided(
        [block.law(seed) for block in found.values()],
        sum(block.observed for block in found.values()),
    )
    drawn = any(_are_drawn(block.kinds) for block in found.values())
    return max(p_value, 1 / MONTE_CARLO) if drawn else p_value


def least_of(kinds: Sequence[Hashable]) -> float:
    """The least p-value of one block: one in so many permutations that keep kinds."""
    return 1 / MONTE_CARLO if _are_drawn(kinds) else 1 / count_orders(kinds)


def count_orders(kinds: Sequence[Hashable]) -> int:
    """Number of permutations that leave each kind where it is."""
    return math.prod(math.factorial(n) for n in Counter(kinds).values())


def _are_drawn(kinds: Sequence[Hashable]) -> bool:
    return count_orders(kinds) > math.factorial(MAX_ENUMERATED)


class _Block:
    """Cells whose operations are permuted together: a weighted sum of their rhos.

    Attributes:
        kinds: the kind of each operation of every row.
        observed: the sum as it was observed.
    """

    def __init__(self, kinds: Sequence[Hashable]) -> None:
        self.kinds = tuple(kinds)
        self.observed = 0.0
        self._product = np.zeros((len(kinds), len(kinds)))
        self._incomplete: list[tuple[Array, Array, float]] = []

    def add(self, x: Array, y: Array, weight: float) -> None:
        """Add a match; OpscoreError where its rho is undefined."""
        scored = ~np.isnan(x) & ~np.isnan(y)
        if not (is_rankable(x[scored]) and is_rankable(y[scored])):
            raise OpscoreError("a constant row has no rank correlation; leave its match out")
        ranks, others = unit_ranks(x[scored]), unit_ranks(y[scored])
        self.observed += weight * float(ranks @ others)
        if scored.all():
            self._product += weight * np.outer(ranks, others)
        else:
            self._incomplete.append((x, y, weight))

    def law(self, seed: int) -> _Law:
        """The sum's distribution over the permutations pi of y's operations."""
        n = len(self.kinds)
        if _are_drawn(self.kinds):
            orders = drawn_orders(self.kinds, MONTE_CARLO, numpy_generator(seed, "permutations", n))
        else:
            orders = every_order(self.kinds)
        # A complete match has sum_i ranks(x)_i ranks(y)_pi(i): ranks move with the operations.
        values = self._product[np.arange(n), orders].sum(axis=1)
        for x, y, weight in self._incomplete:
            values = values + weight * _rhos(x, y[orders])
        return _Law(values, np.full(len(values), 1 / len(values))).merged()


def _rhos(x: Array, permuted: Array) -> Array:
    """Spearman of one row with each of many, over what both have, shape (rows,); else 0.

    Which operations are common depends on the permutation where both rows have gaps; a
    permutation that leaves nothing to correlate counts as no agreement.
    """
    from scipy.stats import rankdata

    missing = np.isnan(x) | np.isnan(permuted)
    pair = np.stack([np.broadcast_to(x, permuted.shape), permuted])
    ranks = rankdata(np.where(missing, np.nan, pair), axis=2, nan_policy="omit")
    count = np.maximum((~missing).sum(axis=1), 1)
    centred = np.where(
        missing, 0.0, ranks - np.nansum(ranks, axis=2, keepdims=True) / count[:, None]
    )
    norms = np.sqrt((centred**2).sum(axis=2)).prod(axis=0)
    sums = centred.prod(axis=0).sum(axis=1)
    return np.asarray(np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0))


def sign_flip_test(differences: ArrayLike) -> float:
    """Exact two-sided sign-flip test of paired differences.

    Under the null hypothesis each difference is as likely to have the other sign. All 2^n signs
    are counted, up to n = 40 at least; with more, where too few sums are equal, the p-value is an
    upper bound (see the head of this module).

    Args:
        differences: the differences, shape (n,); NaN is left out.

    Returns:
        P(|mean| >= |observed mean|), the observed signs included; NaN without differences.
    """
    values = np.asarray(differences, dtype=np.float64).ravel()
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan")
    total = np.abs(values).sum()
    if total == 0:
        return 1.0
    values = values / total
    laws = [_Law(np.array([-v, v]), np.array([0.5, 0.5])) for v in values[values != 0]]
    return _two_sided(laws, float(values.sum()))


@lru_cache(maxsize=4 * MAX_ENUMERATED)
def every_order(kinds: tuple[Hashable, ...]) -> NDArray[np.int64]:
    """Every permutation that exchanges places of one kind, the identity first, [orders, places]."""
    groups = _places_of(kinds)
    orders = np.tile(np.arange(len(kinds)), (count_orders(kinds), 1))
    every = itertools.product(*(itertools.permutations(group) for group in groups))
    for order, exchanged in zip(orders, every, strict=True):
        for group, new in zip(groups, exchanged, strict=True):
            order[group] = new
    return orders


def drawn_orders(
    kinds: tuple[Hashable, ...], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """So many of them at random, the identity first: then no p-value is zero."""
    orders = np.tile(np.arange(len(kinds)), (count, 1))
    for group in _places_of(kinds):
        orders[1:, group] = generator.permuted(np.tile(group, (count - 1, 1)), axis=1)
    return orders


def _places_of(kinds: tuple[Hashable, ...]) -> list[list[int]]:
    """The places of each kind, in the order of their first."""
    return [
        [place for place, kind in enumerate(kinds) if kind == wanted]
        for wanted in dict.fromkeys(kinds)
    ]


def _two_sided(laws: Sequence[_Law], observed: float) -> float:
    """P(|sum| >= |observed|) for a sum of independent parts."""
    first, second = _two_halves(laws)
    bound = abs(observed) - first.slack - second.slack
    if bound <= 0:
        return 1.0
    order = np.argsort(second.sums)
    sorted_values = second.sums[order]
    below = np.concatenate([[0.0], np.cumsum(second.probabilities[order])])
    above = np.concatenate([np.cumsum(second.probabilities[order][::-1])[::-1], [0.0]])
    right = above[np.searchsorted(sorted_values, bound - first.sums, side="left")]
    left = below[np.searchsorted(sorted_values, -bound - first.sums, side="right")]
    return float(min(1.0, first.probabilities @ (left + right)))


def _two_halves(laws: Sequence[_Law]) -> tuple[_Law, _Law]:
    """Two laws whose sum is the sum of all: the last and largest convolution is never built."""
    halves = [_Law(np.zeros(1), np.ones(1)), _Law(np.zeros(1), np.ones(1))]
    for law in sorted(laws, key=lambda part: len(part.sums), reverse=True):
        place = int(len(halves[1].sums) < len(halves[0].sums))
        halves[place] = _convolve(halves[place], law)
    return halves[0], halves[1]


def _convolve(first: _Law, second: _Law) -> _Law:
    """The sum of two parts: enumerated while it is small, else rounded to a grid."""
    if len(first.sums) * len(second.sums) <= MAX_VALUES:
        return first + second
    from scipy.signal import fftconvolve

    low = first.sums.min() + second.sums.min()
    reach = first.sums.max() + second.sums.max() - low
    grid = float(reach) / GRID_POINTS
    masses = fftconvolve(first.on_grid(grid), second.on_grid(grid))
    kept = masses > 0
    # Each part moves by half a step at most.
    return _Law(low + np.flatnonzero(kept) * grid, masses[kept], first.slack + second.slack + grid)
