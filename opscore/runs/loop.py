"""The one loop over runs: each is found, or computed here or in workers, and tried again if asked.

A run ends as :class:`End` says; what stops one stops no other. :func:`complete` is for callers that
need every result, :func:`ends` for those that go on without some.
"""

from __future__ import annotations

import pickle
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from threadpoolctl import threadpool_limits

from opscore import progress
from opscore.data.files import REFUSALS, reason_of, refusal_of
from opscore.errors import OpscoreError, UserError, note, whole_number
from opscore.fingerprint import named_once
from opscore.runs.run import Key, R, Run, work
from opscore.runs.store import DamagedRunError, Outcome, RunStore
from opscore.runs.studies import remember
from opscore.runs.upkeep import clean
from opscore.runs.workers import WorkerKilledError, in_workers
from opscore.settings import RunSettings, Settings
from opscore.typed import keywords


class StoreFullError(OpscoreError):
    """The store cannot be written any more."""


@dataclass(frozen=True, kw_only=True)
class Manner(RunSettings):
    """How runs are carried out, with what only some callers choose.

    Attributes:
        threads: of each worker; None shares the cores out evenly.
        alone: whether each run stands for itself, as in a grid: with several jobs it is computed
            in a worker, which may die of it, even if it is the last one; a damaged one is removed
            and computed again; and its result stays where it was computed and kept.
    """

    threads: int | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threads is not None:
            whole_number(self.threads, "threads", 1)


class End(NamedTuple):
    """How a run ended.

    Attributes:
        place: the run's, among those asked for.
        status: 'finished', 'failed', or 'missing' where nothing was to be computed.
        outcome: what it gave; None where it gave nothing, or stands for itself.
        error: why it failed.
        seconds: that it took here; NaN where it was found.
        found: whether the store had it already.
    """

    place: int
    status: str
    outcome: Outcome | None = None
    error: Exception | None = None
    seconds: float = float("nan")
    found: bool = False


@named_once()
def complete(
    runs: Sequence[R],
    settings: RunSettings | None = None,
    *,
    on_refused: Callable[[int, UserError], object] | None = None,
    asked: Settings | None = None,
    here: Callable[[R], R] | None = None,
    spreads: bool = False,
) -> list[Outcome]:
    """What the runs give, in their order; those that the store has are not redone.

    Runs that refuse their settings are left out where ``on_refused`` is given. The result does not
    depend on the number of workers: what a run draws depends on its seed. The cores are shared out
    evenly between them.

    Args:
        runs: what is wanted.
        settings: where they are kept, and how they are carried out.
        on_refused: called with the place of a run that refuses its settings, and the reason; None
            raises it.
        asked: the settings of the call, of which a report makes its answer again.
        here: gives the run to compute where that is done in this process, such as one that says
            how far it is.
        spreads: whether such a run uses the workers itself; then runs are computed in this
            process, one after the other, when there are fewer of them than workers.

    Raises:
        UserError: a run refuses its settings, or ``finished`` leaves some without a result.
        OpscoreError: a run's worker was killed, each time, or the store is full.
    """
    manner = Manner(**keywords(settings or RunSettings()))
    store = RunStore.of(manner.store)
    # Keys are made here and nowhere else: workers get copies of what users registered.
    keys: list[tuple[Key, Key]] = [(None, None)] * len(runs)
    if store is not None:
        store.check()
        keys = [(run.key(), run.piece_key()) for run in runs]
        if asked is not None and manner.finished != "only-cache":
            remember(
                store, asked, {run.label: key for run, (key, _) in zip(runs, keys, strict=True)}
            )
    outcomes: dict[int, Outcome] = {}
    left: list[int] = []
    for end in ends(runs, store, manner, keys=keys, here=here, spreads=spreads):
        if end.outcome is not None:
            outcomes[end.place] = end.outcome
        elif isinstance(end.error, UserError) and on_refused is not None:
            on_refused(end.place, end.error)
        elif end.error is not None and not end.found:
            raise end.error
        else:
            left.append(end.place)
    if left:
        raise UserError(
            f"{len(left)} of {len(runs)} runs have no result, the first is {runs[left[0]].label}, "
            f"and '{manner.finished}' leaves them so; 'only-missing' computes them"
        )
    return [outcomes[place] for place in sorted(outcomes)]


def ends(
    runs: Sequence[R],
    store: RunStore | None,
    manner: Manner,
    *,
    keys: Sequence[tuple[Key, Key]],
    labels: Sequence[str] | None = None,
    here: Callable[[R], R] | None = None,
    spreads: bool = False,
) -> Iterator[End]:
    """How each run ends, as it ends: found ones first.

    Args:
        runs: what is wanted.
        store: where finished runs are found and kept; None keeps nothing.
        manner: how they are carried out.
        keys: of each run and of its pieces; None where nothing is kept.
        labels: what progress calls them; the runs' own by default.
        here, spreads: as for :func:`complete`.

    StoreFullError when the store cannot be written any more; what is finished stays.
    """
    names = [run.label for run in runs] if labels is None else labels
    light = {name for run, name in zip(runs, names, strict=True) if run.light}
    progress.plan(list(names), light)
    missing = []
    for place, (key, _) in enumerate(keys):
        end = None
        if store is not None and key is not None and manner.finished != "always":
            end = known(place, store, key, manner)
        if end is not None:
            progress.found(names[place])
            yield end
        elif manner.finished == "only-cache":
            yield End(place, "missing")
        else:
            missing.append(place)
    few = len(missing) <= 1 or (spreads and len(missing) < manner.jobs)
    if manner.jobs == 1 or (few and not manner.alone):
        with limited(manner.threads):
            for place in missing:
                run = runs[place] if here is None else here(runs[place])
                yield _checked(
                    _compute(place, run, store, keys[place], names[place], manner, None), store
                )
    elif missing:
        yield from _in_workers(runs, store, keys, names, manner, missing)


def known(
    place: int, store: RunStore, key: Key, manner: Manner, *, mend: bool = True
) -> End | None:
    """How a run ended that the store has; None when it is to be computed.

    mend: remove a damaged run that stands for itself; otherwise it only counts as missing.
    """
    assert key is not None
    try:
        outcome = store.outcome(key)
    except DamagedRunError as error:
        if not manner.alone:
            raise
        if mend and manner.finished != "only-cache":
            note(f"{error}; it is computed again")
            clean(store, [store.path(key).name])
        return None
    if outcome is not None:
        return End(place, "finished", outcome, found=True)
    record = store.record(key) or {}
    if manner.finished in {"never", "only-cache"} and record.get("status") == "failed":
        why = OpscoreError("; ".join(record.get("failed", [])))
        return End(place, "failed", error=why, found=True)
    return None


def _in_workers(
    runs: Sequence[Run],
    store: RunStore | None,
    keys: Sequence[tuple[Key, Key]],
    names: Sequence[str],
    manner: Manner,
    places: Sequence[int],
) -> Iterator[End]:
    """Compute some of the runs; those that were at work when a worker was killed go on alone."""
    # A worker may have another working folder.
    there = None if store is None else RunStore(store.root.resolve())
    pool, alone, idle = list(places), list[int](), 0
    deaths: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(prefix="opscore-runs-") as folder:
        marks = {place: Path(folder) / str(place) for place in places}
        while pool or alone:
            now = list(pool) or alone[:1]
            before = len(pool) + len(alone)
            # With one, joblib computes in this process, which would die.
            jobs = max(2, min(manner.jobs, len(now)))
            calls = ((p, runs[p], there, keys[p], names[p], manner, marks[p]) for p in now)
            try:
                for end in in_workers(jobs, _compute, calls, threads=manner.threads):
                    for waiting in (pool, alone):
                        if end.place in waiting:
                            waiting.remove(end.place)
                    yield _checked(end, store)
            except WorkerKilledError:
                running = [place for place in now if marks[place].exists()]
                for place in running:
                    marks[place].unlink(missing_ok=True)
                deaths.update(running)
                alone += [place for place in running if place not in alone]
                pool = [place for place in pool if place not in running]
                idle = 0 if running or len(pool) + len(alone) < before else idle + 1
                if idle > 2:
                    raise
                # One death may be another run's doing; one that died alone did it.
                if now == alone[:1] and deaths[now[0]] > 1 + manner.retries:
                    yield _lost(alone.pop(0), names, keys, store)


def _lost(
    place: int, names: Sequence[str], keys: Sequence[tuple[Key, Key]], store: RunStore | None
) -> End:
    """A run whose worker was killed each time, kept as failed."""
    why = WorkerKilledError(
        f"{names[place]}: its worker process was killed, for instance because memory ran "
        "out; what was finished is kept, and the same call goes on from there"
    )
    key, _ = keys[place]
    if store is not None and key is not None:
        store.keep_error(key, why)
    return End(place, "failed", error=why)


def _compute(
    place: int,
    run: Run,
    store: RunStore | None,
    keys: tuple[Key, Key],
    name: str,
    manner: Manner,
    mark: Path | None,
) -> End:
    """Compute one run, here and now, and keep what it gave, be it an error.

    mark: a file that is there while the run computes in a worker; None in the caller's process.
    """
    if mark is not None:
        mark.touch()
    begun = time.perf_counter()
    outcome: Outcome | None = None
    failure: Exception | None = None
    for _ in range(1 + manner.retries):
        outcome = failure = None
        try:
            anew = manner.finished == "always"
            outcome = work(run, store, *keys, label=name, anew=anew)
        except Exception as error:  # whatever it is, it is this run's, and the others go on
            failure = _full(error, store) or error
        if isinstance(failure, UserError | StoreFullError):
            break
        if failure is None and outcome is not None and not outcome.failed:
            break
    if mark is not None:
        mark.unlink(missing_ok=True)
        failure = None if failure is None else _as_sent(failure)
    seconds = time.perf_counter() - begun
    if outcome is None:
        return End(place, "failed", error=failure, seconds=seconds)
    why = OpscoreError("; ".join(dict.fromkeys(outcome.failed))) if outcome.failed else None
    kept = None if manner.alone else outcome
    return End(place, "finished" if why is None else "failed", kept, why, seconds)


def _as_sent(error: Exception) -> Exception:
    """An error that another process can read, with where it came from."""
    text = "".join(traceback.format_exception(error))
    try:
        found = pickle.loads(pickle.dumps(error))
    except Exception:  # an exception is anybody's class
        found = OpscoreError(f"{type(error).__name__}: {error}")
    if not isinstance(found, OpscoreError):
        found.add_note(text)
    return found  # type: ignore[no-any-return]


def _checked(end: End, store: RunStore | None) -> End:
    if isinstance(end.error, StoreFullError):
        assert store is not None
        raise StoreFullError(
            f"cannot write into {store.root}: {end.error}; what is finished is kept: make room, "
            "and the same command goes on from it"
        )
    return end


def _full(error: BaseException, store: RunStore | None) -> StoreFullError | None:
    """Why the store takes no more files, if that is what the error comes from."""
    if store is None or not isinstance(error, OSError) or error.errno not in REFUSALS:
        return None
    found = refusal_of(store.root)
    return None if found is None else StoreFullError(reason_of(found))


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """A block that computes with so many threads; None leaves them as they are."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
