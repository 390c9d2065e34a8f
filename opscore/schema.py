"""The tables of this package: their columns, in one place.

Records that the command line prints with ``--json`` have these fields and no others. They are a
contract with scripts: fields may be added in a new version, none is renamed or dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from opscore.errors import OpscoreError

#: One row per (policy, seed, iteration, edge, operation).
SCORES = {
    "policy": "str",  # as the paper names it, e.g. 'zc-pt(nwot)'
    "seed": "Int64",  # run seed; missing where the policy draws nothing, or the seed is unknown
    "iteration": "int64",  # 0 = initial scoring; t = after t discretizations
    "edge": "int64",  # index of the edge in the space's order
    "op": "str",  # the operation's name
    "score": "float64",  # what the policy measured, in its own unit; missing unless status is 'ok'
    "strength": "float64",  # the score turned so that larger means 'keep this operation'
    "status": "str",  # 'ok', or why there is no number
    "seconds": "float64",  # wall time spent on this score; shared work is split evenly
}

#: Columns that a table has only where something is known of them.
OPTIONAL = {
    "scores": {"error": "float64"},  # standard error of the score, from one seed
}


@dataclass(frozen=True)
class Column:
    """A column of a table: what it is, and how a terminal, a page, a paper and a file show it.

    Attributes:
        name: the column of the frame.
        heading: what stands above it; the name if there is none.
        kind: 'text', 'code' (text of fixed width), 'status', 'number', 'whole' or 'p' (a p-value).
        form: format of a number; two decimals, or thousands apart for whole ones, if there is none.
        about: what it is, in a sentence.
        end: the column of the other end, if this one is the low end of an interval.
        least: the column of the least value that this one can take, which stands in its heading.
        beside: a column that stands in brackets behind this one, such as its deviation.
        beside_form: format of that one, or 'p'; that of this one if there is none.
        below: a column that stands under this one, such as what was published.
        unit: what stands behind the number.
        missing: what stands where there is no value.
        once: a text that stands in the row above already is left out.
        detail: only where there is room for it: on a page and in a file.
    """

    name: str
    heading: str = ""
    kind: Literal["text", "code", "status", "number", "whole", "p"] = "text"
    form: str = ""
    about: str = ""
    end: str = ""
    least: str = ""
    beside: str = ""
    beside_form: str = ""
    below: str = ""
    unit: str = ""
    missing: str = "-"
    once: bool = False
    detail: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it stands on the right, and rows are sorted by size, not by the alphabet."""
        return self.kind in {"number", "whole", "p"}

    @property
    def names(self) -> list[str]:
        """The columns of the frame that it shows."""
        return [each for each in (self.name, self.end, self.beside, self.below) if each]

    @property
    def dtypes(self) -> dict[str, str]:
        """The columns of numbers that it stands for, with their types."""
        dtype = "int64" if self.kind == "whole" else "float64"
        return {each: dtype for each in (self.name, self.end, self.least) if each}


#: The columns of agreement between a policy and a reference. A statistic is added here, and where
#: :class:`opscore.analysis.Correlation` computes it.
STATISTICS = (
    Column(
        "rho",
        "rho",
        "number",
        "+.2f",
        about="Spearman within an edge, averaged over edges and then over seeds",
    ),
    Column(
        "ci_low",
        "95 % over\nother edges",
        "number",
        "+.2f",
        about="95 % interval over other edges of the kind; missing below three edges, or without "
        "width",
        end="ci_high",
    ),
    Column(
        "p_value",
        "p",
        "p",
        about="exact two-sided p-value of rho, operations relabelled on each edge",
        detail=True,
    ),
    Column(
        "p_holm",
        "p, Holm",
        "p",
        about="p, adjusted over the policies asked for, per reference",
        detail=True,
    ),
    Column(
        "p_common",
        "p common",
        "p",
        about="operations relabelled alike on all edges, as a preference for some of them is the "
        "same on all; it takes operations for exchangeable",
        least="p_common_least",
    ),
    Column(
        "p_common_holm",
        "Holm",
        "p",
        about="p common, adjusted over the policies asked for",
    ),
    Column(
        "p_kinds",
        "p kinds",
        "p",
        about="the same for operations with weights and those without apart",
        least="p_kinds_least",
    ),
    Column("n_seeds", "seeds", "whole", about="run seeds behind rho", detail=True),
    Column(
        "n_edges",
        "edges",
        "whole",
        about="edges behind rho, the most over seeds",
        detail=True,
    ),
    Column(
        "n_excluded",
        "left out",
        "whole",
        about="(seed, edge) rows left out: constant, failed, or fewer than two scores",
        detail=True,
    ),
)

#: What says which agreement a row is.
PAIR = {"policy": "str", "reference": "str", "iteration": "int64"}

#: One row per ordered pair of policies and iteration.
CORRELATION = PAIR | {name: own for each in STATISTICS for name, own in each.dtypes.items()}

#: One row per (policy, seed, dataset): the architecture picked edge by edge, as in Table 1.
SELECTION = {
    "policy": "str",
    "seed": "Int64",
    "architecture": "str",  # the benchmark's own string
    "dataset": "str",  # '' where there is no truth; what follows is missing then
    "error": "float64",  # percent, mean over the seeds that the benchmark has
    "rank": "Int64",  # 1 + the number of architectures that are strictly better
    "percentile": "float64",  # percent of the space that is strictly worse
}

#: One row per (edge, operation).
ORACLE = {
    "edge": "int64",
    "op": "str",
    "best": "float64",  # Eq. 1: best accuracy of any completion, percent
    "mean": "float64",  # Eq. 2: mean accuracy over the completions, percent
}

TABLES: dict[str, dict[str, str]] = {
    "scores": SCORES,
    "correlation": CORRELATION,
    "selection": SELECTION,
    "oracle": ORACLE,
}


class Whole(pd.DataFrame):
    """A frame that shows all of its columns when it is printed, however narrow the terminal is.

    What is made of it, by selecting for instance, is an ordinary frame.
    """

    def __repr__(self) -> str:
        with pd.option_context("display.max_columns", None):
            return super().__repr__()

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame


def conform(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame with exactly the columns of ``table``, in order and with their types.

    Raises OpscoreError when a column is missing, but for :data:`OPTIONAL` ones; further columns are
    dropped.
    """
    more = OPTIONAL.get(table, {})
    columns = TABLES[table] | {name: more[name] for name in more if name in frame.columns}
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise OpscoreError(f"a '{table}' table needs the column(s) {', '.join(missing)}")
    return frame[list(columns)].astype(columns).reset_index(drop=True)


def table(rows: Any, columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows, or frames one after the other, of exactly these columns by type; there may be none."""
    if isinstance(rows, list) and rows and isinstance(rows[0], pd.DataFrame):
        rows = pd.concat(rows, ignore_index=True)
    return pd.DataFrame(rows, columns=list(columns)).astype(dict(columns))


def empty(table: str) -> pd.DataFrame:
    """A table of the given kind with no rows."""
    return conform(pd.DataFrame({name: [] for name in TABLES[table]}), table)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dictionaries that JSON can hold; missing and non-finite values become None."""
    return [
        {str(key): _plain(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def dumps(payload: Mapping[str, Any]) -> str:
    """Strict JSON of frames, dataclass dictionaries and plain values (no NaN, no Infinity)."""
    return json.dumps(_plain(dict(payload)), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return records(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) else str(value)
