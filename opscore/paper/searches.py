"""Searches of the paper's tables: their frame, and what is common to those tables.

A frame of searches has one row per (method, seed, dataset): see :data:`SEARCHES`. A SearchResult's
``architectures`` has the first five columns; :func:`searches` adds the settings and the cost.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore.analysis import over_seeds
from opscore.analysis.intervals import ERROR_BOUNDS
from opscore.answers import Column, NamedTable, Picture, Table
from opscore.data.records import read_record, record_names
from opscore.errors import UserError
from opscore.published import NOTHING, Published, Setting, differences, published_error
from opscore.search.base import Cost, find_method

#: Rows of searches (see :data:`SEARCHES`), and what to say of them.
Searches = tuple[pd.DataFrame, str]

#: The records that Table 2 is made of.
OF_TABLE2 = ("search", "search_proxies")

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

    row: of a frame of searches.
    """
    return ", ".join(differences(str(row["method"]), _made(row)))


def _made(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """The settings that a search depended on."""
    used = {name: row[name] for name, unused in UNUSED.items() if row[name] != unused}
    if "proposals" in used:
        used["validation"] = row["validation"]  # 0 is a number of minibatches too
    return used


#: The setting of a row that has a published number and no measurement of its settings.
AS_PUBLISHED = "as published"


def with_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame of searches with a column ``setting``; see :func:`setting`.

    Searches that are made now have it already, of all their settings.
    """
    if "setting" in rows:
        return rows
    return rows.assign(setting=[setting(row) for row in rows.to_dict("records")])


def summarise(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean, sample deviation, best and a 95 % t interval of the mean of the error over seeds.

    Returns one row per group: the columns of ``by``, mean, std, best, ci_low, ci_high, n_seeds.
    With one seed there is no deviation; with fewer than three, or where all seeds end on the same
    value, no interval.
    """
    found = []
    for key, group in rows.groupby(list(by), sort=False, dropna=False):
        numbers = over_seeds(group["error"], bounds=ERROR_BOUNDS)._asdict()
        best = {"best": group["error"].min()}
        found.append({**dict(zip(by, key, strict=True)), **numbers, **best})
    names = [*by, "mean", "std", "best", "ci_low", "ci_high", "n_seeds"]
    return pd.DataFrame(found, columns=names)


def beside(found: pd.DataFrame) -> pd.DataFrame:
    """Summaries with the published error of the same settings: three columns.

    A number that was published with other settings than any of the method's rows has a row of its
    own, with the setting :data:`AS_PUBLISHED`, and stands beside none.

    Args:
        found: one row for each method or order, setting and dataset; columns method (Zero-Cost-PT
            with nwot where there is none), order (random likewise), setting, dataset and others.

    Returns:
        The same with published, published_std and published_n; missing (0 seeds) without a number.
    """
    rows = []
    for _, own in found.groupby([n for n in ("method", "order") if n in found], sort=False):
        for dataset in dict.fromkeys(own["dataset"]):
            here = own[own["dataset"] == dataset].to_dict("records")
            theirs = _theirs(here[0])
            matched = any(row["setting"] == "" for row in here)
            rows += [
                {**row, **_columns(theirs if row["setting"] == "" else NOTHING)} for row in here
            ]
            if theirs.n and not matched:
                named = {n: here[0][n] for n in ("method", "order", "dataset") if n in here[0]}
                rows.append({**named, "setting": AS_PUBLISHED, "n_seeds": 0, **_columns(theirs)})
    return pd.DataFrame(rows)


def _theirs(row: Mapping[Hashable, Any]) -> Published:
    method = str(row.get("method", "zero-cost-pt(nwot)"))
    setting = Setting(dataset=str(row["dataset"]))
    return published_error(method, setting, {"order": row.get("order", "random")})


def _columns(theirs: Published) -> dict[str, Any]:
    return {
        "published": theirs.value,
        "published_std": theirs.std,
        "published_n": theirs.n,
    }


@dataclass(frozen=True, repr=False)
class SearchReport(NamedTable):
    """One of the paper's tables or figures about searches.

    Attributes:
        table: mean, std, best, ci_low, ci_high and, where the paper has them, published and
            published_std: test error in percent; Table 2 also has expected and expected_std, which
            are exact where a method only draws.
        by: the columns that say what a row is.
        drawn: its figures.
    """

    by: tuple[str, ...]
    drawn: tuple[Picture, ...]

    def tables(self) -> list[Table]:
        """Errors, with intervals and what was published."""
        count = "n_seeds" if "n_seeds" in self.table else "n_searches"
        over = count.removeprefix("n_")
        frame = self.table.assign(**{count: self.table[count].replace(0, pd.NA)})
        exact = "expected" in frame and bool(frame["expected"].notna().any())
        return [
            Table(
                f"{self.name}: test error, %; 95 % interval of the mean over {over}",
                (
                    *(self._who(name, once=name != self.by[-1]) for name in self.by),
                    Column("mean", kind="number"),
                    Column("std", "sd", "number"),
                    Column("ci_low", "interval", "number", end="ci_high"),
                    Column(count, over, "whole"),
                    *([Column("expected", "exact", "number", beside="expected_std")] * exact),
                    Column("published", self._heading(), "number", beside="published_std"),
                ),
                frame,
                look="open",
            )
        ]

    def _who(self, name: str, once: bool) -> Column:
        """A column that says what a row is."""
        numbers = pd.api.types.is_numeric_dtype(self.table[name])
        return Column(name, kind="whole" if numbers else "text", missing="", once=once)

    def _heading(self) -> str:
        """'published', with the number of seeds where all have the same."""
        if "published_n" not in self.table:
            return "published"
        seeds = self.table["published_n"][self.table["published_n"] > 0].unique()
        return f"published\n({seeds[0]} seeds)" if len(seeds) == 1 else "published"

    def pictures(self) -> list[Picture]:
        """Its figures."""
        return list(self.drawn)


def recorded_searches(*names: str) -> Searches:
    """Records of searches as one frame, and what they say of themselves, each thing once."""
    tables, notes = [], []
    for name in names:
        require(name)
        rows, settings = read_record(name)
        tables.append(rows)
        notes += str(settings.get("note", "")).split("; ")
    return pd.concat(tables, ignore_index=True), "; ".join(dict.fromkeys(notes))


def require(name: str) -> None:
    """Refuse, where the package has no record of this name."""
    if name not in record_names():
        raise UserError(f"the package has no record '{name}' yet; --live searches now")
