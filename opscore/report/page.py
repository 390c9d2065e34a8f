"""The page itself: everything of a store in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from opscore import __version__
from opscore.answers import Column, Entry, Table
from opscore.answers.words import one_line
from opscore.data.files import atomic_write, writable_file
from opscore.errors import UserError
from opscore.report.sections import Section, section_of
from opscore.report.studies import studies
from opscore.report.truths import Truths
from opscore.report.words import duration, many_lines, plain
from opscore.runs.reading import INTERMEDIATE, StoredRun, outcome_of, stored_runs, table_of
from opscore.runs.store import RunStore
from opscore.search.sampling import NOT_SCORED

#: Name of the page where none is given, in the store's folder.
PAGE = "report.html"

#: Runs whose settings are shown one by one.
_MOST_SETTINGS = 500

#: Rows of a table that are shown; more would make the page slow.
MOST_ROWS = 2_000

#: Different texts of a column that a list offers to choose from.
_MOST_CHOICES = 60

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
_UNSCORED = (
    Column("kind"),
    Column("space"),
    Column("policy", "policy or method"),
    Column("seed", kind="whole", form="d", missing=""),
    Column("status", "reason"),
    Column("operations", kind="whole", about="that have no score for this reason"),
)


@dataclass(frozen=True)
class Failure:
    """A run that failed or cannot be read."""

    run: str
    status: str
    who: str
    error: str
    traceback: str


@dataclass
class Report:
    """What the page shows.

    Attributes:
        store: the store's folder.
        runs: its runs, finished or not.
        sections: one for each study.
        failures: runs that failed or are damaged.
        unscored: operations without a score in finished runs.
        made: when the page was made, UTC.
    """

    store: Path
    runs: list[StoredRun]
    sections: list[Section] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unscored: Table | None = None
    made: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by status."""
        order = ("finished", "failed", "damaged", "unfinished", "pieces")
        found = Counter(run.status for run in self.runs)
        return {name: found[name] for name in order if found[name]}

    def html(self) -> str:
        """The page."""
        files = resources.files("opscore.report")
        script = (files / "page.js").read_text(encoding="utf-8")
        style = (files / "page.css").read_text(encoding="utf-8")
        page = Environment(
            loader=PackageLoader("opscore.report", ""),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        page.globals |= {"rows_of": rows_of, "choices": choices, "most": MOST_ROWS}
        page.filters |= {"plain": plain, "one_line": one_line}
        # Both are files of this package. The browser runs this script and no other.
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return page.get_template("page.html.jinja").render(
            report=self,
            title=f"opscore: {plain(self.store.resolve().name)}",
            facts=_facts(self),
            runs=_table_of_runs(self.runs),
            script=Markup(script),
            style=Markup(style),
            script_hash=f"sha256-{digest}",
            version=__version__,
        )


def rows_of(table: Table) -> list[list[Entry]]:
    """The rows of a table that a page has room for."""
    return list(table.head(MOST_ROWS).rows(detail=True))


def choices(rows: Sequence[Sequence[Entry]], place: int) -> list[str]:
    """The texts that a list offers to choose rows by; none for a column where few are alike."""
    found = sorted({row[place].line for row in rows})
    return found if 1 < len(found) <= min(_MOST_CHOICES, len(rows) - 1) else []


def report(store: RunStore | Path | str, *, data_dir: Path | str | None = None) -> Report:
    """Everything that a page shows of a store.

    Args:
        store: the store, or its folder.
        data_dir: where the tables of accuracies are looked for first, which errors and ranks are
            taken from.

    Raises:
        UserError: there is no such store, or it has no run.
    """
    runs = stored_runs(store, check=True)
    root = store.root if isinstance(store, RunStore) else Path(store)
    if not runs:
        raise UserError(f"the run store at {root} has no runs")
    truths = Truths(None if data_dir is None else Path(data_dir))
    finished = [run for run in runs if run.status == "finished"]
    results = [run for run in finished if run.kind not in INTERMEDIATE]
    sections = [
        section_of(study, f"study{number}", truths) for number, study in enumerate(studies(results))
    ]
    return Report(
        store=root,
        runs=runs,
        sections=sections,
        failures=[_failure(run) for run in runs if run.status in ("failed", "damaged")],
        unscored=_unscored(results),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


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


def _facts(report: Report) -> list[tuple[str, str]]:
    """With what the runs were made: versions, machines, commits, dates."""
    records = [run.record for run in report.runs if run.record]
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in _mapping(record.get("versions")).items():
            versions.setdefault(plain(name), set()).add(plain(version))
        if "python" in record:
            versions.setdefault("python", set()).add(plain(record["python"]))
    spent = sum(run.seconds or 0.0 for run in report.runs)
    facts = [("work", duration(spent))]
    days = sorted(str(record["date"]) for record in records if "date" in record)
    if days:
        first, last = (plain(day[:16].replace("T", " ")) for day in (days[0], days[-1]))
        facts.append(("finished", first if first == last else f"{first} to {last} UTC"))
    facts += [
        (name, "; ".join(sorted(found)))
        for name, found in sorted(versions.items(), key=lambda item: item[0] != "opscore")
    ]
    for name, label in (("machine", "machines"), ("git", "commits")):
        several = Counter(plain(record[name]) for record in records if name in record)
        if several:
            told = [f"{each[:40]} ({count} runs)" for each, count in several.most_common(6)]
            facts.append((label, "; ".join(told)))
    size = sum(path.stat().st_size for run in report.runs for path in run.files)
    facts.append(("size of the store", f"{size / 1e6:,.1f} MB"))
    return facts


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _table_of_runs(runs: Sequence[StoredRun]) -> Table:
    frame = table_of(runs)
    frame["finished"] = frame["date"].str[:16].str.replace("T", " ")
    frame["kilobytes"] = frame["bytes"] / 1e3
    frame["machine"] = [plain(run.record.get("machine", "")) for run in runs]
    if len(frame) > _MOST_SETTINGS:
        frame = frame.drop(columns="settings")
    return Table("All runs", _RUNS, frame).without_empty()


def _failure(run: StoredRun) -> Failure:
    seed = run.key.get("seed")
    who = " ".join(filter(None, (run.kind, str(run.key.get("space") or ""), run.policy)))
    return Failure(
        run=plain(run.name),
        status=run.status,
        who=plain(who if seed is None else f"{who}, seed {seed}"),
        error=plain(run.error, 1_000),
        traceback=many_lines(run.record.get("traceback", "")),
    )


def _unscored(runs: Sequence[StoredRun]) -> Table | None:
    """Operations of finished runs that have no score, counted by the reason."""
    found: Counter[tuple[str, str, str, Any, str]] = Counter()
    for run in runs:
        for frame in outcome_of(run).tables.values():
            if "status" in frame:
                reasons = frame["status"].astype(str)
                if (reasons == NOT_SCORED).all():  # the method scores nothing
                    continue
                for reason in reasons[~reasons.isin(["ok", "dropped"])]:
                    space = str(run.key.get("space") or "")
                    seed = run.key.get("seed")
                    found[run.kind, space, run.policy, seed, reason] += 1
    if not found:
        return None
    rows = [(*key, count) for key, count in found.items()]
    frame = pd.DataFrame(rows, columns=[column.name for column in _UNSCORED])
    return Table("Operations without a score", _UNSCORED, frame)


def summary_of(report: Report) -> dict[str, Any]:
    """What the page has, in plain values."""
    return {
        "runs": report.counts,
        "studies": [
            {
                "title": section.title,
                "settings": dict(section.facts),
                "tables": [each.title for each in section.tables],
                "figures": [each.caption for each in section.pictures],
                "notes": section.notes,
            }
            for section in report.sections
        ],
        "failures": [vars(failure) for failure in report.failures],
    }
