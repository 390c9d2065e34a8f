"""The answers of a store: what its calls gave, made again from the runs that they were kept in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass
class Answered:
    """The answer of a study, as far as the store has its runs.

    Attributes:
        study: what was asked for.
        runs: the finished runs.
        answer: what they give; None where that cannot be said here.
        notes: why not all of it is here, a sentence each.
    """

    study: Study
    runs: list[StoredRun]
    answer: Answer | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Kind and space."""
        return f"{KINDS[self.study.kind].title}: {self.study.settings.get('space')}"


def answered(
    study: Study, finished: Mapping[str, StoredRun], data_dir: Path | None = None
) -> Answered:
    """The answer of a study.

    Args:
        study: one of a kind that :data:`KINDS` has.
        finished: the store's finished runs by name.
        data_dir: where tables are looked for first; where the call did if there is none.
    """
    runs = {label: finished[name] for label, name in study.runs.items() if name in finished}
    found = Answered(study, list(runs.values()))
    if len(runs) < len(study.runs):
        found.notes.append(f"{len(runs)} of {len(study.runs)} runs are finished.")
    try:
        found.answer = _answer(found, runs, data_dir)
    except UserError as error:
        found.notes.append(f"What the runs gave cannot be shown here: {error}.")
    return found


def _answer(found: Answered, runs: Mapping[str, StoredRun], data_dir: Path | None) -> Answer | None:
    kind = KINDS[found.study.kind]
    settings = made(kind.settings, found.study.settings)
    known = []
    for name in getattr(settings, kind.names):
        try:
            kind.find(name)
        except UserError as error:
            found.notes.append(f"{name} is left out: {error}.")
        else:
            known.append(name)
    settings = replace(settings, **{kind.names: tuple(known)})
    if data_dir is not None:
        settings = replace(settings, data_dir=data_dir)
    settings = _with_truth(settings, found)
    here = [unit for unit in kind.units(settings) if unit.label in runs]
    return (
        kind.answer(settings, [(unit, outcome_of(runs[unit.label])) for unit in here])
        if here
        else None
    )


def _with_truth(settings: Any, found: Answered) -> Any:
    """The settings with the truth that the runs had, or with none where that is not here."""
    if not settings.oracle.known:
        return settings
    try:
        truth_of(settings)
        here = oracle_key(ScoringContext(settings, 0).oracle)["oracle"]
    except UserError as error:
        why = str(error)
    else:
        if all(run.key.get("oracle", here) == here for run in found.runs):
            return settings
        why = "the table of accuracies that is here is another one than these runs had"
    found.notes.append(f"No truth to compare with: {why}; --data-dir names the folder that has it.")
    return replace(settings, oracle=OracleSettings(source=NO_TRUTH))
