"""The run store: a folder for each finished unit, named by the hash of what it depends on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import schema
from opscore.errors import UserError

SCORES_FILE = "scores.parquet"
RECORD_FILE = "run.json"

#: Packages whose versions a record names.
_PACKAGES = ("opscore", "torch", "numpy", "scipy", "pandas")


def run_name(key: Mapping[str, Any]) -> str:
    """The run's name: its kind, and a hash of its key."""
    text = json.dumps(key, sort_keys=True, default=str)
    return f"{key.get('kind', 'run')}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class RunStore:
    """Finished runs in a folder.

    A run is a sub-folder with the score table (``scores.parquet``) and a record of what it is
    (``run.json``: key, versions, machine, date). It is written under a temporary name and renamed,
    so it is there whole or not at all, whatever stops the process.

    Attributes:
        root: the folder; made when the first run is saved.
    """

    def __init__(self, root: Path | str = "runs") -> None:
        self.root = Path(root)

    def path(self, key: Mapping[str, Any]) -> Path:
        """Where the run of this key is, or would be."""
        return self.root / run_name(key)

    def load(self, key: Mapping[str, Any]) -> pd.DataFrame | None:
        """The score table of a finished run; None when it is not there.

        UserError when the folder is there but cannot be read, or is another run's.
        """
        folder = self.path(key)
        if not folder.is_dir():
            return None
        try:
            record = json.loads((folder / RECORD_FILE).read_text())
            frame = pd.read_parquet(folder / SCORES_FILE)
        except (OSError, ValueError) as error:
            raise UserError(
                f"run {folder} cannot be read ({error}); delete it to redo it"
            ) from None
        if record["key"] != json.loads(json.dumps(dict(key), default=str)):
            raise UserError(f"run {folder} holds other settings than its name says; delete it")
        return schema.conform(frame, "scores")

    def save(self, key: Mapping[str, Any], scores: pd.DataFrame) -> Path:
        """Write a finished run; a run of the same key is replaced. Returns its folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.root))
        try:
            scores.to_parquet(temporary / SCORES_FILE, index=False)
            record = {"key": dict(key), **provenance()}
            (temporary / RECORD_FILE).write_text(json.dumps(record, indent=2, default=str) + "\n")
            return self._move_in(temporary, self.path(key))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @staticmethod
    def _move_in(temporary: Path, target: Path) -> Path:
        if target.exists():
            shutil.rmtree(target)
        try:
            return temporary.rename(target)
        except OSError:
            # Another process finished the same run in between; its scores are the same.
            if target.is_dir():
                return target
            raise


def provenance() -> dict[str, Any]:
    """Versions, kind of machine and date: what a record says of its making."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
