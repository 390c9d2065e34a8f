"""NAS-Bench-1Shot1's accuracies: CIFAR-10, 108 epochs, three trainings of each cell.

``nb1shot1_space1.parquet`` and ``nb1shot1_space2.parquet`` (a data folder, or ``opscore data fetch
nb1shot1``), and ``nb1shot1_space3.parquet`` (made by ``opscore data add`` from the official
NAS-Bench-101 file) have a row for each cell of the benchmark's list: the adjacency matrix, the
operation of each vertex, and errors as fractions.

Rows are the cells of the list, isomorphic ones as often as the list has them, and a block that
takes no part counts as a 1x1 convolution: best-acc and avg-acc of a block's operation go over
these rows, as in the paper's case study. An architecture that numbers its blocks in another way,
or has another operation on a block that takes no part, has the accuracy of its row.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from opscore.data import FILES
from opscore.data.truths import read_truth
from opscore.errors import UserError
from opscore.oracles.base import Array
from opscore.oracles.tables import Accuracies
from opscore.oracles.tabular import accuracies_of, read_arrays, table_of
from opscore.spaces.nasbench101_cells import N_VERTICES, Cell
from opscore.spaces.nb1shot1 import IDLE, NB1SHOT1, OPERATIONS, NB1Shot1Space

_NODES = [f"node{number}" for number in range(1, N_VERTICES - 1)]


def load_accuracies(space: NB1Shot1Space, source: str, data_dir: Path | None) -> Accuracies:
    """All accuracies of a space; UserError when the file is missing or of another kind."""
    path = table_of(FILES[space.name], source, data_dir)
    return _read(space.number, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(number: int, path: Path, modified: int) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    space = NB1SHOT1[number - 1]
    layout = FILES[space.name].layout
    assert layout is not None
    frame = read_truth(space.name, path)
    records = frame.astype(object).to_dict("records")
    places = np.array([_place(space, path, row) for row in records])
    rows = np.zeros(space.choice_counts, dtype=bool)
    rows[tuple(places.T)] = True
    values = {column: frame[column].to_numpy() for column in layout.numbers}
    arrays = read_arrays(layout, values, places, space.choice_counts)
    arrays = {key: _repeated(space, array) for key, array in arrays.items()}
    return replace(accuracies_of(layout, path, arrays), rows=rows)


def _place(space: NB1Shot1Space, path: Path, row: Mapping[Hashable, Any]) -> tuple[int, ...]:
    """The choices of the architecture that a row stands for."""
    matrix = np.array([int(digit) for digit in str(row["adjacency"])], dtype=np.int64)
    names = tuple(str(row[name]) for name in _NODES)
    adjacency = matrix.reshape(N_VERTICES, N_VERTICES)
    used = Cell(adjacency, ("input", *names, "output")).used()
    graph = adjacency[np.ix_(used, used)]
    operations = [OPERATIONS.index(names[vertex - 1]) for vertex in used[1:-1]]
    # The list's own numbering is the one that leaves every block where it is.
    for form in space.forms.get((len(graph), graph.tobytes()), ()):
        if form.blocks == tuple(used[1:-1]):
            return space.choices_of(form, operations)
    raise UserError(f"{path} has a cell that space {space.number} does not have: {row}")


def _repeated(space: NB1Shot1Space, array: Array) -> Array:
    """The same array with the accuracies of rows at every architecture that is the same network.

    array: [operations of each block, choices of each edge of parents, trainings].
    """
    filled = array.copy()
    n_blocks = space.n_blocks
    for graph in np.ndindex(*space.choice_counts[n_blocks:]):
        any_operations = space.architecture([0] * n_blocks + list(graph))
        used, forms = space.forms_of(any_operations)
        if not forms:
            continue
        form = forms[0]
        # The rows of the list's graph, an axis for each block that takes part, in our order.
        index: Any = (..., *form.parents, slice(None))
        rows = array[index]
        for block in range(n_blocks, 0, -1):
            if block not in form.blocks:
                rows = np.take(rows, IDLE, axis=block - 1)
        listed = sorted(form.blocks)
        rows = np.moveaxis(rows, [listed.index(block) for block in form.blocks], range(len(used)))
        for block in range(1, n_blocks + 1):
            if block not in used:
                rows = np.expand_dims(rows, block - 1)
        index = (..., *graph, slice(None))
        filled[index] = rows
    return filled
