"""Where data files are: --data-dir, $OPSCORE_DATA, ./data, the user cache, in this order."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from opscore.errors import UserError


def cache_folder() -> Path:
    """Where fetched and converted files go: $OPSCORE_CACHE, else the user's cache folder."""
    named = os.environ.get("OPSCORE_CACHE")
    return Path(named) if named else Path(pooch.os_cache("opscore"))


def search_path(data_dir: Path | None = None) -> list[Path]:
    """The folders that are looked in, first to last.

    UserError when ``data_dir`` or $OPSCORE_DATA names something that is not a folder.
    """
    folders = []
    for origin, value in (
        ("--data-dir", data_dir),
        ("$OPSCORE_DATA", os.environ.get("OPSCORE_DATA")),
    ):
        if value:
            if not Path(value).is_dir():
                raise UserError(f"{origin} names {value}, which is not a folder")
            folders.append(Path(value))
    return [*folders, Path("data"), cache_folder()]


def find(name: str, data_dir: Path | None = None) -> Path | None:
    """The first file of this name on the search path; None when there is none."""
    for folder in search_path(data_dir):
        if (folder / name).exists():
            return folder / name
    return None


def require(name: str, data_dir: Path | None = None) -> Path:
    """As :func:`find`; UserError that says where it looked and what to do when there is none."""
    path = find(name, data_dir)
    if path is None:
        looked = ", ".join(str(folder) for folder in search_path(data_dir))
        raise UserError(
            f"no {name} in {looked}; 'opscore data list' says where it comes from, "
            "'opscore data add FILE' takes a file that you have"
        )
    return path
