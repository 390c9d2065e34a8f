"""Reading the tables of accuracies of all spaces but NAS-Bench-201, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opscore.data.tables import UnreadableTableError, read_checked
from opscore.data.values import (
    FRACTION,
    NEGATIVE_LOSS,
    PERCENT,
    SSIM,
    Kind,
    numbers,
    refuse_twins,
    texts,
)
from opscore.errors import UserError
from opscore.spaces.nasbench101_cells import N_VERTICES
from opscore.spaces.nb1shot1 import OPERATIONS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Text:
    """What a column of text has: a regular expression, and the same in words."""

    pattern: str
    form: str


@dataclass(frozen=True)
class Layout:
    """The columns of a table.

    Attributes:
        benchmark: what an error message calls it.
        texts: the columns that name an architecture together.
        numbers: the columns of accuracies, losses and the like.
    """

    benchmark: str
    texts: Mapping[str, Text]
    numbers: Mapping[str, Kind]


_OPERATION = Text("|".join(map(re.escape, OPERATIONS)), f"one of {', '.join(OPERATIONS)}")
_MATRIX = Text(
    f"[01]{{{N_VERTICES**2}}}",
    f"the adjacency matrix, {N_VERTICES} rows of {N_VERTICES} digits 0 and 1 without spaces",
)
_ONESHOT_TEXTS = {
    "adjacency": _MATRIX,
    **{f"node{number}": _OPERATION for number in range(1, N_VERTICES - 1)},
}
_ONESHOT_NUMBERS = {
    f"{split}_error_{trial}": FRACTION for split in ("test", "val") for trial in range(3)
}
_TRANSNAS_NUMBERS = {
    "val_class_scene": PERCENT,
    "val_class_object": PERCENT,
    "val_jigsaw": PERCENT,
    "val_room_layout": NEGATIVE_LOSS,
    "val_segmentsemantic": PERCENT,
    "val_normal": SSIM,
    "val_autoencoder": SSIM,
}

#: Layouts by the name of the table.
LAYOUTS: dict[str, Layout] = {
    "nasbench-macro": Layout(
        "NAS-Bench-Macro",
        {"arch": Text("[0-2]{8}", "8 digits of 0, 1 and 2, such as 22212220")},
        {f"test_acc_{trial}": PERCENT for trial in range(3)},
    ),
    **{
        f"nb1shot1-{space}": Layout(
            f"NAS-Bench-1Shot1 (space {space})", _ONESHOT_TEXTS, _ONESHOT_NUMBERS
        )
        for space in (1, 2, 3)
    },
    "transnas-micro": Layout(
        "TransNAS-Bench-101 (micro)",
        {
            "arch_str": Text(
                "64-41414-[0-3]_[0-3]{2}_[0-3]{3}",
                "64-41414-a_bc_def, each letter a digit 0 to 3",
            )
        },
        _TRANSNAS_NUMBERS,
    ),
    "transnas-macro": Layout(
        "TransNAS-Bench-101 (macro)",
        {"arch_str": Text("64-[1-4]{4,6}-basic", "64-modules-basic, 4 to 6 digits 1 to 4")},
        _TRANSNAS_NUMBERS,
    ),
}


def read_truth(name: str, path: Path) -> pd.DataFrame:
    """The architectures and accuracies of a table, with each number checked.

    Texts may be bytes and have spaces around them; numbers may be text.

    Args:
        name: one of ``LAYOUTS``.
        path: a Parquet file.

    Returns:
        A frame with the columns of the layout, numbers in float64.

    Raises:
        UserError: it is no such table; the message names the first column or row that is wrong.
        DamagedTableError: its values are not those that it was written with.
    """
    layout = LAYOUTS[name]
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
    refuse_twins([" ".join(row) for row in frame[list(layout.texts)].itertuples(index=False)])
    for name, kind in layout.numbers.items():
        frame[name] = numbers(name, frame[name], kind)
    return frame
