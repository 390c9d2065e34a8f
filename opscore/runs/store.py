"""The run store: a folder for each run, named by the hash of what its result depends on.

A run's folder holds its tables (Parquet) and, once it is finished, the record ``run.json``: key,
facts, times, checksums of the tables, versions, machine, date. The record is written last: without
it what lies in the folder are the pieces of an unfinished run, which goes on from them. Wall times
are kept in the record, so that equal work gives equal tables, byte for byte.
"""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from opscore._version import __version__
from opscore.data.files import atomic_write, file_hash
from opscore.data.tables import DamagedTableError, read_checked, write_checked
from opscore.errors import UserError
from opscore.fingerprint import canonical, hash_of

RECORD_FILE = "run.json"

#: Version of the store's files; those of another version are refused.
STORE_VERSION = 2

#: The column of wall times, which is kept apart from the table it belongs to.
TIMES = "seconds"

#: Packages whose versions a record names.
_PACKAGES = ("torch", "numpy", "scipy", "pandas")

#: Seconds after which a lock that another process holds is spoken of.
_PATIENCE = 5.0


#: What the name of a run's folder looks like; folders of other names belong to somebody else.
_NAME = re.compile(r"[\w-]+-[0-9a-f]{16}")


class DamagedRunError(UserError):
    """A run is not readable, or not what was written."""


def run_name(key: Mapping[str, Any]) -> str:
    """The run's name: its kind, and a hash of its key."""
    return f"{key.get('kind', 'run')}-{hash_of(key)}"


def run_folders(root: Path) -> Iterator[Path]:
    """The folders of a store that are named as runs are, in the order of their names."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if _NAME.fullmatch(folder.name) and folder.is_dir():
            yield folder


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a run's folder, finished or failed; None where there is none.

    UserError when it cannot be read, or its files are laid out as another version does;
    DamagedRunError, which is one, when it is no record.
    """
    try:
        record = json.loads((folder / RECORD_FILE).read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"run {folder} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DamagedRunError(
            f"run {folder} cannot be read ({error}); delete it to redo it"
        ) from None
    if not isinstance(record, dict) or not isinstance(record.get("key"), dict):
        raise DamagedRunError(
            f"run {folder} cannot be read (its record has no settings); delete it to redo it"
        )
    version = record.get("version", 1)
    if version != STORE_VERSION:
        raise UserError(
            f"run {folder} is of version {version} of the store, and this opscore reads version "
            f"{STORE_VERSION}; take another folder, or the opscore that wrote it"
        )
    return record


@dataclass(frozen=True)
class Outcome:
    """What a run gives.

    Attributes:
        tables: frames by name; each is a Parquet file of the run's folder.
        facts: further results, as plain values.
        failed: for each row that has no number although it may have one the next time (memory
            that ran out, a file that could not be read), the reason. Such a run is kept as
            failed and computed again when it is asked for.
        files: names of further files of the run's folder that belong to the result.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Pieces:
    """The finished pieces of a run that is not finished: tables and checkpoints in a folder.

    Attributes:
        folder: where they are kept; None keeps nothing, and nothing is found.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    @classmethod
    def of(cls, place: Pieces | Path | None) -> Pieces:
        """The pieces of a folder; pieces are returned as they are."""
        return place if isinstance(place, Pieces) else cls(place)

    def path(self, name: str) -> Path | None:
        """The path of a file of the folder; None where nothing is kept."""
        return None if self.folder is None else self.folder / name

    def get(self, name: str, columns: Mapping[str, str] | None = None) -> pd.DataFrame | None:
        """A table; None when it is not there.

        columns: those to return, by type; wall times that were lost are missing.

        DamagedRunError, a UserError, when it is not what was written.
        """
        path = self.path(f"{name}.parquet")
        if path is None or not path.is_file():
            return None
        frame = _read(path)
        try:
            times = json.loads(_times_path(path).read_text())
        except (OSError, ValueError):
            times = None  # they are no result: nothing is computed anew for lack of them
        frame = _with_times(frame, times)
        if columns is None:
            return frame
        lacking = [column for column in columns if column not in frame and column != TIMES]
        if lacking:
            raise DamagedRunError(
                f"{path} cannot be read (it lacks {', '.join(lacking)}); delete it to redo it"
            )
        return frame.reindex(columns=list(columns)).astype(dict(columns))

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a finished table, whole or not at all; its wall times in a file beside it."""
        path = self.path(f"{name}.parquet")
        if path is None:
            return
        table, times = _without_times(frame)
        if times is not None:
            with atomic_write(_times_path(path)) as temporary:
                temporary.write_text(json.dumps(times) + "\n")
        write_checked(path, table)

    def drop(self, pattern: str) -> None:
        """Remove files that were only needed to go on, by name or pattern, with their times."""
        for path in [] if self.folder is None else list(self.folder.glob(pattern)):
            path.unlink(missing_ok=True)
            _times_path(path).unlink(missing_ok=True)


class RunStore:
    """Runs in a folder: found, kept, or gone on with.

    Attributes:
        root: the folder; made when the first run is saved.
    """

    def __init__(self, root: Path | str = "runs") -> None:
        self.root = Path(root)

    @classmethod
    def of(cls, place: RunStore | Path | str | None) -> RunStore | None:
        """The store at a path; a store, or None, is returned as it is."""
        return place if place is None or isinstance(place, RunStore) else cls(place)

    def check(self) -> None:
        """UserError when its first run is laid out as another version does, or it is a file."""
        if self.root.is_file():
            raise UserError(f"{self.root} is a file; a run store is a folder")
        for folder in run_folders(self.root):
            with suppress(DamagedRunError):
                if read_record(folder) is not None:
                    return

    def path(self, key: Mapping[str, Any]) -> Path:
        """The folder of this key's run, whether it is there or not."""
        return self.root / run_name(key)

    def pieces(self, key: Mapping[str, Any]) -> Pieces:
        """The finished pieces of this key's run."""
        return Pieces(self.path(key))

    @contextmanager
    def fresh(self) -> Iterator[Pieces]:
        """A folder for the pieces of a run that is computed anew; the block's end removes it."""
        folder = self._unfinished()
        try:
            with held(folder / ".lock"):  # it may take hours, and is nobody's leftover meanwhile
                yield Pieces(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _unfinished(self) -> Path:
        return self.root / f".unfinished-{secrets.token_hex(8)}"

    def record(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record of a run, finished or failed; None when there is none.

        UserError when it cannot be read, or is another run's.
        """
        folder = self.path(key)
        record = read_record(folder)
        if record is not None and record["key"] != json.loads(canonical(key)):
            raise UserError(f"run {folder} holds other settings than its name says; delete it")
        return record

    def outcome(self, key: Mapping[str, Any]) -> Outcome | None:
        """What a finished run gave; None when it is not there, or failed.

        UserError when it cannot be read or is not what was written.
        """
        record = self.record(key)
        if record is None or record.get("status") != "finished":
            return None
        folder = self.path(key)
        tables = {}
        for name, checksum in record["sha256"].items():
            path = folder / name
            try:
                found = file_hash(path)
            except OSError as error:
                raise DamagedRunError(
                    f"run {folder} cannot be read ({error}); delete it to redo it"
                ) from None
            if found != checksum:
                raise DamagedRunError(
                    f"run {folder} cannot be read ({name} is not what was written: its checksum "
                    "is another one); delete it to redo it"
                )
            if path.suffix == ".parquet":
                tables[path.stem] = _with_times(_read(path), record["seconds"].get(path.stem))
        return Outcome(tables, record["facts"])

    def keep(
        self,
        key: Mapping[str, Any],
        outcome: Outcome,
        *,
        more: Mapping[str, Any] | None = None,
        anew: Pieces | None = None,
    ) -> Path:
        """Write what a run gave; returns its folder.

        Of several processes that finish the same run the first one's result stays.

        Args:
            key: of the run.
            outcome: what it gave.
            more: further entries of the record.
            anew: :meth:`fresh` pieces that it was made with: its files are taken from there, and
                all of it takes the place of an earlier result.
        """
        folder = self.path(key)
        if outcome.failed:
            self._keep_failure(key, {"failed": list(outcome.failed)})
            return folder
        temporary = self._unfinished()
        temporary.mkdir(parents=True)
        try:
            files, times = {}, {}
            for name, frame in outcome.tables.items():
                table, times[name] = _without_times(frame)
                path = write_checked(temporary / f"{name}.parquet", table)
                files[path.name] = file_hash(path)
            for name in outcome.files:
                made = (anew or Pieces(folder)).path(name)
                assert made is not None
                files[name] = file_hash(made if anew is None else made.replace(temporary / name))
            record = {
                "version": STORE_VERSION,
                "status": "finished",
                "key": dict(key),
                "facts": dict(outcome.facts),
                "sha256": files,
                "seconds": {name: spent for name, spent in times.items() if spent is not None},
                **(more or {}),
                **provenance(),
            }
            self._write_record(temporary, record)
            if anew is not None:
                self._replace(temporary, folder)
            else:
                self._move_in(temporary, folder, key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return folder

    def keep_error(self, key: Mapping[str, Any], error: BaseException) -> None:
        """Write that a run failed: the error and its traceback; pieces stay."""
        text = "".join(traceback.format_exception(error))
        self._keep_failure(key, {"failed": [f"{type(error).__name__}: {error}"], "traceback": text})

    def _keep_failure(self, key: Mapping[str, Any], what: Mapping[str, Any]) -> None:
        with self.lock(key):
            with suppress(DamagedRunError):
                if self.outcome(key) is not None:
                    return  # another process has finished it
            record = {
                "version": STORE_VERSION,
                "status": "failed",
                **what,
                "key": dict(key),
                **provenance(),
            }
            self._write_record(self.path(key), record)

    @contextmanager
    def lock(self, key: Mapping[str, Any]) -> Iterator[None]:
        """The right to write a run's folder; a line on stderr when another process holds it."""
        with self.lock_of(self.path(key)):
            yield

    @staticmethod
    @contextmanager
    def lock_of(folder: Path) -> Iterator[None]:
        """The right to write the run's folder of this path; as :meth:`lock`."""
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / ".lock"):
            yield

    def _replace(self, temporary: Path, folder: Path) -> None:
        away = self.root / f".removed-{secrets.token_hex(8)}"
        with held(self.root / ".replacing.lock"):
            if folder.exists():
                folder.rename(away)
            temporary.rename(folder)
        shutil.rmtree(away, ignore_errors=True)

    def _move_in(self, temporary: Path, folder: Path, key: Mapping[str, Any]) -> None:
        try:
            temporary.rename(folder)
            return
        except OSError:
            if not folder.is_dir():
                raise
        # Pieces of this run, a failed one, or another process's result are there.
        with self.lock(key):
            if self.outcome(key) is not None:
                return
            for path in sorted(temporary.iterdir(), key=lambda path: path.name == RECORD_FILE):
                target = folder / path.name
                if not (target.is_file() and file_hash(target) == file_hash(path)):
                    path.replace(target)
                _times_path(target).unlink(missing_ok=True)

    @staticmethod
    def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
        with atomic_write(folder / RECORD_FILE) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A lock between processes; a line on stderr says so when it has to be waited for.

    The lock ends with the process that holds it, whatever ends that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        sys.stderr.write(f"waiting for another process that is at work in {path.parent}\n")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process that still runs holds this lock."""
    if not path.is_file():
        return False
    try:
        FileLock(path).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


def provenance() -> dict[str, Any]:
    """Versions, kind of machine and date: what a record says of its making."""
    versions = {"opscore": __version__}  # a checkout may be newer than what pip knows of it
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        **({"git": commit} if (commit := _commit()) else {}),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@lru_cache(maxsize=1)
def _commit() -> str | None:
    """The commit of the checkout that this package is run from; None for an installed one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _read(path: Path) -> pd.DataFrame:
    try:
        return read_checked(path, ours=True)
    except DamagedTableError as error:
        raise DamagedRunError(f"{path} cannot be read ({error}); delete it to redo it") from None


def _times_path(path: Path) -> Path:
    return path.with_name(f".{path.stem}.times.json")


def _without_times(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """A table without its wall times, and these: their column's place and values."""
    if TIMES not in frame.columns:
        return frame, None
    values = [None if pd.isna(value) else float(value) for value in frame[TIMES]]
    place = list(frame.columns).index(TIMES)
    return frame.drop(columns=TIMES), {"place": place, "values": values}


def _with_times(frame: pd.DataFrame, times: Mapping[str, Any] | None) -> pd.DataFrame:
    if times is None:
        return frame
    values = pd.array(times["values"], dtype="Float64").to_numpy(float, na_value=float("nan"))
    if len(values) != len(frame):
        values = [float("nan")] * len(frame)
    found = frame.copy()
    found.insert(min(times["place"], len(found.columns)), TIMES, values)
    return found
