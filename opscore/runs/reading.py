"""Reading a whole run store: what runs it has, and everything they gave, as frames.

:func:`table_of` has one row for each run, finished or not; :func:`export` has the results and
settings without times, in a fixed order, so that equal work gives equal bytes.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import schema
from opscore.errors import UserError, unknown
from opscore.fingerprint import canonical
from opscore.runs.store import (
    STORE_VERSION,
    TIMES,
    DamagedRunError,
    Outcome,
    RunStore,
    read_record,
    run_folders,
)

#: Folders of a store that hold runs themselves.
_SHELVES = ("supernets",)

#: What can be said of a run; see :class:`StoredRun`.
STATUSES = ("finished", "failed", "unfinished", "damaged", "pieces")

#: Kinds that are kept to be used again, and are no results of their own.
INTERMEDIATE = frozenset({"supernet"})

#: One row per run (:func:`table_of`).
RUN_TABLE = {
    "run": "str",  # the name of its folder
    "kind": "str",  # initial, progressive, search, ...
    "space": "str",
    "policy": "str",  # or the search method
    "seed": "Int64",  # missing where nothing is drawn
    "status": "str",  # finished, failed, unfinished, damaged, pieces
    "error": "str",  # of a failed or damaged run
    "seconds": "float64",  # that the run took; missing where its record does not say
    "date": "str",  # when it ended, UTC
    "bytes": "int64",  # of its folder
    "version": "Int64",  # of the store's files
    "settings": "str",  # its key, as JSON
}


@dataclass(frozen=True)
class StoredRun:
    """A run's folder in a store.

    Attributes:
        name: of the folder, below the store's.
        folder: its path.
        status: 'finished'; 'failed', with an error; 'unfinished', with pieces and no record;
            'damaged', with a record or a table that cannot be read; 'pieces', which several
            searches share.
        record: what run.json says; empty where there is none.
        error: why it failed or cannot be read.
    """

    name: str
    folder: Path
    status: str
    record: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def key(self) -> Mapping[str, Any]:
        """What the run depends on."""
        found = self.record.get("key", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def kind(self) -> str:
        """The kind of run; that of the folder's name where there is no record."""
        return str(self.key.get("kind") or self.name.rpartition("/")[2].rpartition("-")[0])

    @property
    def space(self) -> str:
        """The space of architectures; '' for runs that have none."""
        return str(self.key.get("space") or "")

    @property
    def policy(self) -> str:
        """Policy or search method; '' for runs that have neither."""
        return str(self.key.get("policy") or self.key.get("method") or "")

    @property
    def seconds(self) -> float | None:
        """Seconds that the run took; None where the record does not say."""
        spent = self.record.get("wall_seconds")
        if spent is None and self.status == "finished":
            cost = self.record.get("facts", {}).get("cost", {})
            values = [
                value
                for table in self.record.get("seconds", {}).values()
                for value in table["values"]
                if value is not None
            ]
            spent = cost.get("seconds") if isinstance(cost, Mapping) else None
            spent = sum(values) if values else spent
        return None if spent is None else float(spent)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its files, those that begin with a dot left out."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return tuple(path for path in found if not path.name.startswith("."))

    def row(self) -> dict[str, Any]:
        """What :data:`RUN_TABLE` says of a run."""
        seed = self.key.get("seed")
        return {
            "run": self.name,
            "kind": self.kind,
            "space": self.space,
            "policy": self.policy,
            "seed": pd.NA if seed is None else seed,
            "status": self.status,
            "error": self.error,
            "seconds": float("nan") if self.seconds is None else self.seconds,
            "date": str(self.record.get("date", "")),
            "bytes": sum(path.stat().st_size for path in self.files),
            "version": STORE_VERSION,
            "settings": canonical(self.key) if self.key else "",
        }


def stored_runs(store: RunStore | Path | str, *, check: bool = False) -> list[StoredRun]:
    """The runs of a store, in the order of their names.

    Args:
        store: the store, or its folder.
        check: also read every table and compare its checksum; those that do not fit are damaged.

    UserError when there is no such folder, or a run is laid out as another version does.
    """
    root = RunStore(store).root if isinstance(store, Path | str) else store.root
    if not root.is_dir():
        raise UserError(f"there is no run store at {root}{_near(root)}")
    found = [_run(root, folder) for folder in _folders(root)]
    return [_checked(RunStore(root), run) if check else run for run in found]


def table_of(runs: Sequence[StoredRun]) -> pd.DataFrame:
    """One row for each of these runs (columns: :data:`RUN_TABLE`)."""
    rows = [run.row() for run in runs]
    return pd.DataFrame(rows, columns=list(RUN_TABLE)).astype(RUN_TABLE)


def outcome_of(run: StoredRun) -> Outcome:
    """What a finished run gave: its tables, with times, and facts.

    UserError when it is not finished, or is not what was written.
    """
    if run.status != "finished":
        raise UserError(f"run {run.name} is {run.status}: it has no result")
    root = run.folder.parents[run.name.count("/")]
    shelf = RunStore(root / run.name.rpartition("/")[0])
    found = shelf.outcome(run.key)
    if found is None:
        raise UserError(f"run {run.name} has gone")
    return found


def export(store: RunStore | Path | str) -> pd.DataFrame:
    """Results and settings of a store in one frame, without times and in a fixed order.

    A run begins with a row whose ``table`` is 'run': it holds the settings and further results
    (``settings``, ``facts``: JSON), and the error of a run that failed. A row for each row of its
    tables follows, with their columns. Equal work gives equal frames, whatever the number of
    workers, the order, or the machine's clock. Runs that are not finished are left out, and so are
    trained supernets.

    UserError when a run is damaged.
    """
    runs = [run for run in stored_runs(store) if run.kind not in INTERMEDIATE]
    for run in runs:
        if run.status == "damaged":
            raise UserError(f"{run.error}; 'opscore runs clean' removes what is damaged")
    kept = in_order([run for run in runs if run.status in {"finished", "failed"}])
    empty = pd.DataFrame(columns=list(_EXPORTED)).astype(_EXPORTED)
    joined = pd.concat([empty, *map(exported, kept)], ignore_index=True)
    others = sorted(set(joined.columns) - set(_EXPORTED))
    return _as_exported(joined[[*_EXPORTED, *others]])


def find_run(store: RunStore | Path | str, name: str) -> StoredRun:
    """The run of a name, or of the beginning of one; UserError for none, or several."""
    runs = stored_runs(store)
    exact = [run for run in runs if run.name == name]
    found = exact or [run for run in runs if _begins(run.name, name)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(run.name for run in found[:4]) + (", ..." if len(found) > 4 else "")
        raise UserError(f"{len(found)} runs begin with '{name}': {listed}")
    near = difflib.get_close_matches(name, [run.name for run in runs], n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UserError(f"there is no run '{name}'{hint} ('opscore runs list' lists them)")


#: Columns that every row of an export has, and their types.
_EXPORTED = {
    **dict.fromkeys(("run", "kind", "space", "policy"), "string"),
    "seed": "Int64",
    **dict.fromkeys(("status", "error", "settings", "facts", "table"), "string"),
    "row": "Int64",
}

#: Those of them that say which run a row is of.
_HEAD = ("run", "kind", "space", "policy", "seed")

#: Columns of tables that the run's own columns say already.
_SAID = ("policy", "seed", TIMES)


def _exported_name(column: str) -> str:
    """A table's status is of its rows, the run's of the whole."""
    return f"{column}_of_row" if column in _EXPORTED else column


def exported(run: StoredRun) -> pd.DataFrame:
    """The rows of one run in an export; UserError when it is damaged."""
    row = run.row()
    head: dict[str, Any] = {name: row[name] for name in _HEAD}
    first = {
        **head,
        **{name: row[name] for name in ("status", "error", "settings")},
        "facts": plain_facts(run.record.get("facts", {})),
        "table": "run",
        "row": 0,
    }
    frames = [pd.DataFrame([first]).astype(_EXPORTED)]
    tables = outcome_of(run).tables if run.status == "finished" else {}
    for name in sorted(tables, key=natural_order):
        # The file knows the types of columns in which all values are missing.
        path = run.folder / f"{name}.parquet"
        table = pd.read_parquet(path, dtype_backend="numpy_nullable")
        table = table.drop(columns=[c for c in _SAID if c in table]).rename(columns=_exported_name)
        frames.append(_as_exported(table.assign(**head, table=name, row=range(len(table)))))
    return pd.concat(frames, ignore_index=True)


def _as_exported(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with columns of four types alone, in which values may be missing."""
    kinds = {"b": "boolean", "i": "Int64", "u": "Int64", "f": "Float64"}
    own = {str(name): kinds.get(frame[name].dtype.kind, "string") for name in frame}
    return frame.astype({name: _EXPORTED.get(name, kind) for name, kind in own.items()})


def plain_facts(facts: Mapping[str, Any]) -> str:
    """Further results without times, as JSON."""
    return json.dumps(_without_times(facts), sort_keys=True, separators=(",", ":"))


def _without_times(facts: Any) -> Any:
    if isinstance(facts, Mapping):
        return {name: _without_times(v) for name, v in facts.items() if name != TIMES}
    return [_without_times(item) for item in facts] if isinstance(facts, list) else facts


def in_order(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Runs by kind, space, policy, seed and name."""

    def place(run: StoredRun) -> tuple[str, str, str, int, str]:
        seed = run.key.get("seed")
        return run.kind, run.space, run.policy, -1 if seed is None else int(seed), run.name

    return sorted(runs, key=place)


def natural_order(name: str) -> tuple[str, int]:
    """'iteration-10' after 'iteration-2'."""
    start, _, number = name.rpartition("-")
    return (start, int(number)) if number.isdecimal() else (name, -1)


def _folders(root: Path) -> Iterator[Path]:
    yield from run_folders(root)
    for shelf in _SHELVES:
        yield from run_folders(root / shelf)


def _run(root: Path, folder: Path) -> StoredRun:
    name = folder.relative_to(root).as_posix()
    try:
        record = read_record(folder)
    except DamagedRunError as error:
        return StoredRun(name, folder, "damaged", error=str(error))
    if record is None:
        pieces = folder.name.rpartition("-")[0].endswith("pieces")
        return StoredRun(name, folder, "pieces" if pieces else "unfinished")
    if record.get("status", "finished") == "finished":
        return StoredRun(name, folder, "finished", record)
    return StoredRun(name, folder, "failed", record, "; ".join(record.get("failed", [])))


def _checked(store: RunStore, run: StoredRun) -> StoredRun:
    """The run, or the same run as a damaged one."""
    if run.status != "finished":
        return run
    try:
        outcome_of(run)
    except UserError as error:
        return StoredRun(run.name, run.folder, "damaged", run.record, str(error))
    return run


def _begins(name: str, start: str) -> bool:
    """Whether a name, or the hash in it, begins so."""
    return bool(start) and (name.startswith(start) or name.rpartition("-")[2].startswith(start))


def _near(root: Path) -> str:
    """The folder beside it that may have been meant."""
    if root.exists():
        return " (it is a file)"
    beside = [p.name for p in root.parent.iterdir() if p.is_dir()] if root.parent.is_dir() else []
    near = difflib.get_close_matches(root.name, beside, n=1)
    return f"; did you mean {root.parent / near[0]}?" if near else ""


def export_bytes(store: RunStore | Path | str, form: str = "csv") -> bytes:
    """The export of a store as the bytes of a file: 'csv' or 'parquet'."""
    import io

    frame, file = export(store), io.BytesIO()
    if form == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the run table as plain values, with the settings as a mapping."""
    rows = schema.records(frame)
    return [{**row, "settings": json.loads(row["settings"] or "{}")} for row in rows]


def pick(runs: Sequence[StoredRun], **wanted: str | None) -> list[StoredRun]:
    """Runs whose kind, space, policy or status is as wanted; None takes all.

    UserError for a status that there is not, or a value that no run has.
    """
    status = wanted.get("status")
    if status is not None and status not in STATUSES:
        raise unknown("status", status, STATUSES)
    found = list(runs)
    for name, value in wanted.items():
        if value is None:
            continue
        values = {str(getattr(run, name)) for run in runs}
        if value not in values and name != "status":
            near = difflib.get_close_matches(value, values, n=1)
            there = f"; there: {', '.join(sorted(values))}" if values else ": the store is empty"
            hint = f"; did you mean {near[0]}?" if near else there
            raise UserError(f"no run has the {name} '{value}'{hint}")
        found = [run for run in found if getattr(run, name) == value]
    return found
