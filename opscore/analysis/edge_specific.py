"""What a policy knows of single edges, beyond a preference that is the same on all of them.

A policy that prefers the same operations everywhere can agree with the truth on every edge without
knowing one edge from another. With ranks r within an edge, for a policy and a reference alike,

    d(e, o) = r(e, o) - mean over edges of r(., o)

is what an edge adds to the preference common to all edges (the mean over edges that have the same
operations). The edge-specific agreement is Pearson's correlation of the two d over all edges and
operations, within a seed, then the mean over seeds. It is 1 when the edges differ from their common
order in the same way, and does not exist where a policy has one order on all edges: it then says
nothing of edges.

The test exchanges edges: if the policy knew nothing of which edge is which, its rows of d could as
well belong to the edges in any other order, among those with the same operations. All orders are
counted (720 for six edges, all seeds together); where there are more than
:data:`MAX_ORDERS`, so many are drawn, the observed one among them.

An edge on which a score failed has no d in that seed. The gap is exchanged like any other row: it
meets each edge of the reference as often as the others do, and what meets it is left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.analysis.exact import count_orders, drawn_orders, every_order
from opscore.analysis.matches import (
    Match,
    Strengths,
    average_ranks,
    by_iteration,
    without_noise,
)
from opscore.analysis.relabelling import edges_together
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

#: Orders of edges are counted up to this many; of more, so many are drawn.
MAX_ORDERS = 50_000

#: Sums nearer than this are one value.
_SAME = 1e-9

_COLUMNS = {
    "policy": "str",
    "reference": "str",
    "iteration": "int64",
    "agreement": "float64",  # in [-1, 1]; missing where one of the two has no edge of its own
    "p_value": "float64",  # by exchanging edges
    "n_seeds": "int64",
    "n_edges": "int64",
}


def edge_specific_agreement(
    scores: pd.DataFrame, references: Sequence[str], *, reference_iteration: int | None = None
) -> pd.DataFrame:
    """The edge-specific agreement of every policy with each reference, and its exact p-value.

    Args:
        scores: a score table (schema SCORES).
        references: policies to compare with, such as ['best-acc'].
        reference_iteration: take the references' rows of this iteration; None those of the same.

    Returns:
        One row per (policy, reference, iteration) with columns policy, reference, iteration,
        agreement, p_value, n_seeds and n_edges. An edge counts in a seed where both have scored
        all of its operations; agreement and p_value are missing where nothing is left to compare.

    Raises:
        UserError: a reference is not in the table.
    """
    strengths = Strengths(scores)
    rows = []
    for reference in references:
        for policy in strengths.policies:
            if policy == strengths.check(reference):
                continue
            matches = strengths.matches(policy, reference, reference_iteration)
            for iteration, group in by_iteration(matches).items():
                agreement, p_value, seeds, edges = agreement_of(group)
                rows.append((policy, reference, iteration, agreement, p_value, seeds, edges))
    return schema.table(rows, _COLUMNS)


def agreement_of(matches: Sequence[Match], *, tested: bool = True) -> tuple[float, float, int, int]:
    """(agreement, p-value, number of seeds, number of edges) of one iteration's matches.

    Without a test the p-value is NaN, and no order of edges is looked at but the given one.
    """
    operations = edges_together(matches)
    kinds = tuple(operations[edge] for edge in sorted(operations))
    place_of = {edge: place for place, edge in enumerate(sorted(operations))}
    orders = _orders(kinds) if tested else np.arange(len(kinds))[None]
    by_seed, matched = [], set()
    for _, group in itertools.groupby(matches, key=lambda match: match.seed):
        of_seed = {place_of[match.edge]: match for match in group}
        own, other = (
            _beyond_common(
                {p: (one.all_operations, getattr(one, side)) for p, one in of_seed.items()}, kinds
            )
            for side in ("all_x", "all_y")
        )
        by_seed.append(_correlations(own, other, kinds, orders))
        matched |= own.keys() & other.keys()
    agreements, seeds = _over_seeds(np.array(by_seed).reshape(-1, len(orders)))
    if seeds == 0:
        return math.nan, math.nan, 0, len(matched)
    p_value = float((np.abs(agreements) >= abs(agreements[0]) - _SAME).mean())
    agreement = without_noise(float(agreements[0]))
    return agreement, p_value if tested else math.nan, seeds, len(matched)


def _over_seeds(by_seed: Array) -> tuple[Array, int]:
    """Mean over seeds under each order, and how many seeds the first, observed one has.

    by_seed: shape (seeds, orders); NaN is left out, and an order without any other value has 0.
    """
    defined = ~np.isnan(by_seed)
    counts = defined.sum(axis=0)
    return np.where(defined, by_seed, 0.0).sum(axis=0) / np.maximum(counts, 1), int(counts[0])


def _correlations(
    own: Mapping[int, Array],
    other: Mapping[int, Array],
    kinds: Sequence[tuple[str, ...]],
    orders: NDArray[np.int64],
) -> Array:
    """Pearson's correlation of two policies' d under each order of the first's edges, (orders,).

    own, other: rows of d by the place of their edge. Rows sum to zero. Edges of other operations,
    and those that one of the two lacks, are left out. NaN where one has no d other than zero.
    """
    # Of each pair of edges, one of either: the product, and the squares where both are there.
    parts = np.zeros((3, len(kinds), len(kinds)))
    for j, column in other.items():
        for i, row in own.items():
            if kinds[i] == kinds[j]:
                parts[:, j, i] = row @ column, row @ row, column @ column
    edges = np.arange(orders.shape[1])
    both, squares, others = (part[edges, orders].sum(axis=1) for part in parts)
    scale = np.sqrt(squares * others)
    nothing = np.full(len(orders), np.nan)
    return np.asarray(np.divide(both, scale, out=nothing, where=scale > _SAME))


def _beyond_common(
    rows: Mapping[int, tuple[tuple[str, ...], Array]], kinds: Sequence[tuple[str, ...]]
) -> dict[int, Array]:
    """d of each edge, by its place; an edge that lacks a score of its kind is left out.

    rows: operations and strengths by the place of the edge.
    """
    ranks = {
        place: average_ranks(row)
        for place, (operations, row) in rows.items()
        if operations == kinds[place] and not np.isnan(row).any()
    }
    return {
        place: own - np.mean([r for p, r in ranks.items() if kinds[p] == kinds[place]], axis=0)
        for place, own in ranks.items()
    }


@lru_cache(maxsize=8)
def _orders(kinds: tuple[tuple[str, ...], ...]) -> NDArray[np.int64]:
    """Orders of edges that exchange only those of one kind, the given one first.

    Shape (orders, edges): at each place the edge whose row stands there.
    """
    if count_orders(kinds) <= MAX_ORDERS:
        return every_order(kinds)
    return drawn_orders(kinds, MAX_ORDERS, numpy_generator(0, "edge-specific agreement"))
