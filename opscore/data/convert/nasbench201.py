"""NAS-Bench-201's table, put together from small files that each hold a part of it.

=====================  =====================================================================
nb2_test_acc_cf10.p    CIFAR-10 test accuracy of each training, one to three
nats_bench.csv         mean test accuracy on three datasets, and the official order
nb201_zen.zip          validation accuracy on three datasets
=====================  =====================================================================

All are percent after 200 epochs. Architectures stand in the official order where the second file
is there, else in the order of the first one that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from opscore.data.convert.suite_zero import nasbench201_zen
from opscore.data.layout import column_name
from opscore.data.pickles import load_restricted
from opscore.errors import UserError
from opscore.spaces import NASBENCH201

AUTHORS, NATS, ZEN = "nasbench201-authors", "nats_bench.csv", "nb201_zen.zip"

#: Columns of nats_bench.csv and of the table. CIFAR-10's mean is over one training more than the
#: authors' file has for 2,416 architectures: it stands beside their trainings.
_NATS_COLUMNS = {
    "ArchitectureString": "arch_str",
    "CIFAR10TestAccuracy200Epochs": "cifar10_test_mean",
    "CIFAR100TestAccuracy200Epochs": "cifar100_test_mean",
    "ImageNetTestAccuracy200Epochs": "imagenet16_test_mean",
}
_ZEN_COLUMNS = {
    "val_cifar10": "cifar10_val_200ep",
    "val_cifar100": "cifar100_val_200ep",
    "val_ImageNet16-120": "imagenet16_val_200ep",
}


def assemble(files: Mapping[str, Path]) -> pd.DataFrame:
    """The table, from one or more of the three files, by the names of the originals."""
    parts = [read(files[name]) for name, read in _READERS.items() if name in files]
    table = parts[0].set_index("arch_str")
    for part in parts[1:]:
        table = table.join(part.set_index("arch_str"), how="outer", sort=False)
    order = list(dict.fromkeys(text for part in parts for text in part["arch_str"]))
    return table.loc[order].reset_index()


def read_authors(path: Path) -> pd.DataFrame:
    """arch_str, and a column for each training: a pickled dictionary, by operation indices."""
    try:
        with path.open("rb") as opened:
            content = load_restricted(opened)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{path} is not the authors' table: a dictionary of accuracies")
    try:
        strings = [NASBENCH201.format(NASBENCH201.architecture(key)) for key in content]
        trials = [[float(value) for value in values] for values in content.values()]
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is not the authors' table ({error})") from None
    table = pd.DataFrame({"arch_str": strings})
    for number in range(max(len(values) for values in trials)):
        table[column_name("cifar10", "test", 200, f"trial{number}")] = [
            values[number] if number < len(values) else np.nan for values in trials
        ]
    return table


def read_nats(path: Path) -> pd.DataFrame:
    """arch_str and mean test accuracies, in the official order."""
    table = pd.read_csv(path, float_precision="round_trip")
    return table[[*_NATS_COLUMNS]].rename(columns=_NATS_COLUMNS)


def read_zen(path: Path) -> pd.DataFrame:
    """arch_str and validation accuracies."""
    table = nasbench201_zen(path)
    return table[["arch_str", *_ZEN_COLUMNS]].rename(columns=_ZEN_COLUMNS)


#: In the order in which their architectures count.
_READERS = {NATS: read_nats, AUTHORS: read_authors, ZEN: read_zen}
