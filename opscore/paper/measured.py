"""Measured scores that stand beside published ones: shipped with the package, or computed now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore.data.records import read_record, record_names
from opscore.errors import UserError
from opscore.experiments.initial.result import InitialResult, initial
from opscore.experiments.progressive.result import ProgressiveResult, progressive
from opscore.experiments.settings import is_trained
from opscore.settings import RunSettings, ScoringSettings, takes
from opscore.settings.profiles import profile_name

#: How the names of the shipped score tables begin; the supernet's size follows.
PREFIX = "progressive_"

#: Images of the paper's minibatches, which no label names.
PAPER_BATCH = 256

#: What the paper's rows are called beside measured ones.
PUBLISHED = "published"


@dataclass(frozen=True)
class Measured:
    """Scores of one size of supernet, trained in one way where policies need it trained.

    Attributes:
        scores: a score table (schema SCORES); iteration 0 is initial scoring.
        settings: what the scores depend on, as plain values: size, seeds, images, notes, date, ...
        shipped: whether they came with the package.
    """

    scores: pd.DataFrame
    settings: dict[str, Any]
    shipped: bool

    @property
    def size(self) -> str:
        """The supernet's size."""
        return str(self.settings["size"])

    @property
    def training(self) -> str:
        """The profile of what needed a trained supernet; the size's own where nothing did."""
        trained = any(map(is_trained, self.settings["policies"]))
        return profile_name(self.settings["training"]) if trained else self.size

    @property
    def label(self) -> str:
        """What figures and tables call these numbers."""
        training = "" if self.training == self.size else f", {self.training} training"
        batch = self.settings.get("batch_size", PAPER_BATCH)
        training += "" if batch == PAPER_BATCH else f", batch {batch}"
        reduced = "" if self.size == self.training == "paper" else " (reduced)"
        return f"measured, {self.size} size{training}{reduced}"

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each; where they come from first."""
        origin = "shipped with the package" if self.shipped else "computed now"
        day = str(self.settings.get("date", ""))[:10]
        return [
            f"{self.label}: {origin}{f', measured on {day}' if self.shipped and day else ''}",
            *self.settings["notes"],
        ]


def sources(measured: Sequence[Measured]) -> list[str]:
    """What several measurements rest on: a line of what they share, then one for each."""
    each = [one.notes() for one in measured]
    shared = [note for note in each[0] if all(note in notes for notes in each)]
    if len(each) == 1 or not shared:
        return ["; ".join(notes) for notes in each]
    own = ["; ".join(note for note in notes if note not in shared) for notes in each]
    return [f"all measured: {'; '.join(shared)}", *own]


def shipped() -> list[Measured]:
    """The score tables that the package ships, the paper's size and training first."""
    names = [name for name in record_names() if name.startswith(PREFIX)]
    found = [Measured(*read_record(name), shipped=True) for name in names]
    return sorted(found, key=lambda own: (own.size != "paper", own.training != "paper"))


@takes(ScoringSettings, "policies", "seeds")
def measure_initial(settings: ScoringSettings, run: RunSettings) -> Measured:
    """Initial scores computed now; see :func:`opscore.initial`."""
    return _of(initial(settings, **run.calls))


@takes(ScoringSettings, "policies", "seeds")
def measure_progressive(settings: ScoringSettings, run: RunSettings) -> Measured:
    """Progressive scores computed now, avg-acc's too; see :func:`opscore.progressive`."""
    names = tuple(dict.fromkeys([*settings.policies, "avg-acc"]))
    return _of(progressive(settings, policies=names, **run.calls))


def _of(result: InitialResult | ProgressiveResult) -> Measured:
    return Measured(result.scores, result.facts(), shipped=False)


def given(measured: Sequence[Measured] | None) -> tuple[Measured, ...]:
    """The measured scores, or those of the package where there are none given."""
    found = tuple(shipped() if measured is None else measured)
    if not found:
        raise UserError("there are no measured scores; compute some with --live")
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"several of these are '{label}'; give one of them at a time")
    return found
