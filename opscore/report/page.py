"""The page itself: everything of a store in one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from opscore import progress
from opscore.answers import Column, Table, guessed
from opscore.answers.page import page, pictures_of, plain
from opscore.data.files import atomic_write, writable_file
from opscore.errors import UserError
from opscore.report.answers import KINDS, answer_of
from opscore.runs.reading import (
    INTERMEDIATE,
    StoredRun,
    in_order,
    outcome_of,
    stored_runs,
    table_of,
)
from opscore.runs.store import RunStore
from opscore.runs.studies import Study, studies

#: Name of the page where none is given, in the store's folder.
PAGE = "report.html"

#: Studies that are shown; further ones are in the table of runs.
_MOST_STUDIES = 40

_RUNS = (
    Column("run", kind="code"),
    Column("kind"),
    Column("space", missing=""),
    Column("policy", "policy or method"),
    Column("seed", kind="whole", form="d", missing=""),
    Column("status", kind="status"),
    Column("seconds", kind="number", form=",.1f", missing=""),
    Column("finished", "finished, UTC", missing=""),
    Column("kilobytes", "kB", "number", ",.1f"),
    Column("machine", missing=""),
    Column("settings", kind="code", missing=""),
)


@dataclass
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading.
        notes: what its numbers rest on, a line each.
        tables: its tables.
        pictures: its figures, as HTML.
        links: the first run of each policy or method.
        settings: what was asked for.
    """

    name: str
    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Markup] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """What the page shows.

    Attributes:
        store: the store's folder.
        runs: its runs, finished or not.
        sections: one for each study.
        loose: finished runs that no section is about: of other code, or of a call that the store
            does not know.
        made: when the page was made, UTC.
    """

    store: Path
    runs: list[StoredRun]
    sections: list[Section]
    loose: int
    made: str

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by status."""
        order = ("finished", "failed", "damaged", "unfinished", "pieces")
        found = Counter(run.status for run in self.runs)
        return {name: found[name] for name in order if found[name]}

    @property
    def failures(self) -> list[StoredRun]:
        """Runs that failed or are damaged."""
        return [run for run in self.runs if run.status in ("failed", "damaged")]

    def html(self) -> str:
        """The page."""
        return page(
            "page.html.jinja",
            f"opscore: {plain(self.store.resolve().name)}",
            package="opscore.report",
            report=self,
            facts=_facts(self.runs),
            runs=_table_of_runs(self.runs),
        )

    def summary(self) -> dict[str, Any]:
        """What the page has, in plain values."""
        return {
            "runs": self.counts,
            "studies": [
                {
                    "title": section.title,
                    "settings": section.settings,
                    "tables": [each.title for each in section.tables],
                    "figures": len(section.pictures),
                    "notes": section.notes,
                }
                for section in self.sections
            ],
            "failures": [
                {"run": run.name, "status": run.status, "error": run.error} for run in self.failures
            ],
        }


def report(store: RunStore | Path | str, *, data_dir: Path | str | None = None) -> Report:
    """Everything that a page shows of a store.

    Args:
        store: the store, or its folder.
        data_dir: where the tables of accuracies are looked for first, which errors and ranks are
            taken from; where the calls looked for them if there is none.

    Raises:
        UserError: there is no such store, or it has no run.
    """
    store = store if isinstance(store, RunStore) else RunStore(store)
    runs = in_order(stored_runs(store, check=True))
    if not runs:
        raise UserError(f"the run store at {store.root} has no runs")
    results = {
        run.name: run for run in runs if run.status == "finished" and run.kind not in INTERMEDIATE
    }
    folder = None if data_dir is None else Path(data_dir)
    known = [each for each in studies(store) if each.kind in KINDS]
    shown = [each for each in known if not results.keys().isdisjoint(each.runs.values())]
    with progress.unit("page"):
        sections = [
            _section(study, f"study{number}", results, folder)
            for number, study in enumerate(progress.each(shown[:_MOST_STUDIES], "studies"))
        ]
    asked = {name for study in known for name in study.runs.values()}
    others = [run for run in results.values() if run.kind not in KINDS]
    sections += [
        _tables_of(kind, [run for run in others if run.kind == kind])
        for kind in dict.fromkeys(run.kind for run in others)
    ]
    if len(shown) > _MOST_STUDIES:
        further = f"{len(shown) - _MOST_STUDIES} further studies are shown by their runs alone."
        sections.append(Section("further", "Further studies", [further]))
    loose = sum(run.kind in KINDS and name not in asked for name, run in results.items())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Report(store.root, runs, sections, loose, now)


def write_report(
    store: RunStore | Path | str,
    path: Path | str | None = None,
    *,
    data_dir: Path | str | None = None,
) -> tuple[Path, Report]:
    """Write the page of a store; returns its path, and what it shows.

    Args:
        store: the store, or its folder.
        path: of the page; :data:`PAGE` in the store's folder where none is given.
        data_dir: as for :func:`report`.

    Raises:
        UserError: there is no such store, it has no run, or the page cannot be written.
    """
    root = store.root if isinstance(store, RunStore) else Path(store)
    stored_runs(root)  # says that there is no such store before a folder is made for the page
    target = writable_file(root / PAGE if path is None else path)
    found = report(store, data_dir=data_dir)
    with atomic_write(target) as temporary:
        temporary.write_text(found.html(), encoding="utf-8", errors="replace")
    return target, found


def _section(
    study: Study, name: str, finished: Mapping[str, StoredRun], data_dir: Path | None
) -> Section:
    """The answer of a study as its command shows it, with every detail."""
    runs = {label: finished[each] for label, each in study.runs.items() if each in finished}
    title = f"{KINDS[study.kind].title}: {study.settings.get('space')}"
    section = Section(name, title, settings=dict(study.settings))
    section.links = {run.policy: run.name for run in reversed(runs.values())}
    if len(runs) < len(study.runs):
        section.notes.append(f"{len(runs)} of {len(study.runs)} runs are finished.")
    try:
        answer = answer_of(study, runs, data_dir, section.notes)
        if answer is not None:
            section.tables = answer.tables()
            section.notes += answer.notes()
            section.pictures = pictures_of(answer)
    except UserError as error:
        section.notes.append(f"Not all can be shown here: {error}.")
    return section


def _tables_of(kind: str, runs: Sequence[StoredRun]) -> Section:
    """The tables of runs of which no answer is made, joined by their names."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        for name, frame in outcome_of(run).tables.items():
            found.setdefault(name, []).append(frame.assign(run=run.name))
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}
    tables = [Table(name, guessed(frame), frame) for name, frame in joined.items()]
    return Section(kind, kind, tables=tables, links={run.policy: run.name for run in runs})


def _facts(runs: Sequence[StoredRun]) -> dict[str, str]:
    """With what the runs were made: time, dates, versions, machines, commits."""
    records = [run.record for run in runs]
    days = sorted(str(each["date"])[:16].replace("T", " ") for each in records if "date" in each)
    said: dict[str, Counter[str]] = {}
    for record in records:
        beside = {name: record[name] for name in ("python", "machine", "git") if name in record}
        for name, value in {**dict(record.get("versions", {})), **beside}.items():
            said.setdefault(name, Counter())[plain(value, 40)] += 1
    size = sum(path.stat().st_size for run in runs for path in run.files)
    return {
        "time": progress.clock_text(sum(run.seconds or 0.0 for run in runs)),
        **({"finished": f"{days[0]} to {days[-1]} UTC"} if days else {}),
        **{name: "; ".join(value for value, _ in of.most_common(6)) for name, of in said.items()},
        "size of the store": f"{size / 1e6:,.1f} MB",
    }


def _table_of_runs(runs: Sequence[StoredRun]) -> Table:
    frame = table_of(runs)
    frame["finished"] = frame["date"].str[:16].str.replace("T", " ")
    frame["kilobytes"] = frame["bytes"] / 1e3
    frame["machine"] = [plain(run.record.get("machine", "")) for run in runs]
    return Table("All runs", _RUNS, frame).without_empty()
