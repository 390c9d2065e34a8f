"""Downloading a known file: verified, and whole or not there at all."""

from __future__ import annotations

from pathlib import Path

from opscore import progress
from opscore.data.catalogue import FILES, DataFile
from opscore.data.files import atomic_write
from opscore.data.locate import destination, find
from opscore.data.verify import Corrupted, check
from opscore.errors import UserError

_CHUNK = 1 << 16
_TIMEOUT = 30  # seconds without a byte
_BY_HAND = "download it by hand where that works, and run 'opscore data add FILE'"


def fetch(
    file: str | DataFile,
    *,
    url: str | None = None,
    data_dir: Path | str | None = None,
) -> Path:
    """Download a file unless an intact one is there.

    It is checked before it takes its name, so an interrupted, cut-off or damaged download leaves
    nothing behind, and the next call starts again.

    Args:
        file: the short name of a known file, or a description of another one.
        url: where to download it from instead (a mirror).
        data_dir: the folder that it goes to; without it the user cache.

    Returns:
        The path of the intact file.

    Raises:
        UserError: it has no download, cannot be reached, or does not arrive intact; the message
            says what to do.
    """
    entry = FILES[file] if isinstance(file, str) else file
    if url is not None:
        check_address(url)
    source = url or entry.url
    if source is None:
        raise UserError(f"{entry.name} cannot be fetched; {entry.how}")
    target = destination(data_dir) / entry.path
    for path in (target, find(entry.path, data_dir)):
        if path is not None and path.is_file() and _intact(entry, path):
            return path
    try:
        with progress.steps(entry.size or 0, "bytes"), atomic_write(target) as temporary:
            _download(source, temporary)
            check(entry, temporary)
    except Corrupted as error:
        raise UserError(
            f"what {source} sent is not {entry.name}: {error}; nothing was kept; try again, or "
            f"{_BY_HAND}"
        ) from None
    except _UnreachableError as error:
        raise UserError(f"could not download {source} ({error}); {_BY_HAND}") from None
    return target


def check_address(url: str) -> None:
    """UserError for what is no address that can be downloaded from."""
    if not url.startswith(("https://", "http://")):
        raise UserError(f"an address begins with https:// or http://, got '{url}'")


class _UnreachableError(Exception):
    pass


class _Bar:
    """What pooch's downloader wants of a progress bar."""

    total = 0

    def update(self, amount: int) -> None:
        progress.advance(amount)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def _download(url: str, path: Path) -> None:
    import requests
    from pooch import HTTPDownloader

    downloader = HTTPDownloader(progressbar=_Bar(), chunk_size=_CHUNK, timeout=_TIMEOUT)
    try:
        downloader(url, str(path), None)
    except requests.HTTPError as error:
        raise _UnreachableError(str(error).partition(" for url")[0]) from None
    except requests.exceptions.ChunkedEncodingError:
        raise _UnreachableError("the connection broke half-way; nothing was kept") from None
    except requests.Timeout:
        raise _UnreachableError(f"no answer within {_TIMEOUT} seconds") from None
    except requests.ConnectionError:
        raise _UnreachableError("no connection") from None
    except requests.RequestException as error:
        raise _UnreachableError(type(error).__name__) from None


def _intact(file: DataFile, path: Path) -> bool:
    try:
        return check(file, path) is not None
    except Corrupted:
        return False
