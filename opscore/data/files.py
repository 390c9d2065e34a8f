"""Writing files whole or not at all, and their hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from opscore.errors import UserError, WriteError

if TYPE_CHECKING:
    import pandas as pd

#: Errors of the system that say that a place takes no more files, or none at all.
REFUSALS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM,
        errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG,
    }
)  # fmt: skip

#: Bytes that a trial writes to see whether a folder takes more.
_TRIAL = 1 << 20


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the name when the block succeeds.

    The file is flushed to disk before it is renamed, so under its own name it is there whole or
    not at all. When the block fails the temporary file is removed. Missing folders are made.

    WriteError when the system takes no more: a full disk, a folder that may not be written.
    """
    # The suffix stays: some writers choose their format by it, and np.savez would append it.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(6)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except Exception as error:
        found = _refusal(error, path.parent)
        if found is None:
            raise
        raise WriteError(found.errno, reason_of(found), str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def reason_of(error: OSError) -> str:
    """What the system says, without number and path."""
    return os.strerror(error.errno) if error.errno else error.strerror or str(error)


def _refusal(error: Exception, folder: Path) -> OSError | None:
    """The system's refusal to write that an error comes from, if it does."""
    if isinstance(error, OSError):
        return error if error.errno in REFUSALS else None
    # torch.save says of a full disk only that a position is not the one that it expected.
    return refusal_of(folder) if isinstance(error, RuntimeError) else None


def refusal_of(folder: Path) -> OSError | None:
    """Why a folder takes no more files, if it takes none; a megabyte is tried."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * _TRIAL)
            file.flush()
    except OSError as error:
        return error
    return None


def writable_folder(path: Path | str) -> Path:
    """The folder, made if it was missing, after trying to write into it.

    For what is written at the end of a long computation: UserError at its beginning.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{secrets.token_hex(6)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        what = "is a file, not a folder" if folder.is_file() else f"{error.strerror}"
        raise UserError(f"cannot write into {folder}: {what}") from None
    return folder


def try_to_write(folder: Path) -> None:
    """Write into a folder and leave nothing behind; OSError when that is not possible.

    Folders that have to be made for the trial are removed again.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    finally:
        for each in missing:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()


def writable_file(path: Path | str) -> Path:
    """The path of a file that is to be written, after trying to write beside it.

    UserError when that is not possible, or the path is a folder.
    """
    found = Path(path)
    if found.is_dir():
        raise UserError(f"cannot write {found}: it is a folder")
    writable_folder(found.parent)
    return found


def write_table(path: Path, frame: pd.DataFrame) -> Path:
    """Write a table without its index, as CSV or Parquet by the path's suffix; returns the path."""
    with atomic_write(path) as temporary:
        if path.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)
    return path


def read_text(path: Path) -> str:
    """A text in UTF-8, with or without the mark that editors of Windows begin it with."""
    return path.read_bytes().decode("utf-8-sig")


def file_hash(path: Path | str) -> str:
    """The sha256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
