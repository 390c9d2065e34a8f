"""Reading zip archives that came from elsewhere: in memory, within limits, nothing extracted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from opscore.errors import UserError

#: What the archives that opscore knows need is a tenth of it.
MAX_MEMBERS = 2_000
MAX_BYTES = 64 * 2**20


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a zip archive.

    The content is counted while it is unpacked, whatever the archive says about its size.

    Raises:
        UserError: it is no whole zip archive, a member's name leads out of the archive, or it
            unpacks to more than is plausible.
    """
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_MEMBERS:
                raise UserError(f"{path} holds {len(entries):,} files; not one of the archives")
            for entry in entries:
                _check_name(path, entry.filename)
                with archive.open(entry) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise UserError(
                        f"{path} unpacks to more than {MAX_BYTES // 2**20} MiB; it is not trusted"
                    )
                yield entry.filename, content
    except UserError:
        raise
    except Exception as error:  # a damaged file may raise anything, an encrypted one RuntimeError
        raise UserError(f"{path} is not a whole zip archive ({error})") from None


def _check_name(path: Path, name: str) -> None:
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        raise UserError(f"{path} holds '{name}', which leads out of the archive; it is not trusted")
