"""Exact p-values of sums over cells, by exchanging what the operations are called.

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

from opscore.analysis.cells import Cell
from opscore.analysis.exact import least_of, permutation_p_value

#: What is relabelled together, by edge: edges with the same label share each relabelling.
Blocks = Mapping[int, Hashable]


def each_edge_alone(cells: Sequence[Cell]) -> Blocks:
    """Every edge is relabelled on its own (all its seeds together)."""
    return {cell.edge: cell.edge for cell in cells}


def edges_together(cells: Sequence[Cell]) -> dict[int, tuple[str, ...]]:
    """Edges that have the same operations are relabelled together.

    An operation that failed is still one of its edge's operations.
    """
    operations: dict[int, set[str]] = {}
    for cell in cells:
        operations.setdefault(cell.edge, set()).update(cell.all_operations)
    return {edge: tuple(sorted(names)) for edge, names in operations.items()}


def least_p_value(cells: Sequence[Cell], weightless: Collection[str] = ()) -> float:
    """The least value that a p-value of relabelled edges can take, whatever the scores are.

    One in so many relabellings: 1/120 for five operations on all edges. NaN without cells.

    Args:
        cells: the cells that are compared.
        weightless: operations that are exchanged among themselves alone.
    """
    return least_of_operations(edges_together(cells).values(), weightless)


def least_of_operations(
    operations: Iterable[Sequence[str]], weightless: Collection[str] = ()
) -> float:
    """The same, from the operations of each edge; NaN without edges."""
    blocks = {tuple(sorted(names)) for names in operations}
    if not blocks:
        return math.nan
    return math.prod(least_of([op in weightless for op in names]) for names in blocks)


def relabelling_p_value(
    cells: Sequence[Cell],
    weights: Sequence[float],
    blocks: Blocks,
    weightless: Collection[str] = (),
) -> float:
    """Exact two-sided p-value of a weighted sum of the cells' rhos.

    Args:
        cells: the cells, each with a defined rho. The operations of the second policy are what
            is relabelled; within a block the same relabelling holds for every cell.
        weights: one per cell; a negative one takes a rho away.
        blocks: the block of each cell's edge.
        weightless: operations that are exchanged among themselves alone.

    Returns:
        The share of relabellings (of seeded draws of them, where a block has more than 8! of them)
        whose sum is at least as far from zero; NaN without cells.
    """
    names: dict[Hashable, set[str]] = {}
    for cell in cells:
        names.setdefault(blocks[cell.edge], set()).update(cell.operations)
    ordered = {label: sorted(operations) for label, operations in names.items()}
    return permutation_p_value(
        [_aligned(cell, cell.all_x, ordered[blocks[cell.edge]]) for cell in cells],
        [_aligned(cell, cell.all_y, ordered[blocks[cell.edge]]) for cell in cells],
        weights=weights,
        blocks=[blocks[cell.edge] for cell in cells],
        kinds={
            label: [op in weightless for op in operations] for label, operations in ordered.items()
        },
    )


def _aligned(cell: Cell, row: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """A cell's row in the order of these operations; NaN for those that it does not have."""
    known = dict(zip(cell.all_operations, row.tolist(), strict=True))
    return np.array([known.get(name, np.nan) for name in names], dtype=np.float64)
