"""Searches of the paper's tables: their frame, and what is common to those tables.

A frame of searches has one row per (method, seed, dataset): see :data:`SEARCHES`. A SearchResult's
``architectures`` has the first five columns; :func:`searches` adds the settings and the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opscore.analysis import seed_interval
from opscore.analysis.intervals import ERROR_BOUNDS
from opscore.data.files import write_table
from opscore.data.records import read_record, record_names
from opscore.errors import UserError
from opscore.search.base import Cost, find_method

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Rows of searches (see :data:`SEARCHES`), and what to say of them.
Searches = tuple[pd.DataFrame, str]

#: What a search's settings say where its method does not depend on them.
UNUSED = {"order": "", "proposals": 0, "validation": 0, "size": "", "batch_size": 0}

#: Columns of a frame of searches; settings that a method does not use are empty or 0.
SEARCHES = {
    "method": "str",
    "seed": "Int64",
    "architecture": "str",
    "dataset": "str",
    "error": "float64",
    "order": "str",
    "proposals": "int64",
    "validation": "int64",
    "size": "str",
    "batch_size": "int64",
    **dict.fromkeys(Cost.__dataclass_fields__, "float64"),
}


#: The paper's column of each dataset.
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet16"}


def searches(architectures: pd.DataFrame, costs: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """A SearchResult's frames as one frame of searches.

    Args:
        architectures: one row per (method, seed, dataset).
        costs: one row per (method, seed), with the fields of Cost.
        settings: the SearchSettings of the run.
    """
    fields = list(Cost.__dataclass_fields__)
    joined = architectures.merge(
        costs[["method", "seed", *fields]], on=["method", "seed"], how="left"
    )
    used = {name: find_method(name).key(settings) for name in joined["method"].unique()}
    for field, unused in UNUSED.items():
        joined[field] = [used[name].get(field, unused) for name in joined["method"]]
    return joined[list(SEARCHES)].astype(SEARCHES)


def setting(row: Mapping[Hashable, Any]) -> str:
    """How a search's settings differ from those of the paper's tables; empty when they do not.

    row: columns proposals, validation, size, batch_size.
    """
    parts = []
    if row["size"] not in ("", "paper"):
        parts.append(f"{row['size']} size")
    if row["batch_size"] not in (0, 256):
        parts.append(f"batch {row['batch_size']}")
    if row["proposals"] not in (0, 10):
        parts.append(f"N = {row['proposals']}")
    if row["proposals"] and row["validation"] != 100:
        parts.append(f"V = {row['validation']}")
    return ", ".join(parts)


def with_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame of searches with a column ``setting``; see :func:`setting`."""
    return rows.assign(setting=[setting(row) for row in rows.to_dict("records")])


def summarise(rows: pd.DataFrame, by: Sequence[str], column: str = "error") -> pd.DataFrame:
    """Mean, sample standard deviation, best and a 95 % t interval of the mean over seeds.

    Returns one row per group: the columns of ``by``, mean, std, best, ci_low, ci_high, n_seeds.
    With one seed there is no deviation; with fewer than three, or where all seeds end on the same
    value, no interval.
    """
    found = []
    for key, group in rows.groupby(list(by), sort=False, dropna=False):
        values = group[column].to_numpy(dtype=float)
        low, high = seed_interval(values, bounds=ERROR_BOUNDS)
        numbers = {
            "mean": values.mean(),
            "std": values.std(ddof=1) if len(values) > 1 else np.nan,
            "best": values.min(),
            "ci_low": low,
            "ci_high": high,
            "n_seeds": len(values),
        }
        found.append({**dict(zip(by, key, strict=True)), **numbers})
    names = [*by, "mean", "std", "best", "ci_low", "ci_high", "n_seeds"]
    return pd.DataFrame(found, columns=names)


def beside(found: pd.DataFrame, theirs: pd.Series[Any]) -> pd.DataFrame:
    """Add published and published_std, NaN where there are none."""
    names = [DATASETS.get(name, name) for name in found["dataset"]]

    def value(row: object, name: str) -> float:
        return float(row.get(name, np.nan)) if isinstance(row, dict) else float("nan")

    pairs = list(zip(theirs.tolist(), names, strict=True))
    return found.assign(
        published=[value(row, name) for row, name in pairs],
        published_std=[value(row, f"{name}_std") for row, name in pairs],
    )


@dataclass(frozen=True)
class Picture:
    """A figure with the table behind it.

    Attributes:
        name: of its files.
        frame: what it shows.
        make: draws it.
    """

    name: str
    frame: pd.DataFrame
    make: Callable[[], Axes]


@dataclass(frozen=True)
class SearchReport:
    """One of the paper's tables or figures about searches.

    Attributes:
        name: of the table and its files.
        table: mean, std, best, ci_low, ci_high and, where the paper has them, published and
            published_std: test error in percent; Table 2 also has expected and expected_std, which
            are exact where a method only draws.
        by: the columns that say what a row is.
        note: what the numbers rest on.
        pictures: its figures.
    """

    name: str
    table: pd.DataFrame
    by: tuple[str, ...]
    note: str
    pictures: tuple[Picture, ...]

    def save(self, folder: Path | str) -> list[Path]:
        """Write the figures (PNG, PDF, CSV) and the table (CSV, Parquet) into a folder."""
        from opscore.analysis.figures import save_figure

        target = Path(folder)
        written = [
            path
            for picture in self.pictures
            for path in save_figure(picture.make().figure, target / picture.name, picture.frame)
        ]
        tables = [
            write_table(target / f"{self.name}{end}", self.table) for end in (".csv", ".parquet")
        ]
        return [*written, *tables]


def recorded_searches(name: str) -> tuple[pd.DataFrame, str]:
    """A record of searches, and what it says of itself."""
    require(name)
    rows, settings = read_record(name)
    return rows, str(settings.get("note", ""))


def require(name: str) -> None:
    """Refuse, where the package has no record of this name."""
    if name not in record_names():
        raise UserError(f"the package has no record '{name}' yet; --live searches now")
