"""NAS-Bench-Macro (Su et al. 2021) from ``nas-bench-macro_cifar10.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from opscore.errors import UserError

_TRAININGS = 3


def read(path: Path) -> pd.DataFrame:
    """The table, in the file's order.

    Columns: arch (eight digits, first layer first: 0 identity, 1 kernel 3 expansion 3, 2 kernel 5
    expansion 6), test_acc_0 to test_acc_2, mean_acc and std (percent, CIFAR-10 test), params and
    flops (counts).

    UserError when it is another file.
    """
    try:
        content = json.loads(path.read_bytes())
        rows = [
            {
                "arch": str(arch),
                **{f"test_acc_{i}": float(entry["test_acc"][i]) for i in range(_TRAININGS)},
                "mean_acc": float(entry["mean_acc"]),
                "std": float(entry["std"]),
                "params": float(entry["params"]),
                "flops": float(entry["flops"]),
            }
            for arch, entry in content.items()
        ]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not NAS-Bench-Macro's file ({error!r})") from None
    if not rows:
        raise UserError(f"{path} holds no architectures of NAS-Bench-Macro")
    return pd.DataFrame(rows)
