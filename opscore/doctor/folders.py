"""Whether results and data can be written, and how much room there is for them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from opscore.data import cache_folder
from opscore.data.files import try_to_write
from opscore.doctor.check import Check, Status

AREA = "folders"

#: Free bytes below which a run could not be kept, and below which room is short.
TOO_LITTLE, LITTLE = 50 * 2**20, 2**30


def folders(runs: Path, out: Path | None, data_dir: Path | None) -> Iterator[Check]:
    """The run store, the folder of results, that of fetched data, and that of temporary files."""
    yield folder("runs", runs, needed=True, remedy="name another folder with --runs")
    if out is not None:
        yield folder("out", out, needed=True, remedy="name another folder with --out")
    target = cache_folder() if data_dir is None else data_dir
    remedy = "name another folder with --data-dir or $OPSCORE_CACHE before data is fetched"
    yield folder("fetched data", target, needed=False, remedy=remedy)
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        remedy = "name a folder that can be written with $TMPDIR"
        yield Check(AREA, "temporary files", "problem", str(error.strerror), remedy)
    else:
        remedy = "name another folder with $TMPDIR"
        yield folder("temporary files", temporary, needed=True, remedy=remedy)


def folder(name: str, path: Path, *, needed: bool, remedy: str) -> Check:
    """Whether a folder can be written, and how much room is left in it; nothing is left behind.

    needed: whether the main job cannot do without it.
    """
    bad: Status = "problem" if needed else "warning"
    try:
        try_to_write(path)
    except OSError as error:
        why = "it is a file" if path.is_file() else error.strerror or str(error)
        return Check(AREA, name, bad, f"{path} cannot be written: {why}", remedy)
    free = shutil.disk_usage(_existing(path)).free
    detail = f"{path.absolute()} can be written; {free / 2**30:,.1f} GiB free"
    if free < TOO_LITTLE:
        return Check(AREA, name, bad, detail, remedy)
    if free < LITTLE:
        return Check(AREA, name, "warning", detail, remedy)
    return Check(AREA, name, "ok", detail)


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())
