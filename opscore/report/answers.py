"""The answers of a store: what its calls gave, made again from the runs that they were kept in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from opscore.answers import Answer
from opscore.errors import UserError
from opscore.experiments import ScoringContext, progressive_units, units
from opscore.experiments.dependencies import oracle_key
from opscore.experiments.initial.result import InitialResult
from opscore.experiments.progressive.result import ProgressiveResult
from opscore.experiments.settings import truth_of
from opscore.policies import find_family
from opscore.runs.reading import StoredRun, outcome_of
from opscore.runs.studies import Study
from opscore.search import find_method
from opscore.search.call import answer as search_answer
from opscore.search.call import search_units
from opscore.settings import (
    NO_TRUTH,
    OracleSettings,
    ProgressiveSettings,
    ScoringSettings,
    SearchSettings,
)
from opscore.typed import made


class _Kind(NamedTuple):
    """How the answer of a kind of study is made: its command does the same."""

    title: str
    settings: Callable[..., Any]
    names: str
    find: Callable[[str], object]
    units: Callable[[Any], Sequence[Any]]
    answer: Callable[[Any, Sequence[tuple[Any, Any]]], Answer]


KINDS = {
    "initial": _Kind(
        "Initial scores", ScoringSettings, "policies", find_family, units, InitialResult.of
    ),
    "progressive": _Kind(
        "Scores along a search",
        ProgressiveSettings,
        "policies",
        find_family,
        progressive_units,
        ProgressiveResult.of,
    ),
    "search": _Kind(
        "Searches", SearchSettings, "methods", find_method, search_units, search_answer
    ),
}


#: Parts of a run's key that say what files held.
_FILES = ("image_content", "batch_file", "checkpoint")


def answer_of(
    study: Study, runs: Mapping[str, StoredRun], data_dir: Path | None, notes: list[str]
) -> Answer | None:
    """The answer of a study; None where nothing of it is known here.

    Args:
        study: one of a kind that :data:`KINDS` has.
        runs: its finished runs, by label.
        data_dir: where tables are looked for first; where the call did if there is none.
        notes: told what is left out and why, a sentence each.

    UserError when its settings are no settings any more, or a run is damaged.
    """
    kind = KINDS[study.kind]
    runs = _made_alike(runs, notes)
    settings = made(kind.settings, study.settings)
    known = []
    for name in getattr(settings, kind.names):
        try:
            kind.find(name)
        except UserError as error:
            notes.append(f"{name} is left out ({error}).")
        else:
            known.append(name)
    settings = replace(settings, **{kind.names: tuple(known)})
    if data_dir is not None:
        settings = replace(settings, data_dir=data_dir)
    if settings.oracle.known and (why := _other_truth(settings, runs.values())):
        notes.append(f"No truth to compare with: {why}; --data-dir names the folder that has it.")
        settings = replace(settings, oracle=OracleSettings(source=NO_TRUTH))
    here = [unit for unit in kind.units(settings) if unit.label in runs]
    found = [(unit, outcome_of(runs[unit.label])) for unit in here]
    return kind.answer(settings, found) if found else None


def _made_alike(runs: Mapping[str, StoredRun], notes: list[str]) -> dict[str, StoredRun]:
    """The runs of each policy that are like those of its last call in all but the seed.

    Others were made by other code of the same name, or another version of this package; or on files
    that have other content than those of the same name have in the last call of all.
    """
    files: dict[str, Any] = {}
    for run in runs.values():
        files |= {name: run.key[name] for name in _FILES if run.key.get(name) is not None}
    like = {label: {**run.key, "seed": None} for label, run in runs.items()}
    last = {run.policy: like[label] for label, run in runs.items()}
    found = {
        label: run
        for label, run in runs.items()
        if like[label] == last[run.policy]
        and all(run.key.get(name) in (None, content) for name, content in files.items())
    }
    if others := [label for label in runs if label not in found]:
        notes.append(
            f"{', '.join(others)}: left out, made by other code or on other data than later runs; "
            "the same call with all seeds computes them anew."
        )
    return found


def _other_truth(settings: Any, runs: Iterable[StoredRun]) -> str:
    """Why the truth that is here is not the one that runs had; '' where it is."""
    try:
        truth_of(settings)
        here = oracle_key(ScoringContext(settings, 0).oracle)["oracle"]
    except UserError as error:
        return str(error)
    same = all(run.key.get("oracle", here) == here for run in runs)
    return "" if same else "the table of accuracies that is here is another one than these runs had"
