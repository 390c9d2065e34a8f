"""Whether the files that are here are what they should be."""

from __future__ import annotations

import base64
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opscore.data.catalogue import FILES, DataFile
from opscore.data.files import file_hash
from opscore.data.locate import find
from opscore.data.tables import (
    DamagedTableError,
    compare_with_editions,
    has_checksum,
    read_checked,
)

if TYPE_CHECKING:
    import pandas as pd


class Corrupted(Exception):  # noqa: N818 - a finding, reported as a status
    """A file is not what it should be; the message says in what."""


def verify(data_dir: Path | str | None = None) -> pd.DataFrame:
    """Look at every known file.

    Returns:
        A frame, one row per known file: ``name``; ``status``, which is 'ok', 'corrupted',
        'missing', or 'unchecked' (it is there, and nothing is known to check it against);
        ``detail``, how it was checked, what is wrong, or how to get it; ``path``, ``size`` in
        bytes and ``sha256``, missing where the file is.
    """
    import pandas as pd

    columns = ["name", "status", "detail", "path", "size", "sha256"]
    rows = [_look_at(FILES[name], find(name, data_dir)) for name in FILES]
    return pd.DataFrame(rows, columns=columns).astype({"size": "Int64"})


def check(file: DataFile, path: Path, sha256: str | None = None) -> str | None:
    """Check the content of a file; how it was checked, None when nothing is known about it.

    ``sha256`` is its hash, where that was computed already. Raises Corrupted.
    """
    expected = file.sha256 or _recorded_hash(file)
    if expected is not None:
        found = sha256 or file_hash(path)
        if found != expected:
            raise Corrupted(f"sha256 is {found[:12]}..., not {expected[:12]}...")
        return "sha256 as published" if file.package is None else "sha256 as pip recorded it"
    return _check_content(file, path) if file.fields else None


def _look_at(file: DataFile, path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"name": file.name, "status": "missing", "detail": file.how}
    sha256 = file_hash(path)
    row = {"name": file.name, "path": str(path), "size": path.stat().st_size, "sha256": sha256}
    try:
        how = check(file, path, sha256)
    except Corrupted as error:
        return {**row, "status": "corrupted", "detail": str(error)}
    if how is None:
        detail = "readable, but it carries no checksum and is no known copy"
        if not file.fields:
            detail = "there is no published sha256"
        return {**row, "status": "unchecked", "detail": detail}
    return {**row, "status": "ok", "detail": how}


def _recorded_hash(file: DataFile) -> str | None:
    """The sha256 that the installer recorded for a file of a package."""
    if file.package is None:
        return None
    try:
        files = metadata.files(file.package) or ()
    except metadata.PackageNotFoundError:
        return None
    for recorded in files:
        if recorded.as_posix() == file.path and recorded.hash is not None:
            if recorded.hash.mode != "sha256":
                return None
            return base64.urlsafe_b64decode(f"{recorded.hash.value}==").hex()
    return None


def _check_content(file: DataFile, path: Path) -> str | None:
    """How the values of a file were checked; None when nothing is known about them."""
    try:
        if compare_with_editions(path, file):
            return "sha256 of a known copy"
        if path.suffix != ".parquet":
            have = _npz_arrays(path)
            lacking = [name for name in file.fields if name not in have]
            if lacking:
                raise Corrupted(f"it lacks {', '.join(lacking)}")
            return f"the checksums inside it; has {', '.join(file.fields)}"
        read_checked(path, file.fields)
    except DamagedTableError as error:
        raise Corrupted(str(error)) from None
    return "the checksum of its values" if has_checksum(path) else None


def _npz_arrays(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()  # checksums of every member
            names = archive.namelist()
    except Exception as error:  # a damaged file may raise anything
        raise Corrupted(f"not a readable npz file ({error})") from None
    if bad is not None:
        raise Corrupted(f"the checksum of {bad} does not match")
    return [name.removesuffix(".npy") for name in names]
