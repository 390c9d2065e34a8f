"""Tables of architectures that somebody trained: some cells of a space with their accuracies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from opscore.data.values import NUMBER, refuse_twins, texts
from opscore.data.values import numbers as checked
from opscore.errors import UserError, note, unknown
from opscore.spaces import SearchSpace, get_space

#: Columns of architectures by the names that authors give them.
_NAMES = ("architecture", "genotype", "arch", "arch_str")


def read_architectures(
    space: str,
    table: Path | str | pd.DataFrame,
    *,
    architecture: str | None = None,
    accuracy: str | None = None,
) -> pd.Series[float]:
    """The accuracies of a table by the architecture's string, as the space writes it.

    ::

        accuracies = opscore.read_architectures(
            "darts-none", "darts_trained_545.parquet", accuracy="test_acc50"
        )
        values = opscore.evaluate_proxies("darts-none", accuracies.index, ["nwot", "params"])
        opscore.proxy_correlations(values, accuracies)
        opscore.operation_estimates("darts-none", accuracies)

    Rows that are no architecture of the space or have no accuracy are left out, with a note that
    says how many and why; rows of the same architecture are one, with their mean.

    Args:
        space: name of the search space.
        table: a frame, or a Parquet or CSV file.
        architecture: the column of architectures; found by its usual names where not given.
        accuracy: the column of accuracies; the only column of numbers where not given.

    Raises:
        UserError: the file or a column is missing, an accuracy is none in percent, or no row is an
            architecture of the space.
    """
    found = get_space(space)
    frame = _read(table, architecture)
    column = _architecture_column(frame, architecture)
    strings = frame[column]
    if is_numeric_dtype(strings):
        raise UserError(
            f"the architectures in '{column}' are numbers, of which leading zeros are lost; read "
            "that column as text (pandas: dtype=str)"
        )
    name = _number_column(frame, accuracy, "accuracies", column)
    numbers = checked(name, frame[name])
    known = [None if pd.isna(n) else str(text) for text, n in zip(strings, numbers, strict=True)]
    means = mean_by_architecture(found, known, numbers.to_frame("accuracy"))
    return means["accuracy"]


def read_scores(
    space: str,
    table: Path | str | pd.DataFrame,
    *,
    architecture: str | None = None,
    score: str | None = None,
) -> pd.Series[float]:
    """The scores of a table by the architecture's string, as the space writes it; NaN for none.

    The arguments are those of :func:`read_architectures`.

    Raises:
        UserError: a file or a column is missing, an architecture is none of the space or stands
            there twice, or a score is infinite.
    """
    found = get_space(space)
    frame = _read(table, architecture)
    column = _architecture_column(frame, architecture)
    name = _number_column(frame, score, "scores", column)
    names: list[str] = []
    for row, text in enumerate(texts(column, frame[column])):
        try:
            names.append(found.format(found.parse(text)))
        except UserError as error:
            raise UserError(f"row {row}: {error}") from None
    refuse_twins(names)
    return pd.Series(checked(name, frame[name], NUMBER).to_numpy(), index=names, name=name)


def mean_by_architecture(
    space: SearchSpace, strings: Sequence[str | None], values: pd.DataFrame
) -> pd.DataFrame:
    """Columns of numbers by the architecture's string, as the space writes it.

    Rows of the same architecture are one, with their means; rows that are none of the space, or
    whose string is None for want of an accuracy, are left out. Notes say how many. UserError when
    nothing is left.
    """
    names: list[str | None] = []
    reasons: list[str] = []
    for text in strings:
        try:
            if text is None:
                raise UserError("it has no accuracy")
            names.append(_name(space, text))
        except UserError as error:
            names.append(None)
            reasons.append(str(error))
    if len(reasons) == len(names):
        first = f": {reasons[0]}" if reasons else ""
        raise UserError(f"none of {len(names)} rows is an architecture of {space.name}{first}")
    if reasons:
        (why, _), *others = Counter(reasons).most_common()
        more = f", and {len(others)} more reasons" if others else ""
        note(f"{len(reasons):,} of {len(names):,} rows are left out ({why}{more})")
    result = values.groupby(pd.Series(names, index=values.index), sort=False).mean()
    rows = len(names) - len(reasons)
    if len(result) < rows:
        note(f"{rows:,} rows are {len(result):,} different architectures; equal ones are averaged")
    return result.rename_axis("architecture")


def _name(space: SearchSpace, text: str) -> str:
    """The string of the architecture that stands for all that are the same network."""
    architecture = space.canonical(space.parse(text))
    if not space.is_valid(architecture):
        raise UserError(f"{space.name} has no such architecture")
    return space.format(architecture)


def _read(table: Path | str | pd.DataFrame, architecture: str | None) -> pd.DataFrame:
    """A table, from a file if it is none yet; columns that may be of architectures as text."""
    if isinstance(table, pd.DataFrame):
        return table.rename(columns=str)
    path = Path(table)
    names = _NAMES if architecture is None else (architecture,)
    readers = {
        ".parquet": pd.read_parquet,
        ".csv": partial(pd.read_csv, dtype=dict.fromkeys(names, str), encoding="utf-8-sig"),
    }
    if path.suffix not in readers:
        raise UserError(f"a table of architectures is a .parquet or .csv file, not '{path.name}'")
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        return readers[path.suffix](path)  # type: ignore[no-any-return, operator]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error})") from None


def _architecture_column(frame: pd.DataFrame, asked: str | None) -> str:
    columns = [str(name) for name in frame.columns]
    if asked is not None:
        if asked not in columns:
            raise unknown("column", asked, columns)
        return asked
    usual = [name for name in _NAMES if name in columns]
    if not usual:
        raise UserError(
            f"which column has the architectures? None is called {', '.join(_NAMES)}; there are "
            f"{', '.join(columns)}"
        )
    return usual[0]


def _number_column(frame: pd.DataFrame, asked: str | None, what: str, strings: str) -> str:
    """The column of numbers: the one asked for, or the only one beside that of architectures.

    One that is text because of a single value counts too; that value is named when it is read.
    """
    others = [name for name in map(str, frame.columns) if name != strings]
    numeric = [name for name in others if is_numeric_dtype(frame[name])]
    if asked is not None:
        if asked not in others:
            raise unknown("column of numbers", asked, numeric or others)
        return asked
    if not numeric and len(others) == 1:
        return others[0]
    if len(numeric) != 1:
        raise UserError(
            f"which column has the {what}? The columns of numbers are "
            f"{', '.join(numeric) or 'none'}"
        )
    return numeric[0]
