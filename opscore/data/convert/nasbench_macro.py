"""NAS-Bench-Macro (Su et al. 2021) from ``nas-bench-macro_cifar10.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

_TRAININGS = 3


def read(path: Path) -> pd.DataFrame:
    """The table, in the file's order.

    Columns: arch (eight digits, first layer first: 0 identity, 1 kernel 3 expansion 3, 2 kernel 5
    expansion 6), test_acc_0 to test_acc_2, mean_acc and std (percent, CIFAR-10 test), params and
    flops (counts).
    """
    rows = [
        {
            "arch": str(arch),
            **{f"test_acc_{i}": float(entry["test_acc"][i]) for i in range(_TRAININGS)},
            **{name: float(entry[name]) for name in ("mean_acc", "std", "params", "flops")},
        }
        for arch, entry in json.loads(path.read_bytes()).items()
    ]
    return pd.DataFrame(rows)
