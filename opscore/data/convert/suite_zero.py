"""Accuracies and proxy values of NAS-Bench-Suite-Zero (Krishnakumar et al. 2022, automl/NASLib).

Archives hold JSON lists; a record is ``{"idx", "arch", "val_accuracy", "zen": {"score", "time"}}``,
with the architecture as a list of operation numbers in the suite's own coding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.data.convert.archives import members
from opscore.spaces import NASBENCH201

#: What the suite's numbers of NAS-Bench-201's operations stand for.
_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
#: The suite lists edges as 0->1, 0->2, 0->3, 1->2, 1->3, 2->3; ours take these positions.
_POSITIONS = (0, 1, 3, 2, 4, 5)
#: A proxy that failed was published as -1e8.
_FAILED = -1e8

_MEMBER = re.compile(r"(?:.*/)?benchmark--(?P<space>\w+)--(?P<task>[\w-]+)--\d+\.json")
_DATASETS = ("cifar10", "cifar100", "ImageNet16-120")

#: Tasks of TransNAS-Bench-101, in the order of the table's columns.
TASKS = (
    "class_scene", "class_object", "autoencoder", "normal", "jigsaw", "room_layout",
    "segmentsemantic",
)  # fmt: skip
_MACRO_CODE = "41414"

#: Proxies of the sampled file, in the order of the table's columns.
_SAMPLED = (
    "flops", "params", "synflow", "grasp", "fisher", "grad_norm", "l2_norm", "plain", "nwot",
    "epe_nas", "jacov", "snip",
)  # fmt: skip


def nasbench201_zen(path: Path) -> pd.DataFrame:
    """NAS-Bench-201 from ``nb201_zen.zip``, in the order of the suite's own numbers.

    Columns: arch_str, zen_{dataset}, val_{dataset}. Validation accuracies are percent; a zen score
    that failed is missing.
    """
    found = _read_archive(path, "nasbench201", _DATASETS)
    rows = {nasbench201_string(arch): _values(found[arch], _DATASETS) for arch in sorted(found)}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arch_str").reset_index()
    columns = [f"{kind}_{dataset}" for kind in ("zen", "val") for dataset in _DATASETS]
    return table[["arch_str", *columns]]


def transnas_micro(path: Path) -> pd.DataFrame:
    """TransNAS-Bench-101 micro from ``all_benchmarks_zen.zip``, in the order of its strings.

    Columns: arch_str, e0 to e5 (the operation of each edge: none, skip, 1x1, 3x3), val_{task} and
    zen_{task}.
    """
    found = _read_archive(path, "transbench101_micro", TASKS)
    rows = []
    for arch, records in found.items():
        digits = "".join(map(str, arch))
        text = f"64-{_MACRO_CODE}-{digits[0]}_{digits[1:3]}_{digits[3:]}"
        edges = {f"e{edge}": choice for edge, choice in enumerate(arch)}
        rows.append({"arch_str": text, **edges, **_values(records, TASKS)})
    table = _in_order(rows)
    return table.astype({f"e{edge}": "int8" for edge in range(6)})


def transnas_macro(path: Path) -> pd.DataFrame:
    """TransNAS-Bench-101 macro from ``tnb101_macro_zen.zip``, in the order of its strings.

    Columns: arch_str, val_{task} and zen_{task}.
    """
    found = _read_archive(path, "transbench101_macro", TASKS)
    return _in_order(
        {"arch_str": f"64-{''.join(map(str, arch))}-basic", **_values(records, TASKS)}
        for arch, records in found.items()
    )


def sampled_proxies(path: Path) -> pd.DataFrame:
    """Proxy values of NAS-Bench-201 architectures from ``zc_nasbench201.json``.

    Columns: dataset, arch_str, val_accuracy (percent), then value and seconds of each proxy; a
    proxy that failed is missing.
    """
    content = json.loads(path.read_bytes())
    rows = []
    for dataset, architectures in content.get("nasbench201", content).items():
        for arch, record in architectures.items():
            row = {"dataset": dataset, "arch_str": nasbench201_string(numbers_of(arch))}
            row["val_accuracy"] = float(record["val_accuracy"])
            for proxy in _SAMPLED:
                value = record.get(proxy)
                timed = isinstance(value, Mapping)
                row[proxy] = _score(value["score"] if timed else value)
                row[f"{proxy}_time_s"] = float(value["time"]) if timed else np.nan
            rows.append(row)
    return pd.DataFrame(rows)


def _read_archive(
    path: Path, space: str, tasks: Iterable[str]
) -> dict[tuple[int, ...], dict[str, dict[str, Any]]]:
    """Records by architecture and task."""
    found: dict[tuple[int, ...], dict[str, dict[str, Any]]] = {}
    wanted = set(tasks)
    for name, content in members(path):
        match = _MEMBER.fullmatch(name)
        if match is not None and match["space"] == space and match["task"] in wanted:
            for record in json.loads(content):
                found.setdefault(numbers_of(record["arch"]), {})[match["task"]] = record
    return found


def _values(records: Mapping[str, Mapping[str, Any]], tasks: Iterable[str]) -> dict[str, float]:
    """Validation values, then zen scores, of one architecture; NaN for a task that lacks it."""
    known = {task: records[task] for task in tasks if task in records}
    return {
        **{f"val_{t}": float(known[t]["val_accuracy"]) if t in known else np.nan for t in tasks},
        **{f"zen_{t}": _score(known[t]["zen"]["score"]) if t in known else np.nan for t in tasks},
    }


def _score(value: object) -> float:
    """A published proxy value; NaN where the proxy failed."""
    if value is None:
        return float("nan")
    number = float(str(value))
    return float("nan") if number == _FAILED else number


def _in_order(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).sort_values("arch_str", ignore_index=True)


def numbers_of(text: str) -> tuple[int, ...]:
    """The operation numbers of a string such as '(4, 0, 3, 1, 4, 3)'."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


def nasbench201_string(arch: tuple[int, ...]) -> str:
    """NAS-Bench-201's own string of an architecture in the suite's coding."""
    choices = [_OPERATIONS[arch[position]] for position in _POSITIONS]
    return NASBENCH201.format(NASBENCH201.architecture(choices))
