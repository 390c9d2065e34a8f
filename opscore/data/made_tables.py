"""How tables are made of the files that their authors publish."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from opscore.data.catalogue import FILES, DataFile

if TYPE_CHECKING:
    import pandas as pd

#: Tables that are made of originals, by name.
MADE_TABLES: dict[str, DataFile] = {name: FILES[name] for name in FILES if FILES[name].made_of}


def tables_with(source: str) -> list[DataFile]:
    """The tables that an original is part of."""
    return [table for table in MADE_TABLES.values() if source in table.made_of]


def converted(table: DataFile, files: Mapping[str, Path]) -> pd.DataFrame:
    """A table, made of originals by their names; UserError when one is something else.

    A converter of a single original is given its path, one of several all of them by name.
    """
    module, _, function = table.made_by.partition(":")
    convert = getattr(import_module(f"opscore.data.convert.{module}"), function)
    given = files if len(table.made_of) > 1 else files[table.made_of[0]]
    found: pd.DataFrame = convert(given, **table.made_with)
    return found
