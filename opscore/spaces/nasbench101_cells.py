"""Cells of NAS-Bench-101 (Ying et al. 2019), and those that the spaces of NAS-Bench-1Shot1 hold.

A cell is a graph of at most seven vertices, input first and output last, with an operation on each
vertex between them: an upper triangular matrix ``adjacency`` (1 at [source, target]) and the names
of all vertices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from opscore.errors import UserError

INPUT, OUTPUT = "input", "output"
CONV1X1, CONV3X3, MAXPOOL3X3 = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"

MAX_EDGES = 9
N_VERTICES = 7

#: For each space the number of parents of each vertex: input, choice blocks, output.
PARENTS = {1: (0, 1, 2, 2, 2, 2), 2: (0, 1, 1, 2, 2, 3), 3: (0, 1, 1, 1, 2, 2, 2)}

#: The order in which the benchmark's code goes through the operations of a block.
_OPERATIONS = (CONV1X1, CONV3X3, MAXPOOL3X3)

Adjacency = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """A cell: who feeds whom, and what each vertex does.

    Attributes:
        adjacency: upper triangular, [vertices, vertices], 1 where the row feeds the column.
        operations: one name for each vertex, 'input' first and 'output' last.
    """

    adjacency: Adjacency
    operations: tuple[str, ...]

    def used(self) -> list[int]:
        """Vertices on a path from input to output, in order; both ends included.

        Empty when no path connects them.
        """
        last = len(self.operations) - 1
        reached = _reachable(self.adjacency, 0)
        leading = _reachable(self.adjacency.T, last)
        return sorted(reached & leading) if last in reached else []

    def pruned(self) -> Cell:
        """The same cell without vertices that take no part; UserError if none connects the ends."""
        used = self.used()
        if not used:
            raise UserError("no path of this cell leads from its input to its output")
        return Cell(
            self.adjacency[np.ix_(used, used)], tuple(self.operations[vertex] for vertex in used)
        )

    def graph_hash(self) -> str:
        """A hash that cells share whose pruned graphs are isomorphic, labels included.

        Every vertex starts from its degrees and its label, and then takes in its neighbours as
        often as there are vertices: refinement of colours, which tells all graphs of this size
        apart that NAS-Bench-101 tells apart.
        """
        cell = self.pruned()
        return _refined(cell.adjacency.astype(np.int8).tobytes(), cell.operations)


@cache
def _refined(matrix: bytes, operations: tuple[str, ...]) -> str:
    """The hash of a pruned cell, from the bytes of its adjacency matrix."""
    size = len(operations)
    adjacency = np.frombuffer(matrix, np.int8).reshape(size, size)
    colours = [
        _digest(f"{adjacency[:, vertex].sum()},{adjacency[vertex].sum()},{name}")
        for vertex, name in enumerate(operations)
    ]
    for _ in range(size):
        colours = [
            _digest(
                "".join(sorted(colours[source] for source in np.flatnonzero(column)))
                + "|"
                + "".join(sorted(colours[target] for target in np.flatnonzero(row)))
                + "|"
                + colour
            )
            for colour, row, column in zip(colours, adjacency, adjacency.T, strict=True)
        ]
    return _digest(str(sorted(colours)))


def oneshot_graphs(space: int) -> Iterator[Adjacency]:
    """The graphs of a space of NAS-Bench-1Shot1 without loose ends, in its code's order.

    The code follows, from the output on, only the last parent of each vertex. So it finds the
    graphs whose vertices form a chain, each the last parent of the next, with further parents
    taken from the chain or the input: 49, 65 and 234 graphs where the rule 'this many parents, no
    loose ends' has 66, 190 and 876.

    Args:
        space: 1, 2 or 3.

    Yields:
        Adjacency, [7, 7]. Spaces 1 and 2 have four blocks; their vertex 5 is unused.
    """
    if space not in PARENTS:
        raise UserError(f"NAS-Bench-1Shot1 has spaces 1, 2 and 3, not {space}")
    parents = PARENTS[space]
    output = len(parents) - 1
    for chosen in _chains(parents, output):
        adjacency = np.zeros((N_VERTICES, N_VERTICES), dtype=np.int64)
        for vertex, sources in chosen.items():
            adjacency[list(sources), N_VERTICES - 1 if vertex == output else vertex] = 1
        if adjacency.sum() <= MAX_EDGES:
            yield adjacency


def oneshot_cells(space: int) -> Iterator[Cell]:
    """The cells of a space of NAS-Bench-1Shot1 without loose ends, in its code's order.

    Isomorphic cells are all there: 2,487, 3,609 and 24,066. Vertices that a cell does not use are
    labelled conv1x1-bn-relu, as in the benchmark's tables.

    Args:
        space: 1, 2 or 3.
    """
    for adjacency in oneshot_graphs(space):
        used = [vertex for vertex in range(1, N_VERTICES - 1) if adjacency[vertex].any()]
        for choice in product(_OPERATIONS, repeat=len(used)):
            names = dict(zip(used, reversed(choice), strict=True))
            blocks = (names.get(vertex, CONV1X1) for vertex in range(1, N_VERTICES - 1))
            yield Cell(adjacency, (INPUT, *blocks, OUTPUT))


def _chains(parents: Sequence[int], vertex: int) -> Iterator[dict[int, tuple[int, ...]]]:
    """Parents by vertex, from ``vertex`` down to the input along last parents."""
    for sources in combinations(range(vertex), parents[vertex]):
        if sources[-1] == 0:
            yield {vertex: sources}
            continue
        for below in _chains(parents, sources[-1]):
            if all(source == 0 or source in below for source in sources):
                yield {vertex: sources, **below}


def _reachable(adjacency: Adjacency, start: int) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        for target in np.flatnonzero(adjacency[waiting.pop()]):
            if int(target) not in found:
                found.add(int(target))
                waiting.append(int(target))
    return found


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
