"""How the processor's cores are shared out between worker processes.

A worker is given its threads for tensors here; joblib does the same for the libraries under NumPy
when it starts a worker. Together the workers have no more threads than the process may use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import joblib
import torch

from opscore import progress

R = TypeVar("R")

#: Names the most threads that a process should have; the first number counts.
LIMIT = "OMP_NUM_THREADS"


def available_cores() -> int:
    """Cores that this process may run on, which on a shared machine are fewer than it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
) -> Iterator[R]:
    """What ``function`` returns for each call's arguments, as they finish, in any order.

    Args:
        jobs: number of worker processes.
        function: a function of a module, so that workers can import it.
        calls: the arguments of each call.
        in_order: give the results in the order of the calls.
    """
    threads = threads_for_each(jobs)
    kind = "generator" if in_order else "generator_unordered"
    # One call at a time: the calls are long, and of different lengths.
    parallel = joblib.Parallel(n_jobs=jobs, return_as=kind, batch_size=1)
    with progress.relaying() as heard:
        yield from parallel(
            joblib.delayed(_in_worker)(threads, heard, function, arguments) for arguments in calls
        )


def _in_worker(
    threads: int, heard: Path | None, function: Callable[..., R], arguments: tuple[object, ...]
) -> R:
    # A worker serves many calls, and nothing else: its number of threads is not set back.
    torch.set_num_threads(threads)
    with progress.relayed(heard):
        return function(*arguments)
