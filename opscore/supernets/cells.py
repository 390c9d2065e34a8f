"""A supernet with weights of its own in each cell, where cells share the edges' weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from opscore.spaces import SearchSpace
from opscore.supernets.base import Supernet
from opscore.supernets.choice import Choice, Row
from opscore.supernets.copying import copy_network


def cells_of(supernet: Supernet) -> list[nn.Module]:
    """The cells that share the edges' weights; none where each edge stands in one place."""
    return [
        cell
        for cell in getattr(supernet, "cells", ())
        if any(isinstance(part, Choice) for part in cell.modules())
    ]


class CellByCell(Supernet):
    """A copy of a supernet with a row of weights for each edge of each cell.

    It computes what the supernet does, where all cells have the same rows. Its edges are those of
    the first cell, then those of the second, and so on.

    Args:
        supernet: left as it is; it has cells (:func:`cells_of`).
    """

    def __init__(self, supernet: Supernet) -> None:
        own = copy_network(supernet)
        cells = cells_of(own)
        super().__init__(_unrolled(supernet.space, len(cells)))
        self.whole = own
        self.alphas = own.alphas.repeat(len(cells), 1)
        count = len(supernet.space.edges)
        for number, cell in enumerate(cells):
            cell.register_forward_pre_hook(partial(_own_rows, number * count, count))

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        return self.whole.logits(images, rows, run_removed)

    def tables(self, usual: Tensor, changed: Tensor) -> Tensor:
        """Weights in which one cell differs from the others: a table for each cell.

        usual, changed: weights of the supernet [edges, operations]. Returns [cells, cells x edges,
        operations].
        """
        count = len(self.space.edges) // len(usual)
        tables = usual.repeat(count, count, 1)
        for number, table in enumerate(tables):
            table[number * len(usual) : (number + 1) * len(usual)] = changed
        return tables


def _unrolled(space: SearchSpace, cells: int) -> SearchSpace:
    return SearchSpace(
        f"{space.name}, cell by cell",
        tuple(f"cell {number}, {edge}" for number in range(cells) for edge in space.edges),
        space.operations * cells,
        keeps=space.keeps * cells,
    )


def _own_rows(start: int, count: int, cell: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a cell is called with: of a list of all rows its own."""
    return tuple(arg[start : start + count] if isinstance(arg, list) else arg for arg in args)
