"""Parquet tables that carry a checksum of their content, which is compared when they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from opscore.data.catalogue import DataFile, at_path
from opscore.data.files import atomic_write, file_hash
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = b"opscore."
_CHECKSUM = "content_sha256"


class DamagedTableError(UserError):
    """A table is not readable, or not what its writer wrote."""


class UnreadableTableError(DamagedTableError):
    """A file is not a Parquet table at all."""


def write_checked(
    path: Path, frame: pd.DataFrame, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a table with its checksum and other metadata, whole or not at all; returns the path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = {**(metadata or {}), _CHECKSUM: content_hash(frame)}
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(
        {_PREFIX + key.encode(): value.encode() for key, value in entries.items()}
    )
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return path


def read_checked(
    path: Path, columns: Sequence[str] | None = None, *, ours: bool = False
) -> pd.DataFrame:
    """Read a table after comparing it with the checksum that it carries.

    A table without one is compared with the known copies of its name (see
    :attr:`DataFile.editions`): one that has the size of such a copy must have its content.

    Args:
        path: a Parquet file.
        columns: the columns to return; all of them by default.
        ours: whether it was written here, so that one without a checksum is not what was written.

    Raises:
        DamagedTableError: it is not a Parquet file, its content has changed, or it lacks columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        # Text columns as objects: the content is then hashed alike under every version of pandas.
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UnreadableTableError(
            f"{path} is not a readable Parquet file ({str(error).splitlines()[0]})"
        ) from None
    recorded = _decode(table.schema.metadata).get(_CHECKSUM)
    if recorded is not None:
        if content_hash(frame) != recorded:
            raise DamagedTableError(
                f"{path} is damaged: its values are not those that it was written with; "
                "delete it, and fetch or add it again"
            )
    elif ours:
        raise DamagedTableError(f"{path} carries no checksum: it is not what was written")
    else:
        compare_with_editions(path)
    lacking = [name for name in columns or () if name not in frame]
    if lacking:
        raise DamagedTableError(f"{path} lacks the columns {', '.join(lacking)}")
    return frame if columns is None else frame[list(columns)]


def read_metadata(path: Path) -> dict[str, str]:
    """What a table says about itself; empty for a table that was not written by opscore."""
    import pyarrow.parquet as pq

    return _decode(pq.read_schema(path).metadata)


def has_checksum(path: Path) -> bool:
    """Whether a table carries a checksum of its content."""
    return _CHECKSUM in read_metadata(path)


def compare_with_editions(path: Path, file: DataFile | None = None) -> bool:
    """Whether a file is a known copy, byte for byte.

    Args:
        path: the file.
        file: the known file that it stands for; by default the one of its name.

    Raises:
        DamagedTableError: it has the size of a known copy, and another content.
    """
    known = file or at_path(path.name) or at_path(f"{path.parent.name}/{path.name}")
    sizes = {} if known is None else {size: sha256 for sha256, size in known.editions}
    expected = sizes.get(path.stat().st_size)
    if expected is None:
        return False
    found = file_hash(path)
    if found != expected:
        raise DamagedTableError(
            f"{path} is damaged: its sha256 is {found[:12]}..., not {expected[:12]}..."
        )
    return True


def content_hash(frame: pd.DataFrame) -> str:
    """The sha256 of a table's columns: names and values in order, whatever file they come from.

    Missing values are one value; integers and booleans count as 64-bit integers, floats as
    float64.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        _update(digest, str(name).encode())
        column = frame[name]
        some_missing = bool(column.isna().any())
        if column.dtype.kind in "fiu" or (column.dtype.kind == "b" and not some_missing):
            # Integers with missing values come back from a file as floats.
            kind = np.float64 if column.dtype.kind == "f" or some_missing else np.int64
            # A copy, so that NaN can be made one value.
            missing_as = {"na_value": np.nan} if some_missing else {}
            values = column.to_numpy(dtype=kind, copy=True, **missing_as)
            if kind is np.float64:
                values[np.isnan(values)] = np.nan
            _update(digest, values.tobytes())
        else:
            for missing, value in zip(column.isna(), column, strict=True):
                _update(digest, b"\0missing" if missing else str(value).encode())
    return digest.hexdigest()


def _update(digest: hashlib._Hash, content: bytes) -> None:
    """Add content with its length, so that neighbours cannot run into each other."""
    digest.update(len(content).to_bytes(8, "little"))
    digest.update(content)


def _decode(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.removeprefix(_PREFIX).decode(errors="replace"): value.decode(errors="replace")
        for key, value in (metadata or {}).items()
        if key.startswith(_PREFIX)
    }
