"""NAS-Bench-1Shot1 (Zela et al. 2020): three spaces of cells that NAS-Bench-101 has trained.

A cell has four choice blocks, or five in space 3. Each block has one of three operations and a
fixed number of parents among the cell's input and the blocks before it; the output has two or
three. Operations are decided first, then the parents of blocks, then those of the output. Where a
block has as many parents as there are candidates there is nothing to choose.

Blocks that do not lead to the output take no part, and cells that differ in the numbering of their
blocks are one. The benchmark's own list (:mod:`opscore.spaces.nasbench101_cells`) leaves out some
graphs that the rules allow; an architecture is valid when its graph is in that list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from opscore.spaces.base import SPACES, SearchSpace, State
from opscore.spaces.graphs import Arrow, Graph
from opscore.spaces.nasbench101_cells import (
    CONV1X1,
    CONV3X3,
    INPUT,
    MAXPOOL3X3,
    N_VERTICES,
    OUTPUT,
    PARENTS,
    Cell,
    oneshot_graphs,
)

OPERATIONS = (MAXPOOL3X3, CONV3X3, CONV1X1)

#: The operation that stands on a block that takes no part, in the benchmark's tables.
IDLE = OPERATIONS.index(CONV1X1)

Matrix = NDArray[np.int64]


@dataclass(frozen=True)
class Form:
    """A way in which a graph of blocks stands in the benchmark's list.

    Attributes:
        parents: the choice of each edge of parents, in the order of the space's edges.
        blocks: for each block of the graph, in order, the block that it is in the list's graph.
    """

    parents: tuple[int, ...]
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class NB1Shot1Space(SearchSpace):
    """One of the three spaces.

    Attributes:
        number: 1, 2 or 3.
    """

    number: int = 1

    @property
    def n_blocks(self) -> int:
        """Number of choice blocks."""
        return len(PARENTS[self.number]) - 2

    @cached_property
    def parent_edges(self) -> dict[int, int]:
        """The edge that decides the parents of a vertex, for those that have a choice.

        Vertices are the input 0, the blocks, and the output (number of blocks + 1).
        """
        chosen = [v for v, count in enumerate(PARENTS[self.number]) if 0 < count < v]
        return {vertex: self.n_blocks + place for place, vertex in enumerate(chosen)}

    def parents(self, state: State, vertex: int) -> tuple[int, ...]:
        """What a vertex reads, or may read: vertices before it."""
        edge = self.parent_edges.get(vertex)
        return tuple(range(vertex)) if edge is None else state.remaining(edge)

    def graphs(self, architecture: State) -> tuple[Graph, ...]:
        """The cell: blocks with their operations, and what each of them reads."""
        output = self.n_blocks + 1
        blocks = [
            f"block{vertex}\n{OPERATIONS[architecture.remaining(vertex - 1)[0]]}"
            for vertex in range(1, output)
        ]
        arrows = tuple(
            Arrow(parent, vertex)
            for vertex in range(1, output + 1)
            for parent in self.parents(architecture, vertex)
        )
        return (Graph("cell", (INPUT, *blocks, OUTPUT), arrows),)

    def cell(self, architecture: State) -> Cell:
        """The architecture as a cell of NAS-Bench-101, blocks that take no part included."""
        output = self.n_blocks + 1
        operations = [CONV1X1] * N_VERTICES
        operations[0], operations[-1] = INPUT, OUTPUT
        adjacency = np.zeros((N_VERTICES, N_VERTICES), dtype=np.int64)
        for vertex in range(1, output + 1):
            place = N_VERTICES - 1 if vertex == output else vertex
            adjacency[list(self.parents(architecture, vertex)), place] = 1
            if vertex < output:
                operations[vertex] = OPERATIONS[architecture.remaining(vertex - 1)[0]]
        return Cell(adjacency, tuple(operations))

    def is_valid(self, architecture: State) -> bool:
        """Whether NAS-Bench-1Shot1's list has the cell, numbered in any way."""
        return bool(self.forms_of(architecture)[1])

    def canonical(self, architecture: State) -> State:
        """The first cell of the benchmark's list that is the same network.

        The architecture itself when the list has none.
        """
        used, forms = self.forms_of(architecture)
        operations = [architecture.remaining(block - 1)[0] for block in used]
        same = [self.choices_of(form, operations) for form in forms]
        return self.architecture(min(same)) if same else architecture

    def choices_of(self, form: Form, operations: Sequence[int]) -> tuple[int, ...]:
        """The choices of the list's cell that has these operations on a graph's blocks."""
        blocks = [IDLE] * self.n_blocks
        for block, operation in zip(form.blocks, operations, strict=True):
            blocks[block - 1] = operation
        return (*blocks, *form.parents)

    def forms_of(self, architecture: State) -> tuple[list[int], Sequence[Form]]:
        """The blocks that take part, and the ways in which their graph stands in the list."""
        graph = tuple(architecture.remaining(edge) for edge in self.parent_edges.values())
        if graph not in self._forms_of_graphs:
            self._forms_of_graphs[graph] = self._find_forms(architecture)
        return self._forms_of_graphs[graph]

    @cached_property
    def _forms_of_graphs(
        self,
    ) -> dict[tuple[tuple[int, ...], ...], tuple[list[int], Sequence[Form]]]:
        """What :meth:`forms_of` has found, by the parents that are chosen: it asks nothing else."""
        return {}

    def _find_forms(self, architecture: State) -> tuple[list[int], Sequence[Form]]:
        cell = self.cell(architecture)
        used = cell.used()
        if not used:
            return [], ()
        return used[1:-1], self.forms.get(_key(cell.adjacency[np.ix_(used, used)]), ())

    @cached_property
    def forms(self) -> Mapping[tuple[int, bytes], Sequence[Form]]:
        """For every graph, in every numbering of its blocks, where it stands in the list."""
        found: dict[tuple[int, bytes], list[Form]] = {}
        for graph in oneshot_graphs(self.number):
            used = Cell(graph, (INPUT, *[CONV1X1] * (N_VERTICES - 2), OUTPUT)).used()
            blocks = used[1:-1]
            parents = tuple(
                self._choice_of_parents(graph, vertex, edge)
                for vertex, edge in self.parent_edges.items()
            )
            for order in permutations(blocks):
                numbered = [0, *order, N_VERTICES - 1]
                adjacency = graph[np.ix_(numbered, numbered)]
                found.setdefault(_key(adjacency), []).append(Form(parents, order))
        return found

    def _choice_of_parents(self, graph: Matrix, vertex: int, edge: int) -> int:
        """The number of the choice that a graph makes; the first for a block without a part."""
        place = N_VERTICES - 1 if vertex == self.n_blocks + 1 else vertex
        sources = tuple(int(source) for source in np.flatnonzero(graph[:, place]))
        return self.choices[edge].index(sources) if sources else 0


def _key(adjacency: Matrix) -> tuple[int, bytes]:
    return len(adjacency), adjacency.tobytes()


def _make(number: int) -> NB1Shot1Space:
    counts = PARENTS[number]
    output = len(counts) - 1
    blocks = range(1, output)
    choosing = [vertex for vertex in range(1, output + 1) if counts[vertex] < vertex]
    names = (INPUT, *(f"block{block}" for block in blocks), OUTPUT)
    inner = range(len(blocks), len(blocks) + len(choosing) - 1)
    return NB1Shot1Space(
        name=f"nb1shot1-{number}",
        edges=(*names[1:-1], *(f"parents of {names[vertex]}" for vertex in choosing)),
        operations=(*(OPERATIONS for _ in blocks), *(names[:vertex] for vertex in choosing)),
        keeps=(*(1 for _ in blocks), *(counts[vertex] for vertex in choosing)),
        stages=(tuple(range(len(blocks))), tuple(inner), (inner.stop,)),
        weightless=(MAXPOOL3X3,),
        number=number,
    )


NB1SHOT1 = tuple(_make(number) for number in PARENTS)

for _space in NB1SHOT1:
    SPACES.add(_space.name, _space, source="zela2020oneshot; ying2019")
