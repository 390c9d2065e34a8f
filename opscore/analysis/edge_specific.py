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
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from opscore.analysis.cells import Cell, Strengths, without_noise
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
    scores: pd.DataFrame,
    references: Sequence[str],
    *,
    reference_iteration: int | None = None,
) -> pd.DataFrame:
    """The edge-specific agreement of every policy with each reference, and its exact p-value.

    Args:
        scores: a score table (schema SCORES).
        references: policies to compare with, such as ['best-acc'].
        reference_iteration: take the references' rows of this iteration; None those of the same.

    Returns:
        One row per (policy, reference, iteration) with columns policy, reference, iteration,
        agreement, p_value, n_seeds and n_edges. An edge counts where both have scored all of its
        operations; agreement and p_value are missing where nothing is left to compare.

    Raises:
        UserError: a reference is not in the table.
    """
    strengths = Strengths(scores)
    rows = []
    for reference in references:
        for policy in strengths.policies:
            if policy == strengths.check(reference):
                continue
            cells = strengths.cells(policy, reference, reference_iteration)
            for iteration, group in itertools.groupby(cells, key=lambda cell: cell.iteration):
                agreement, p_value, seeds, edges = agreement_of(list(group))
                rows.append((policy, reference, iteration, agreement, p_value, seeds, edges))
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def agreement_of(cells: Sequence[Cell]) -> tuple[float, float, int, int]:
    """(agreement, p-value, number of seeds, number of edges) of one iteration's cells."""
    whole = [cell for cell in cells if cell.operations == cell.all_operations]
    edges = sorted({cell.edge for cell in whole})
    total, seeds = np.zeros((len(edges), len(edges))), 0
    kinds: dict[int, tuple[str, ...]] = {}
    for _, group in itertools.groupby(whole, key=lambda cell: cell.seed):
        of_seed = list(group)
        kinds |= {edges.index(cell.edge): cell.operations for cell in of_seed}
        products = _products(of_seed, edges)
        if products is not None:
            total, seeds = total + products, seeds + 1
    if seeds == 0:
        return math.nan, math.nan, 0, len(edges)
    products = total / seeds
    observed = float(np.trace(products))
    kind_of = [kinds[place] for place in range(len(edges))]
    sums = np.array([products[range(len(edges)), order].sum() for order in _orders(kind_of)])
    p_value = float((np.abs(sums) >= abs(observed) - _SAME).mean())
    return without_noise(observed), p_value, seeds, len(edges)


def _products(cells: Sequence[Cell], edges: Sequence[int]) -> Array | None:
    """Of each pair of edges, the part of the correlation that their two rows of d would give.

    Shape (edges, edges); None where one of the two has no d other than zero.
    """
    own = _beyond_common([(cell, cell.x) for cell in cells])
    other = _beyond_common([(cell, cell.y) for cell in cells])
    scale = math.sqrt(sum(float(d @ d) for d in own) * sum(float(d @ d) for d in other))
    if scale < _SAME:
        return None
    products = np.zeros((len(edges), len(edges)))
    for one, row in zip(cells, own, strict=True):
        for two, column in zip(cells, other, strict=True):
            if one.operations == two.operations:
                products[edges.index(one.edge), edges.index(two.edge)] = row @ column / scale
    return products


def _beyond_common(rows: Iterable[tuple[Cell, Array]]) -> list[Array]:
    """d of each cell, in the order of its operations."""
    ranked = [(cell.operations, rankdata(row)) for cell, row in rows]
    common = {
        kind: np.mean([ranks for other, ranks in ranked if other == kind], axis=0)
        for kind, _ in ranked
    }
    return [ranks - common[kind] for kind, ranks in ranked]


def _orders(kinds: Sequence[tuple[str, ...]]) -> Iterator[list[int]]:
    """Orders of edges that exchange only those of one kind, the given one first."""
    groups = [
        [place for place, kind in enumerate(kinds) if kind == wanted]
        for wanted in dict.fromkeys(kinds)
    ]
    every: Iterable[tuple[tuple[int, ...], ...]]
    if math.prod(math.factorial(len(group)) for group in groups) <= MAX_ORDERS:
        every = itertools.product(*(itertools.permutations(group) for group in groups))
    else:
        every = _drawn(groups)
    for exchanged in every:
        order = list(range(len(kinds)))
        for group, new in zip(groups, exchanged, strict=True):
            for place, other in zip(group, new, strict=True):
                order[place] = other
        yield order


def _drawn(groups: Sequence[Sequence[int]]) -> Iterator[tuple[tuple[int, ...], ...]]:
    generator = numpy_generator(0, "edge-specific agreement")
    yield tuple(tuple(group) for group in groups)
    for _ in range(MAX_ORDERS - 1):
        yield tuple(tuple(generator.permutation(group).tolist()) for group in groups)
