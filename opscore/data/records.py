"""Results that this project computed and ships: small Parquet tables, each with its settings."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from opscore.data.files import atomic_write
from opscore.errors import unknown

#: Where the package keeps them.
FOLDER = Path(str(resources.files("opscore.data"))) / "measured"


def record_names() -> list[str]:
    """Names of the records that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.parquet"))


def read_record(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A record's table, and what it depends on: settings, versions, machine, date.

    UserError, with the near names, when there is no such record.
    """
    table = FOLDER / f"{name}.parquet"
    if not table.is_file():
        raise unknown("record", name, record_names())
    return pd.read_parquet(table), json.loads(table.with_suffix(".json").read_text())


def write_record(
    name: str, table: pd.DataFrame, settings: dict[str, Any], folder: Path = FOLDER
) -> Path:
    """Write a table and its settings; for those who make the records. Returns the table's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    with atomic_write(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(settings, indent=2, default=str) + "\n")
    return path
