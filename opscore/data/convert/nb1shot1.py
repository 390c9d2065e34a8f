"""NAS-Bench-1Shot1 (Zela et al. 2020): spaces 1 and 2 from the authors' pickles, all from the
official NAS-Bench-101 file.

A table has one row per cell without loose ends, in the order of the benchmark's code; errors are
fractions (1 - accuracy), CIFAR-10, 108 epochs, three trainings.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.data.convert.tfrecord import nasbench101_accuracies
from opscore.data.pickles import PLAIN_GLOBALS, load_restricted
from opscore.errors import UserError
from opscore.spaces.nasbench101_cells import Cell, oneshot_cells

TRAININGS = 3
EPOCHS = 108
_VERTICES = ("input", "node1", "node2", "node3", "node4", "node5", "output")


def read_pickle(path: Path, space: int) -> pd.DataFrame:
    """The table of space 1 or 2 from ``search_space{space}.pkl``, a pickled DataFrame.

    The pickle does not hold every cell's graph: it is enumerated anew, and the operations that
    the pickle holds must be those of the enumeration.

    UserError when it is another file, or asks for anything but what a DataFrame needs.
    """
    stored = _read_frame(path)
    cells = list(oneshot_cells(space))
    found = list(zip(*(stored[name] for name in _VERTICES), strict=True))
    if found != [cell.operations for cell in cells]:
        raise UserError(
            f"{path} does not hold the {len(cells):,} cells of space {space} in their order"
        )
    runs = {
        (split, run): np.asarray(stored[f"{split}{run + 1}"], dtype=float)
        for split in ("val", "test")
        for run in range(TRAININGS)
    }
    return _table(cells, runs)


def tables_of_tfrecord(
    path: Path,
    spaces: Sequence[int] = (1, 2, 3),
) -> dict[int, pd.DataFrame]:
    """The tables of spaces from the official NAS-Bench-101 file, read once.

    Cells that the file lacks are left out; UserError when it has none of a space.
    """
    cells = {space: list(oneshot_cells(space)) for space in spaces}
    hashes = {space: [cell.graph_hash() for cell in cells[space]] for space in spaces}
    wanted = {graph for known in hashes.values() for graph in known}
    trained = nasbench101_accuracies(path, EPOCHS, wanted)
    tables = {}
    for space in spaces:
        rows = [i for i, graph in enumerate(hashes[space]) if graph in trained]
        if not rows:
            raise UserError(f"{path} holds no cells of NAS-Bench-1Shot1 at {EPOCHS} epochs")
        runs = {}
        for position, split in enumerate(("val", "test")):
            for run in range(TRAININGS):
                runs[split, run] = np.array(
                    [_error(trained[hashes[space][i]], run, position) for i in rows]
                )
        tables[space] = _table([cells[space][i] for i in rows], runs, rows)
    return tables


def _error(trainings: Sequence[tuple[float, float]], run: int, position: int) -> float:
    return 1 - trainings[run][position] if run < len(trainings) else float("nan")


def _table(
    cells: Sequence[Cell],
    runs: Mapping[tuple[str, int], np.ndarray[Any, np.dtype[np.float64]]],
    rows: Sequence[int] | None = None,
) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "row": np.arange(len(cells), dtype=np.int32) if rows is None else np.array(rows, np.int32)
    }
    operations = zip(*(cell.operations for cell in cells), strict=True)
    columns.update({name: list(ops) for name, ops in zip(_VERTICES, operations, strict=True)})
    for split in ("val", "test"):
        errors = np.stack([runs[split, run] for run in range(TRAININGS)])
        columns.update({f"{split}_error_{run}": errors[run] for run in range(TRAININGS)})
        columns[f"mean_{split}_error"] = np.nanmean(errors, axis=0)
        columns[f"best_{split}_error"] = np.nanmin(errors, axis=0)
    columns["adjacency"] = ["".join(map(str, cell.adjacency.ravel())) for cell in cells]
    columns["graph_hash"] = [cell.graph_hash() for cell in cells]
    columns["n_nodes_used"] = [len(cell.used()) - 2 for cell in cells]
    return pd.DataFrame(columns)


class _Block:
    """Stands for a block of a DataFrame: values [columns, rows], and which columns."""

    def __init__(self, values: Any, places: Any) -> None:
        self.values, self.places = values, places


class _Partial:
    """Stands for ``functools.partial(new_block, ndim=2)``; calling it makes a block."""

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, values: Any, places: Any) -> _Block:
        return _Block(values, places)


class _Frame:
    """Stands for DataFrame: keeps what the pickle says about itself."""

    content: Mapping[str, Any]

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.content = state


def _manager(blocks: Any, axes: Any) -> tuple[Any, Any]:
    return blocks, axes


def _index(kind: Any, content: Mapping[str, Any]) -> Any:
    return content.get("data")


_PANDAS = {
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _manager,
    ("pandas.core.internals.blocks", "new_block"): _Block,
    ("functools", "partial"): _Partial,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.base", "Index"): "Index",
    ("pandas.core.indexes.range", "RangeIndex"): "RangeIndex",
    ("builtins", "slice"): slice,
}


def _read_frame(path: Path) -> dict[str, Any]:
    """Columns of a pickled DataFrame by name, read without pandas."""
    try:
        frame = load_restricted(io.BytesIO(path.read_bytes()), {**PLAIN_GLOBALS, **_PANDAS})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    blocks, (names, _) = frame.content["_mgr"]
    return {
        str(name): values
        for block in blocks
        for name, values in zip(names[block.places], block.values, strict=True)
    }
