"""One kind of run for everything: a key, a computation in pieces, found or computed, kept.

``initial``, ``progressive``, ``search``, the toy model, the retraining curves, trained supernets
and scores of all architectures are runs. :mod:`opscore.runs.loop` has the one loop over them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar

from opscore import progress
from opscore.errors import UserError, keeping_notes
from opscore.isolation import own_generators
from opscore.rng import derive_seed
from opscore.runs.store import Outcome, Pieces, RunStore

R = TypeVar("R", bound="Run")

#: What names a run or its pieces; None where nothing is kept.
Key = Mapping[str, Any] | None


class Run(ABC):
    """Something that is computed once for each key."""

    @abstractmethod
    def key(self) -> dict[str, Any]:
        """What the result depends on, as plain values and without wording; 'kind' is one."""

    def piece_key(self) -> dict[str, Any] | None:
        """What its pieces depend on, where other runs share them; None: what the run does."""
        return None

    @property
    @abstractmethod
    def label(self) -> str:
        """What progress calls the run."""

    @property
    def light(self) -> bool:
        """Whether it takes no time to speak of, for estimates of how long others take."""
        return False

    @abstractmethod
    def compute(self, pieces: Pieces) -> Outcome:
        """The result, computed here and now, on from the pieces that are finished."""

    def clean_up(self, outcome: Outcome, pieces: Pieces) -> None:  # noqa: B027 - most need none
        """Called when the result is kept, to remove what was only needed to go on."""


def work(
    run: Run,
    store: RunStore | None,
    key: Mapping[str, Any] | None = None,
    piece_key: Mapping[str, Any] | None = None,
    *,
    label: str | None = None,
    anew: bool = False,
) -> Outcome:
    """Compute a run and keep what it gives; an error is kept too, and raised.

    Args:
        run: what is computed.
        store: where it is kept; None keeps nothing.
        key: of the run, where it is known already.
        piece_key: of its pieces, where that is another one.
        label: what progress calls it; the run's own by default.
        anew: use no finished pieces, and put the result in the place of an earlier one.
    """
    # Code of users may draw from the global generators: each run has its own draws, whatever ran
    # before it and wherever it runs.
    seed = derive_seed(0, "run", run.label)
    with progress.unit(label or run.label), own_generators(seed):
        if store is None:
            return _computed(run, Pieces())
        key = key or run.key()
        with store.fresh() if anew else nullcontext(store.pieces(piece_key or key)) as pieces:
            begun = time.perf_counter()
            try:
                outcome = _computed(run, pieces)
            except UserError:
                raise
            except Exception as error:
                store.keep_error(key, error)
                raise
            spent = {"wall_seconds": round(time.perf_counter() - begun, 3)}
            store.keep(key, outcome, more=spent, anew=pieces if anew else None)
            run.clean_up(outcome, pieces)
            return outcome


def _computed(run: Run, pieces: Pieces) -> Outcome:
    """What a run gives; notes on how its numbers were made are kept among the facts."""
    with keeping_notes() as notes:
        outcome = run.compute(pieces)
    return replace(outcome, facts={**outcome.facts, "notes": notes}) if notes else outcome


def notes_of(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """What these runs say of how their numbers were made, each once."""
    said = (note for outcome in outcomes for note in outcome.facts.get("notes", ()))
    return tuple(dict.fromkeys(said))
