"""NAS-Bench-201's accuracies, from the best table there is.

* ``nasbench201.parquet`` (a data folder, or what ``opscore data add`` made of the official files):
  one row per architecture, named by ``arch_str``, and columns of percent accuracies. Trials are in
  ``{dataset}_{split}_{epochs}ep_seed{seed}`` columns; the names of the tables that people pass
  around (``cifar10_test_seed0``, ``cifar100_val_200ep``, ``cifar10_12ep_test``, ...) are read too.
* the file inside the PyPI package ``analog-nasbench``: CIFAR-10 test accuracy, one training each.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.data import file_hash, find
from opscore.data.pickles import load_restricted
from opscore.errors import UserError, unknown
from opscore.oracles.base import Array
from opscore.spaces import NASBENCH201
from opscore.spaces.nasbench201 import OPERATIONS

TABLE = "nasbench201.parquet"
DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SOURCES = ("table", "anb")

#: (dataset, split, epochs)
Key = tuple[str, str, int]

_COLUMNS = (
    re.compile(r"(?P<dataset>\w+?)_(?P<split>test|valid)_(?P<epochs>\d+)ep_seed\d+"),
    re.compile(r"(?P<dataset>\w+?)_(?P<split>test)_seed\d+"),
    re.compile(r"(?P<dataset>cifar100|imagenet16)_(?P<split>test)_mean"),
    re.compile(r"(?P<dataset>\w+?)_(?P<split>val)_(?P<epochs>\d+)ep"),
    re.compile(r"(?P<dataset>\w+?)_(?P<epochs>\d+)ep_(?P<split>test|val)"),
)
_OPERATION = re.compile(r"\|?([a-z0-9_]+)~\d")

_ANB_SOURCE = (
    "analog-nasbench (PyPI): the same architectures trained once each by another group; Spearman "
    "0.991 with NAS-Bench-201, 0.76 within its top 1,000"
)
#: What its operation indices stand for; found by matching its table with NAS-Bench-201's.
_ANB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
#: Its tuples list edges as 0->1, 0->2, 0->3, 1->2, 1->3, 2->3; ours take these positions.
_ANB_POSITIONS = (0, 1, 3, 2, 4, 5)


@dataclass(frozen=True, eq=False)
class Accuracies:
    """All accuracies of one source: arrays [5, 5, 5, 5, 5, 5, trials] by dataset, split, epochs."""

    arrays: dict[Key, Array]
    source: str
    sha256: str


def load_accuracies(source: str, data_dir: Path | None) -> Accuracies:
    """The accuracies of a source: 'table', 'anb', or 'auto' for the best that is found.

    UserError when the source is unknown or its file is missing.
    """
    if source not in {"auto", *SOURCES}:
        raise unknown("oracle source", source, ("auto", *SOURCES))
    path = find(TABLE, data_dir)
    if source == "anb" or (source == "auto" and path is None):
        return _read_anb(_anb_file())
    if path is None:
        raise UserError(
            f"no {TABLE} was found; make one of the official files with 'opscore data add FILE', "
            "or use the source 'anb'"
        )
    return _read_table(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_table(path: Path, modified: int) -> Accuracies:
    try:
        frame = pd.read_parquet(path)
        positions = _positions(frame["arch_str"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a NAS-Bench-201 table ({error})") from None
    columns: dict[Key, list[str]] = {}
    for name in frame.columns:
        key = parse_column(name)
        if key is not None:
            columns.setdefault(key, []).append(name)
    arrays = {}
    for key, names in columns.items():
        array = np.full((*NASBENCH201.shape, len(names)), np.nan)
        array[positions] = frame[names].to_numpy(dtype=float)
        arrays[key] = array
    return Accuracies(arrays, f"NAS-Bench-201 ({path.name})", file_hash(path))


def parse_column(name: str) -> Key | None:
    """The (dataset, split, epochs) that a column holds; None for a column of something else."""
    for pattern in _COLUMNS:
        match = pattern.fullmatch(name)
        if match is not None:
            found = match.groupdict()
            dataset = {"imagenet16": "imagenet16-120"}.get(found["dataset"], found["dataset"])
            split = {"val": "valid"}.get(found["split"], found["split"])
            return dataset, split, int(found.get("epochs") or 200)
    return None


def _positions(strings: Iterable[str]) -> tuple[Array, ...]:
    index = {name: position for position, name in enumerate(OPERATIONS)}
    rows = [[index[op] for op in _OPERATION.findall(text)] for text in strings]
    return tuple(np.array(rows).T)


def _anb_file() -> Path:
    # The package cannot be imported today (it needs pkg_resources); its data file can be read.
    spec = importlib.util.find_spec("analognasbench")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package analog-nasbench is not installed: pip install analog-nasbench")
    return Path(next(iter(spec.submodule_search_locations))) / "data.anb"


class _Record:
    """Stands for the package's classes: attributes and nothing else."""

    architecture: tuple[int, ...]
    baseline_accuracy: float

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@lru_cache(maxsize=1)
def _read_anb(path: Path) -> Accuracies:
    allowed = {
        ("analognasbench.data", name): _Record for name in ("Architecture", "DriftMeasurement")
    }
    with path.open("rb") as file:
        content: dict[tuple[int, ...], _Record] = load_restricted(file, allowed)
    ours = [OPERATIONS.index(name) for name in _ANB_OPERATIONS]
    array = np.full((*NASBENCH201.shape, 1), np.nan)
    for theirs, record in content.items():
        array[tuple(ours[theirs[position]] for position in _ANB_POSITIONS)] = (
            record.baseline_accuracy
        )
    return Accuracies({("cifar10", "test", 200): array}, _ANB_SOURCE, file_hash(path))
