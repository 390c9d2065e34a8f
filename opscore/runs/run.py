"""One kind of run for everything: a key, a computation in pieces, found or computed, kept.

``initial``, ``progressive``, ``search``, the toy model, the retraining curves, trained supernets
and scores of all architectures are runs. :func:`complete` is the one loop over them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from opscore import progress
from opscore.errors import UserError, whole_number
from opscore.fingerprint import named_once
from opscore.isolation import own_generators
from opscore.rng import derive_seed
from opscore.runs.store import Outcome, Pieces, RunStore
from opscore.runs.workers import in_workers

R = TypeVar("R", bound="Run")

#: What names a run or its pieces; None where nothing is kept.
Key = Mapping[str, Any] | None

#: Called with each run and what it gave, found or computed.
OnRun = Callable[[R, Outcome], object]


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
            return run.compute(Pieces())
        key = key or run.key()
        pieces = Pieces() if anew else store.pieces(piece_key or key)
        begun = time.perf_counter()
        try:
            outcome = run.compute(pieces)
        except UserError:
            raise
        except Exception as error:
            store.keep_error(key, error)
            raise
        spent = {"wall_seconds": round(time.perf_counter() - begun, 3)}
        store.keep(key, outcome, more=spent, replace=anew)
        run.clean_up(outcome, pieces)
        return outcome


@named_once()
def complete(
    runs: Sequence[R],
    store: RunStore | None,
    *,
    jobs: int = 1,
    on_done: OnRun[R] | None = None,
    on_refused: Callable[[int, UserError], object] | None = None,
    here: Callable[[R], R] | None = None,
    spreads: bool = False,
) -> list[Outcome]:
    """What the runs give, in their order; those that the store has are not redone.

    Runs that refuse their settings are left out where ``on_refused`` is given.

    Args:
        runs: what is wanted.
        store: where finished runs are found and kept; None keeps nothing.
        jobs: worker processes. The result does not depend on it: what a run draws depends on its
            seed. The cores are shared out evenly between the workers.
        on_done: called for each run, found or computed, as it comes in.
        on_refused: called with the place of a run that refuses its settings, and the reason; None
            raises it.
        here: gives the run to compute where that is done in this process, such as one that says
            how far it is.
        spreads: whether such a run uses ``jobs`` workers itself; then runs are computed in this
            process, one after the other, when there are fewer of them than workers.

    Raises:
        UserError: the number of jobs is below one, or a run refuses its settings.
        OpscoreError: a worker was killed.
    """
    whole_number(jobs, "the number of jobs", 1)
    if store is not None:
        store.check()
    outcomes: dict[int, Outcome] = {}

    def take(place: int, outcome: Outcome | UserError) -> None:
        if isinstance(outcome, UserError):
            if on_refused is None:
                raise outcome
            on_refused(place, outcome)
            return
        outcomes[place] = outcome
        if on_done is not None:
            on_done(runs[place], outcome)

    progress.plan([run.label for run in runs])
    # Keys are made here and nowhere else: workers get copies of what users registered.
    keys = [(None, None) if store is None else (run.key(), run.piece_key()) for run in runs]
    missing = []
    for place, (run, (key, _)) in enumerate(zip(runs, keys, strict=True)):
        found = None if store is None or key is None else store.outcome(key)
        if found is None:
            missing.append(place)
        else:
            progress.found(run.label)
            take(place, found)
    if jobs == 1 or len(missing) <= 1 or (spreads and len(missing) < jobs):
        for place in missing:
            run = runs[place] if here is None else here(runs[place])
            take(place, _work_or_reason(run, store, *keys[place]))
    else:
        calls = ((place, runs[place], store, *keys[place]) for place in missing)
        for place, outcome in in_workers(min(jobs, len(missing)), _in_worker, calls):
            take(place, outcome)
    return [outcomes[place] for place in sorted(outcomes)]


def _work_or_reason(run: Run, store: RunStore | None, *keys: Key) -> Outcome | UserError:
    """What a run gives, or why it refuses its settings."""
    try:
        return work(run, store, *keys)
    except UserError as error:
        return error


def _in_worker(
    place: int, run: Run, store: RunStore | None, *keys: Key
) -> tuple[int, Outcome | UserError]:
    return place, _work_or_reason(run, store, *keys)
