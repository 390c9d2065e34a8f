"""Keeping run stores: what differs between two runs or two stores, merging, and cleaning up."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from opscore.data.files import file_hash, writable_folder
from opscore.errors import UserError
from opscore.runs.reading import (
    StoredRun,
    find_run,
    natural_order,
    outcome_of,
    plain_facts,
    stored_runs,
)
from opscore.runs.store import RECORD_FILE, TIMES, Outcome, RunStore
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
    merge that was stopped goes on. A finished run takes the place of a failed or unfinished one.

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
        elif other is not None and other.status == "finished":
            same = run.status != "finished" or _same(run, other)
            (done.there if same else done.differing).append(run.name)
        elif other is not None and run.status != "finished":
            done.there.append(run.name)
        elif _is_whole(run):
            _take(run, root)
            done.copied.append(run.name)
        else:
            done.damaged.append(run.name)
    return done


def _is_whole(run: StoredRun) -> bool:
    if run.status != "finished":
        return True
    try:
        outcome_of(run)
    except UserError:
        return False
    return True


def _same(run: StoredRun, other: StoredRun) -> bool:
    if run.record.get("sha256") == other.record.get("sha256"):
        return plain_facts(run.record.get("facts", {})) == plain_facts(
            other.record.get("facts", {})
        )
    try:
        return not result_differences(outcome_of(run), outcome_of(other))
    except UserError:
        return False


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
                if time.time() - left.stat().st_mtime > _STALE:
                    shutil.rmtree(left, ignore_errors=True)
    return chosen


def _holds_others(folder: Path) -> bool:
    """Whether other runs lie in a run's folder, which are never removed with it."""
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


@dataclass(frozen=True)
class StoreDifferences:
    """In what two stores differ, by names of runs; times and dates do not count.

    Attributes:
        only_left: that only the first has.
        only_right: that only the second has.
        differing: that both have with other results, and how they differ.
        equal: the number of runs that are the same.
    """

    only_left: list[str]
    only_right: list[str]
    differing: dict[str, list[str]]
    equal: int

    @property
    def same(self) -> bool:
        """Whether they do not differ."""
        return not (self.only_left or self.only_right or self.differing)


def store_differences(left: Path | str, right: Path | str) -> StoreDifferences:
    """The differences between the finished and failed runs of two stores."""
    mine, others = (
        {run.name: run for run in stored_runs(root) if run.status in {"finished", "failed"}}
        for root in (left, right)
    )
    differing = {
        name: lines
        for name in sorted(mine.keys() & others.keys())
        if (lines := run_differences(mine[name], others[name]))
    }
    return StoreDifferences(
        sorted(mine.keys() - others.keys()),
        sorted(others.keys() - mine.keys()),
        differing,
        len(mine.keys() & others.keys()) - len(differing),
    )


def run_differences(left: StoredRun, right: StoredRun) -> list[str]:
    """In what two runs differ, a line each: settings, status, results."""
    lines = [
        f"{name}: {_shown(mine)} and {_shown(other)}"
        for name, mine, other in settings_differences(left.key, right.key)
    ]
    if left.status != right.status or left.error != right.error:
        return [*lines, f"status: {_state(left)} and {_state(right)}"]
    if left.status == "finished":
        if left.key == right.key and _same(left, right):
            return lines
        lines += result_differences(outcome_of(left), outcome_of(right))
    return lines


def _state(run: StoredRun) -> str:
    return f"{run.status} ({run.error})" if run.error else run.status


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def settings_differences(
    left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """The settings in which two keys differ: name, left, right; None where one lacks it."""
    found: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys([*left, *right]):
        mine, other = left.get(name), right.get(name)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            found += settings_differences(mine, other, f"{prefix}{name}.")
        elif mine != other:
            found.append((f"{prefix}{name}", mine, other))
    return found


def result_differences(left: Outcome, right: Outcome) -> list[str]:
    """In what two results differ, a line each; times do not count."""
    found = []
    mine, other = (plain_facts(each.facts) for each in (left, right))
    if mine != other:
        found.append(f"facts: {mine} and {other}")
    for name in sorted({*left.tables, *right.tables}, key=natural_order):
        if name not in left.tables or name not in right.tables:
            found.append(f"{name}: only one has this table")
            continue
        a, b = (
            each.tables[name].drop(columns=TIMES, errors="ignore").reset_index(drop=True)
            for each in (left, right)
        )
        found += [f"{name}{line}" for line in _table_differences(a, b)]
    return found


def _table_differences(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return [f": {len(a)} rows of {len(a.columns)} columns, and {len(b)} of {len(b.columns)}"]
    found = []
    for name in a.columns:
        one, two = a[name].astype(object), b[name].astype(object)
        unequal = (one != two) & ~(one.isna() & two.isna())
        if not unequal.any():
            continue
        numbers = [pd.to_numeric(each[unequal], errors="coerce") for each in (one, two)]
        gap = float((numbers[0] - numbers[1]).abs().max())
        size: str = "" if pd.isna(gap) else f", by up to {gap:.3g}"
        found.append(f".{name}: {int(unequal.sum())} of {len(a)} rows differ{size}")
    return found
