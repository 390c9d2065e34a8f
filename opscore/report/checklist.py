"""``opscore report --checklist``: what reviewers ask of an experiment, answered from a run store.

The questions are those of checklists for reproducible machine learning and architecture search
(Lindauer and Hutter 2020). What a store cannot know is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from opscore.analysis import HINDSIGHT
from opscore.answers import Column, Listing, Table
from opscore.runs.reading import StoredRun, stored_runs
from opscore.runs.store import RunStore
from opscore.runs.studies import studies

_NOT_KNOWN = "the store does not say"


def checklist(store: Path) -> Listing:
    """One answer to each question, as a table."""
    runs = stored_runs(store)
    rows = [
        ("What was run, and what failed?", _counts(runs)),
        ("On how many seeds?", _seeds(runs)),
        ("In which spaces, at which size?", _of_keys(runs, "space", "size")),
        ("On which images?", _of_keys(runs, "images", "batch_size", "image_content")),
        ("Against which truth, on which split?", _truths(store)),
        ("In which meaning and precision?", _of_keys(runs, "meaning", "dtype", "precision")),
        ("On which hardware?", _told(run.record.get("machine") for run in runs)),
        ("How long did it take?", _time(runs)),
        ("With which versions?", _told(_versions(run.record) for run in runs)),
        ("What was known in hindsight?", _hindsight(runs)),
        ("Which settings were tried before?", f"{_NOT_KNOWN}: only what is in it"),
    ]
    columns = Column("question"), Column("answer")
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    values = {"checklist": [dict(zip(("question", "answer"), row, strict=True)) for row in rows]}
    hint = "opscore cite prints what these runs are to be cited for."
    return Listing([Table("Reproducibility checklist", columns, frame)], values, then=[hint])


def _told(values: Iterable[Any]) -> str:
    """Different values with how many runs have them, the most frequent first."""
    counts = pd.Series([str(value) for value in values if value], dtype=object).value_counts()
    told = [name if len(counts) == 1 else f"{name} ({n} runs)" for name, n in counts.items()]
    return "; ".join(map(str, told)) or _NOT_KNOWN


def _counts(runs: list[StoredRun]) -> str:
    found = pd.Series([f"{run.kind or 'run'} {run.status}" for run in runs], dtype=object)
    return ", ".join(f"{count} {name}" for name, count in found.value_counts().items()) or "nothing"


def _seeds(runs: list[StoredRun]) -> str:
    """Seeds of each policy or method, those with the same ones together."""
    seeds: dict[str, set[int]] = {}
    for run in runs:
        if run.policy and run.key.get("seed") is not None:
            seeds.setdefault(run.policy, set()).add(int(run.key["seed"]))
    groups: dict[tuple[int, ...], list[str]] = {}
    for policy, own in seeds.items():
        groups.setdefault(tuple(sorted(own)), []).append(policy)
    told = [f"{', '.join(map(str, own))}: {', '.join(names)}" for own, names in groups.items()]
    return "; ".join(told) or "none: nothing was drawn"


def _of_keys(runs: list[StoredRun], *names: str) -> str:
    """Settings that results depend on, of the runs that have them."""
    return _told(
        ", ".join(f"{name} {run.key[name]}" for name in names if run.key.get(name) is not None)
        for run in runs
    )


def _truths(store: Path) -> str:
    """The tables that the calls of a store compared with."""
    found = []
    for study in studies(RunStore(store)):
        asked = study.settings.get("oracle") or {}
        told = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        found.append(f"{study.settings.get('space')}: {told}" if told else "")
    return "; ".join(dict.fromkeys(filter(None, found))) or _NOT_KNOWN


def _time(runs: list[StoredRun]) -> str:
    seconds = [run.seconds for run in runs if run.seconds is not None]
    if not seconds:
        return _NOT_KNOWN
    return f"{sum(seconds):,.0f} s together, {max(seconds):,.1f} s the longest of {len(seconds)}"


def _versions(record: Mapping[str, Any]) -> str:
    versions = dict(record.get("versions", {})) | {"Python": record.get("python")}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _hindsight(runs: list[StoredRun]) -> str:
    policies = {run.policy for run in runs}
    known = {
        HINDSIGHT: f"{HINDSIGHT} is the best of all orders by the truth: a bound",
        "optimum": "optimum is the best architecture by the truth: a bound",
    }
    told = [text for name, text in known.items() if name in policies]
    return "; ".join([*told, f"whether anything was chosen after looking: {_NOT_KNOWN}"])
