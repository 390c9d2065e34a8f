"""Exact p-values of sums over matches, by exchanging what the operations are called.

Three null hypotheses, each of which asks for more than the one before:

* :func:`each_edge_alone`: on every edge the order of the operations says nothing of the reference's
  order there, and the edges are independent pieces of evidence;
* :func:`edges_together`: which operations a policy prefers says nothing of which ones the reference
  prefers. A policy may prefer the same operations on all edges, and so may the reference: that is
  then one piece of evidence, however many edges there are. It takes the operations for
  exchangeable: none resembles another more than a third, for policy and reference alike;
* the same *within kinds*: operations with weights may resemble each other, and so may those
  without, so that only operations of one kind are exchanged. Which kind is better is then no
  evidence.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from opscore.analysis.exact import least_of, permutation_p_value
from opscore.analysis.matches import Match

#: What is relabelled together, by edge: edges with the same label share each relabelling.
Blocks = Mapping[int, Hashable]


def each_edge_alone(matches: Sequence[Match]) -> Blocks:
    """Every edge is relabelled on its own (all its seeds together)."""
    return {match.edge: match.edge for match in matches}


def edges_together(matches: Sequence[Match]) -> dict[int, tuple[str, ...]]:
    """Edges that have the same operations are relabelled together.

    An operation that failed is still one of its edge's operations.
    """
    operations: dict[int, set[str]] = {}
    for match in matches:
        operations.setdefault(match.edge, set()).update(match.all_operations)
    return {edge: tuple(sorted(names)) for edge, names in operations.items()}


def least_p_value(matches: Sequence[Match], weightless: Collection[str] = ()) -> float:
    """The least value that a p-value of relabelled edges can take, whatever the scores are.

    One in so many relabellings: 1/120 for five operations on all edges; ``weightless`` ones are
    exchanged among themselves alone. NaN without matches.
    """
    return least_of_operations(edges_together(matches).values(), weightless)


def least_of_operations(
    operations: Iterable[Sequence[str]], weightless: Collection[str] = ()
) -> float:
    """The same, from the operations of each edge; NaN without edges."""
    blocks = {tuple(sorted(names)) for names in operations}
    if not blocks:
        return math.nan
    return math.prod(least_of([op in weightless for op in names]) for names in blocks)


def relabelling_p_value(
    matches: Sequence[Match],
    weights: Sequence[float],
    blocks: Blocks,
    weightless: Collection[str] = (),
) -> float:
    """Exact two-sided p-value of a weighted sum of the matches' rhos.

    Args:
        matches: the matches, each with a defined rho. The operations of the second policy are what
            is relabelled; within a block the same relabelling holds for every match.
        weights: one per match; a negative one takes a rho away.
        blocks: the block of each cell's edge.
        weightless: operations that are exchanged among themselves alone.

    Returns:
        The share of relabellings (of seeded draws of them, where a block has more than 8! of them)
        whose sum is at least as far from zero; NaN without matches.
    """
    names: dict[Hashable, set[str]] = {}
    for match in matches:
        names.setdefault(blocks[match.edge], set()).update(match.operations)
    ordered = {label: sorted(operations) for label, operations in names.items()}
    return permutation_p_value(
        [_aligned(match, match.all_x, ordered[blocks[match.edge]]) for match in matches],
        [_aligned(match, match.all_y, ordered[blocks[match.edge]]) for match in matches],
        weights=weights,
        blocks=[blocks[match.edge] for match in matches],
        kinds={
            label: [op in weightless for op in operations] for label, operations in ordered.items()
        },
    )


def _aligned(match: Match, row: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """A cell's row in the order of these operations; NaN for those that it does not have."""
    known = dict(zip(match.all_operations, row.tolist(), strict=True))
    return np.array([known.get(name, np.nan) for name in names], dtype=np.float64)
