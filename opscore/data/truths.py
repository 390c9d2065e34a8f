"""Reading the tables of accuracies of all spaces but NAS-Bench-201, whoever wrote them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from opscore.data.catalogue import FILES, Layout
from opscore.data.tables import UnreadableTableError, read_checked
from opscore.data.values import numbers, refuse_twins, texts
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def read_truth(name: str, path: Path) -> pd.DataFrame:
    """The architectures and accuracies of a table, with each number checked.

    Texts may be bytes and have spaces around them; numbers may be text.

    Args:
        name: a known file that has a layout.
        path: a Parquet file.

    Returns:
        A frame with the columns of the layout, numbers in float64.

    Raises:
        UserError: it is no such table; the message names the first column or row that is wrong.
        DamagedTableError: its values are not those that it was written with.
    """
    layout = FILES[name].layout
    if layout is None:
        raise ValueError(f"{name} is no table of accuracies")
    try:
        frame = read_checked(path)
    except UnreadableTableError as error:
        raise UserError(f"{path} is not a table of {layout.benchmark} ({error})") from None
    try:
        return _checked(frame, layout)
    except UserError as error:
        raise UserError(f"{path} is not a table of {layout.benchmark}: {error}") from None


def _checked(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    columns = [*layout.texts, *layout.numbers]
    lacking = [name for name in columns if name not in frame]
    if lacking:
        raise UserError(f"it lacks the columns {', '.join(lacking)}")
    frame = frame[columns].copy()
    for name, wanted in layout.texts.items():
        found = texts(name, frame[name])
        for row, text in enumerate(found):
            if re.fullmatch(wanted.pattern, text) is None:
                raise UserError(f"{name} of row {row} is '{text}'; wanted: {wanted.form}")
        frame[name] = found
    if not layout.sample_of:  # in a sample an architecture may have been trained twice
        refuse_twins([" ".join(row) for row in frame[list(layout.texts)].itertuples(index=False)])
    for name, kind in layout.numbers.items():
        frame[name] = numbers(name, frame[name], kind)
    return frame
