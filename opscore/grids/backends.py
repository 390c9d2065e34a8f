"""Where the workers of a batch run: joblib's own backends, made ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import joblib

from opscore.errors import UserError, unknown

#: Backends, and what each is.
BACKENDS = {
    "loky": "processes of this machine",
    "threading": "threads of this process",
    "dask": "workers of a dask cluster; one of this machine unless a scheduler is named",
}


def check_backend(backend: str, scheduler: str | None) -> None:
    """UserError for a backend that there is not, or one that has no scheduler and is given one."""
    if backend not in BACKENDS:
        raise unknown("backend", str(backend), BACKENDS)
    if scheduler is not None and backend != "dask":
        raise UserError(f"backend '{backend}' has no scheduler; dask has")


@contextmanager
def backend_ready(backend: str, jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """A block in which joblib knows the backend, and its workers are there.

    Args:
        backend: one of :data:`BACKENDS`.
        jobs: workers, where they are started here.
        scheduler: address of a running dask cluster.

    UserError when its package is not installed, or the cluster cannot be reached.
    """
    with ExitStack() as stack:
        if backend == "dask":
            stack.enter_context(_dask(jobs, scheduler))
        elif backend == "loky":
            # The libraries under NumPy have one thread in each worker, as tensors have.
            stack.enter_context(joblib.parallel_config("loky", inner_max_num_threads=1))
        if backend != "loky":
            # By context and not by name: joblib hands a name's keywords on to dask's tasks.
            stack.enter_context(joblib.parallel_config(backend))
        yield


@contextmanager
def _dask(jobs: int, scheduler: str | None) -> Iterator[None]:
    distributed = _distributed()
    with ExitStack() as stack:
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=None
            )
            scheduler = stack.enter_context(cluster)
        try:
            stack.enter_context(distributed.Client(scheduler))
        except (OSError, ValueError) as error:
            raise UserError(f"dask scheduler {scheduler} cannot be reached ({error})") from None
        yield


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise UserError(
            "backend 'dask' needs a package that is not installed: pip install 'opscore[dask]'"
        ) from None
