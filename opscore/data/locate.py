"""Where data files are: --data-dir, $OPSCORE_DATA, ./data, the user cache, in this order.

The few small tables that come with the package are found after all of these.
"""

from __future__ import annotations

import importlib.util
import os
from importlib import resources
from pathlib import Path

import pooch

from opscore.data.catalogue import FILES, DataFile, at_path
from opscore.errors import UserError

#: What the package ships, laid out as a data folder.
SHIPPED = Path(str(resources.files("opscore.data")))


def cache_folder() -> Path:
    """Where fetched and converted files go: $OPSCORE_CACHE, else the user's cache folder."""
    named = os.environ.get("OPSCORE_CACHE")
    return Path(named) if named else Path(pooch.os_cache("opscore"))


def destination(data_dir: Path | str | None = None) -> Path:
    """The folder that new files go to: ``data_dir`` where one is given, else the cache."""
    return (
        cache_folder() if data_dir is None else _folder("--data-dir (data_dir in Python)", data_dir)
    )


def search_path(data_dir: Path | str | None = None) -> list[Path]:
    """The folders that are looked in, first to last.

    UserError when ``data_dir`` or $OPSCORE_DATA names something that is not a folder.
    """
    folders = []
    if data_dir is not None:
        folders.append(_folder("--data-dir (data_dir in Python)", data_dir))
    if named := os.environ.get("OPSCORE_DATA"):
        folders.append(_folder("$OPSCORE_DATA", Path(named)))
    return [*folders, Path("data"), cache_folder()]


def find(name: str, data_dir: Path | str | None = None) -> Path | None:
    """The first file of this name on the search path; None when there is none.

    Args:
        name: a known file's short name (``cifar10``), or a path inside a data folder
            (``nasbench201.parquet``, ``cifar10/train.npz``).
        data_dir: the folder to look in first.
    """
    known = _known(name)
    folders = search_path(data_dir)
    if known is not None and known.package is not None:
        return _in_package(known)
    inside = name if known is None else known.path
    if known is not None:
        folders.append(SHIPPED)
    return next((folder / inside for folder in folders if (folder / inside).is_file()), None)


def require(name: str, data_dir: Path | str | None = None) -> Path:
    """As :func:`find`; UserError that says where it looked and what to do when there is none."""
    path = find(name, data_dir)
    if path is not None:
        return path
    known = _known(name)
    if known is not None and known.package is not None:
        raise UserError(f"the package {known.package} is not installed; {known.how}")
    looked = ", ".join(str(folder) for folder in search_path(data_dir))
    missing = name if known is None else known.path
    what_to_do = "'opscore data list' shows the files that opscore knows"
    raise UserError(f"no {missing} in {looked}; {what_to_do if known is None else known.how}")


def _folder(origin: str, path: Path | str) -> Path:
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{origin} names {path}, which is not a folder")
    return path


def _known(name: str) -> DataFile | None:
    return FILES[name] if name in FILES else at_path(name)


def _in_package(file: DataFile) -> Path | None:
    """The file inside an installed package, which is found but not imported."""
    package, _, inside = file.path.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (Path(folder) / inside).is_file():
            return Path(folder) / inside
    return None
