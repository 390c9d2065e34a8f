"""Worker processes: they share the cores, know what was registered, and end with their parent.

A worker is given its threads for tensors here; joblib does the same for the libraries under NumPy
when it starts a worker. Together the workers have no more threads than the process may use.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cloudpickle
import joblib
import torch

from opscore import progress
from opscore.errors import OpscoreError, UserError
from opscore.registry import Registered, added_by_the_user, adopt

R = TypeVar("R")


class WorkerKilledError(OpscoreError):
    """A worker process ended without having been told to."""


#: Names the most threads that a process should have; the first number counts.
LIMIT = "OMP_NUM_THREADS"


def available_cores() -> int:
    """Cores that this process may use, by affinity and by a container's share."""
    return int(joblib.cpu_count())


def total_memory() -> int | None:
    """Bytes that this process may have; None where the system does not say."""
    found = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # a container's limit; 'max' is none
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found, default=None)


def threads_for_each(jobs: int) -> int:
    """Threads of each of ``jobs`` workers: an even share, one at least.

    ``OMP_NUM_THREADS`` is an upper limit for each worker, where it is a positive number.
    """
    share = max(1, available_cores() // jobs)
    limit = os.environ.get(LIMIT, "").split(",")[0].strip()
    return min(share, int(limit)) if limit.isdecimal() and int(limit) > 0 else share


def in_workers(
    jobs: int,
    function: Callable[..., R],
    calls: Iterable[tuple[object, ...]],
    *,
    in_order: bool = False,
    threads: int | None = None,
) -> Iterator[R]:
    """What ``function`` returns for each call's arguments, as they finish, in any order.

    Args:
        jobs: number of worker processes.
        function: a function of a module, so that workers can import it.
        calls: the arguments of each call.
        in_order: give the results in the order of the calls.
        threads: of each worker, and one for the libraries under NumPy; None shares the cores out
            evenly between both.

    They end when this process does, whatever ends it. WorkerKilledError when one was killed.
    """
    with joblib.parallel_config("loky", inner_max_num_threads=None if threads is None else 1):
        # One call at a time: the calls are long, and of different lengths.
        kind = "generator" if in_order else "generator_unordered"
        parallel = joblib.Parallel(n_jobs=jobs, return_as=kind, batch_size=1)
    threads = threads_for_each(jobs) if threads is None else threads
    # A single job is done by no worker.
    parent = os.getpid() if jobs > 1 else None
    entries = packed(added_by_the_user())
    try:
        with progress.relaying() as heard:
            yield from parallel(
                joblib.delayed(_in_worker)(parent, threads, entries, heard, function, arguments)
                for arguments in calls
            )
    except BrokenProcessPool:
        raise WorkerKilledError(
            "a worker process was killed, for instance because memory ran out; what was finished "
            "is kept, and the same call goes on from there (with fewer jobs it needs less memory)"
        ) from None


def packed(entries: Sequence[Registered]) -> list[bytes]:
    """What the user's code has registered, for a process that does not run this code.

    Functions of a script or a notebook are sent as they are, and so are those of modules that
    another process could not import.

    UserError for an entry that cannot be sent.
    """
    found = []
    for entry in entries:
        with ExitStack() as stack:
            parts = [entry.entry, *getattr(entry.entry, "__dict__", {}).values()]
            for name in {getattr(part, "__module__", None) for part in parts}:
                if name in sys.modules and name != "__main__" and not _can_be_imported(name):
                    cloudpickle.register_pickle_by_value(sys.modules[name])
                    stack.callback(cloudpickle.unregister_pickle_by_value, sys.modules[name])
            try:
                found.append(cloudpickle.dumps(tuple(entry)))
            except Exception as error:  # each library that objects cannot be sent of has its own
                raise UserError(
                    f"{entry.kind} '{entry.name}' cannot be sent to other processes ({error}); "
                    "use one job, or define it in a module"
                ) from None
    return found


def _can_be_imported(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _adopt(entries: Sequence[bytes]) -> None:
    for entry in entries:
        try:
            adopt([Registered(*pickle.loads(entry))])
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"what your code has registered cannot be had in another process ({error}); use "
                "one job, or define it in a module that can be imported"
            ) from None


def _in_worker(
    parent: int | None,
    threads: int,
    entries: Sequence[bytes],
    heard: Path | None,
    function: Callable[..., R],
    arguments: tuple[object, ...],
) -> R:
    if parent is not None:
        end_with(parent)
    # A worker serves many calls, and nothing else: its number of threads is not set back.
    torch.set_num_threads(threads)
    _adopt(entries)
    with progress.relayed(heard):
        return function(*arguments)


@lru_cache(maxsize=1)
def end_with(parent: int) -> None:
    """End this process, a worker, soon after its parent ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="opscore-parent").start()
