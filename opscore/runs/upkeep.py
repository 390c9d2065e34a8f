"""Keeping run stores: merging, and cleaning up."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from opscore.data.files import file_hash, writable_folder
from opscore.errors import UserError
from opscore.runs.reading import (
    StoredRun,
    exported,
    find_run,
    stored_runs,
)
from opscore.runs.store import RECORD_FILE, RunStore, is_held
from opscore.runs.studies import join, studies

#: What :func:`clean` removes unless it is told otherwise: runs that are computed again anyway.
SPOILED = ("failed", "damaged")

#: Names of what a process that was killed may leave behind while it writes a run.
_LEFTOVERS = (".unfinished-*", ".removed-*", ".taken-*")

#: Seconds after which such a leftover belongs to no process that still runs.
_STALE = 3600.0


@dataclass
class Merged:
    """What :func:`merge` did, by names of runs.

    Attributes:
        copied: taken over.
        there: that the other store has already, with the same result.
        differing: that both have, with other results; each keeps its own.
        damaged: that cannot be read, and are left out.
    """

    copied: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def merge(source: RunStore | Path | str, target: RunStore | Path | str) -> Merged:
    """Take over into ``target`` what ``source`` has and it lacks; ``source`` stays as it is.

    Finished runs are checked before they are copied, and written whole or not at all, so that a
    merge that was stopped goes on. A finished run takes the place of one that is failed,
    unfinished or damaged.

    UserError when there is no source, or the target cannot be written.
    """
    done = Merged()
    runs = stored_runs(source)
    places = [each.root if isinstance(each, RunStore) else Path(each) for each in (source, target)]
    if places[0].resolve() == places[1].resolve():
        raise UserError(f"{places[1]} is the store itself; two stores are merged")
    root = writable_folder(places[1])
    others = {run.name: run for run in stored_runs(root)}
    for study in studies(RunStore(places[0])):
        join(RunStore(root), study)
    for run in runs:
        other = others.get(run.name)
        if run.status == "damaged":
            done.damaged.append(run.name)
        elif other is not None and run.status != "finished":
            done.there.append(run.name)
        elif (own := _rows(run)) is None:
            done.damaged.append(run.name)
        elif other is None or other.status != "finished" or (theirs := _rows(other)) is None:
            _take(run, root)
            done.copied.append(run.name)
        else:
            (done.there if own.equals(theirs) else done.differing).append(run.name)
    return done


def _rows(run: StoredRun) -> pd.DataFrame | None:
    """What a run gave, without times; None where it is damaged."""
    try:
        return exported(run)
    except UserError:
        return None


def _take(run: StoredRun, root: Path) -> None:
    """Copy a run's folder, whole or not at all."""
    folder = root / run.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".taken-{secrets.token_hex(8)}"
    try:
        shutil.copytree(run.folder, temporary, ignore=shutil.ignore_patterns("*.lock"))
        for name, checksum in run.record.get("sha256", {}).items():
            if file_hash(temporary / name) != checksum:
                raise UserError(f"run {run.folder} was changed while it was copied; sync it again")
        with RunStore(folder.parent).lock_of(folder):
            for path in sorted(temporary.iterdir(), key=lambda path: path.name == RECORD_FILE):
                path.replace(folder / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clean(
    store: RunStore | Path | str,
    names: Sequence[str] = (),
    *,
    statuses: Sequence[str] = SPOILED,
    check: bool = True,
    dry_run: bool = False,
) -> list[StoredRun]:
    """Remove runs from a store; returns those that were, or would be, removed.

    Args:
        store: the store.
        names: the runs to remove, finished ones too, by name or its beginning; none: all that
            have one of these statuses.
        statuses: of the runs to remove, where none is named.
        check: look for damaged tables too, not only for damaged records.
        dry_run: remove nothing.
    """
    if names:
        chosen = [find_run(store, name) for name in names]
    else:
        found = (run for run in stored_runs(store, check=check) if run.status in statuses)
        chosen = [run for run in found if not _holds_others(run.folder)]
    if dry_run:
        return chosen
    root = store.root if isinstance(store, RunStore) else Path(store)
    for run in chosen:
        _remove(run.folder)
    for shelf in {root, *(run.folder.parent for run in chosen)}:
        for pattern in _LEFTOVERS:
            for left in shelf.glob(pattern):
                stale = time.time() - left.stat().st_mtime > _STALE
                if stale and not is_held(left / ".lock"):
                    shutil.rmtree(left, ignore_errors=True)
    return chosen


def _holds_others(folder: Path) -> bool:
    """Whether other runs lie in a run's folder; then it goes only when it is named."""
    return any(path.parent != folder for path in folder.rglob(RECORD_FILE))


def _remove(folder: Path) -> None:
    """Remove a folder; it is never seen half removed."""
    away = folder.with_name(f".removed-{secrets.token_hex(8)}")
    try:
        folder.replace(away)
    except FileNotFoundError:
        return  # another process was quicker
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror}") from None
    shutil.rmtree(away, ignore_errors=True)
