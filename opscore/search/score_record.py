"""The scores of all architectures that the package ships, as search methods read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from opscore.data import records
from opscore.data.files import file_hash
from opscore.errors import UserError
from opscore.settings import SearchSettings
from opscore.spaces import DEFAULT_SPACE, get_space

#: Name of the record that the package ships, and the space that it is of
#: (scripts/architecture_scores.py makes it).
RECORD, SPACE = "architecture_scores", DEFAULT_SPACE

#: The scores, all of them larger for a better network.
SCORED = ("nwot", "synflow", "params", "flops")

#: One row per (seed, architecture), in the order of the space.
COLUMNS = {
    "architecture": "str",
    "seed": "int32",
    "nwot": "float32",  # missing where no image reaches the logits
    "synflow": "float32",  # natural logarithm; missing likewise
    "params": "int32",
    "flops": "int32",  # multiplications for one image
}


def uses_record(proxy: str, settings: SearchSettings) -> bool:
    """Whether scores come from the record: its space at paper size, by a recorded proxy.

    Other sizes are scored where they are asked for. The record's images are CIFAR-10.
    """
    wanted = settings.space == SPACE and settings.size == "paper"
    return wanted and proxy in SCORED and settings.images == "cifar10" and has_record()


def has_record() -> bool:
    """Whether the record is there."""
    return RECORD in records.record_names()


def record_hash() -> str:
    """The sha256 of the record's table."""
    return file_hash(records.FOLDER / f"{RECORD}.parquet")


def describe_record() -> str:
    """The settings that the record was made with, whatever a search was asked for."""
    facts = records.read_record(RECORD)[1]
    return (
        f"scores of the shipped record, made with its own settings: batch {facts['batch_size']}, "
        f"nwot in {facts['nwot']}; synflow as {facts['synflow']}"
    )


@lru_cache(maxsize=1)
def record_table() -> pd.DataFrame:
    """The whole record, columns as in :data:`COLUMNS`."""
    return records.read_record(RECORD)[0]


def recorded_scores(proxy: str, seed: int = 0) -> pd.Series[float]:
    """One proxy's values by architecture string; NaN for networks without a score.

    The record holds a few seeds of weights and minibatches; search seed s reads number s modulo
    how many there are. UserError when the record lacks the proxy.
    """
    if proxy not in SCORED:
        raise UserError(
            f"no record of all architectures' {proxy}; recorded are {', '.join(SCORED)}"
        )
    table = record_table()
    seeds = sorted(set(table["seed"].tolist()))
    rows = table[table["seed"] == seeds[seed % len(seeds)]]
    scores: pd.Series[float] = rows.set_index("architecture")[proxy].astype(np.float64)
    return scores


def recorded_strengths(proxy: str, seed: int = 0) -> Mapping[tuple[int, ...], float]:
    """The same by operation indices; all recorded proxies are better when larger."""
    return _strengths(proxy, seed % int(record_table()["seed"].nunique()))


@lru_cache(maxsize=16)
def _strengths(proxy: str, seed: int) -> Mapping[tuple[int, ...], float]:
    scores = recorded_scores(proxy, seed)
    names, space = scores.index.tolist(), get_space(SPACE)
    indices = (space.parse(name).architecture_indices for name in names)
    return {
        index: float(value) if math.isfinite(value) else math.nan
        for index, value in zip(indices, scores.tolist(), strict=True)
    }
