"""Reading NAS-Bench-201 tables that people bring: natural forms are taken, the rest is one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from opscore.data.layout import parse_column
from opscore.data.tables import UnreadableTableError, read_checked
from opscore.data.values import numbers, refuse_twins, texts
from opscore.errors import UserError
from opscore.spaces import NASBENCH201
from opscore.spaces.nasbench201 import NODES, OPERATIONS

if TYPE_CHECKING:
    import pandas as pd

STRINGS = "arch_str"

_OP = rf"({'|'.join(OPERATIONS)})"
_STRING = re.compile(rf"\|{_OP}~0\|\+\|{_OP}~0\|{_OP}~1\|\+\|{_OP}~0\|{_OP}~1\|{_OP}~2\|")


def read_accuracies(path: Path) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """A table whose accuracy columns are float64 percentages.

    Strings may be bytes and have spaces around them; numbers may be text.

    Returns:
        The table, and the operation indices [architectures, edges] of its rows.

    Raises:
        UserError: it is no such table; the message names the first column or row that is wrong.
        DamagedTableError: its values are not those that it was written with.
    """
    try:
        frame = read_checked(path)
    except UnreadableTableError as error:
        raise UserError(f"{path} is not a NAS-Bench-201 table ({error})") from None
    columns = [name for name in map(str, frame.columns) if parse_column(name)]
    if STRINGS not in frame or not columns:
        raise UserError(
            f"{path} is not a NAS-Bench-201 table: it has no {STRINGS} column and accuracy columns "
            "such as cifar10_test_200ep_seed777"
        )
    try:
        frame[STRINGS] = texts(STRINGS, frame[STRINGS])
        indices = parse_strings(frame[STRINGS])
        for name in columns:
            frame[name] = numbers(name, frame[name])
    except UserError as error:
        raise UserError(f"{path} is not a NAS-Bench-201 table: {error}") from None
    return frame, indices


def parse_strings(strings: Iterable[str]) -> NDArray[np.intp]:
    """Operation indices [architectures, edges] of many official strings, quickly.

    UserError for a string that is malformed, or that is there twice.
    """
    index = {name: position for position, name in enumerate(OPERATIONS)}
    given = list(strings)
    refuse_twins(given)
    rows = []
    for text in given:
        match = _STRING.fullmatch(text)
        if match is None:
            NASBENCH201.parse(text)  # says what is wrong with it
            raise UserError(f"bad NAS-Bench-201 string '{text}'")
        rows.append([index[name] for name in match.groups()])
    return np.array(rows, dtype=np.intp).reshape(-1, len(NODES))
