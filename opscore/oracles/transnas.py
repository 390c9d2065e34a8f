"""TransNAS-Bench-101's truths, micro: one training of each of 4,096 cells on each of seven tasks.

``transnas_micro.parquet`` (a data folder, or ``opscore data fetch transnas``) has ``arch_str`` and
for each task the validation value after the last epoch. Lengths of training differ between tasks
and are not in the table.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from opscore.data import file_hash, require
from opscore.data.truths import read_truth
from opscore.errors import unknown
from opscore.oracles.metrics import NEGATIVE_LOSS, SSIM
from opscore.oracles.tables import Accuracies, Key
from opscore.spaces.transnas import TRANSNAS_MICRO

FILE = "transnas_micro.parquet"

#: Classification (top-1 of scenes, objects, jigsaw puzzles), pixels of the segmentation, and the
#: tasks whose value is not a percentage.
TASKS = (
    "class_scene",
    "class_object",
    "jigsaw",
    "room_layout",
    "segmentsemantic",
    "normal",
    "autoencoder",
)
METRICS = {"room_layout": NEGATIVE_LOSS, "normal": SSIM, "autoencoder": SSIM}

#: What stands in place of the number of epochs, which the table does not say.
NOT_STATED = 0
DEFAULT: Key = ("class_scene", "valid", NOT_STATED)


def load_accuracies(source: str, data_dir: Path | None) -> Accuracies:
    """The values of all cells on all tasks; UserError when the file is missing or another."""
    if source not in ("auto", "table"):
        raise unknown("oracle source", source, ("auto", "table"))
    path = require(FILE, data_dir)
    return _read(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, modified: int) -> Accuracies:
    """Read the table once for as long as it is not modified."""
    frame = read_truth("transnas-micro", path)
    texts = frame["arch_str"].tolist()
    places = np.array([TRANSNAS_MICRO.parse(text).architecture_indices for text in texts]).T
    arrays = {}
    for task in TASKS:
        array = np.full((*TRANSNAS_MICRO.shape, 1), np.nan)
        array[(*places, 0)] = frame[f"val_{task}"].to_numpy()
        arrays[task, "valid", NOT_STATED] = array
    return Accuracies(
        arrays,
        "TransNAS-Bench-101 micro",
        file_hash(path),
        length_stated=False,
        default=DEFAULT,
        metrics=METRICS,
    )
