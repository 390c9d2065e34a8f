"""Workers share the cores, and none has more threads than it was allowed."""

from __future__ import annotations

import os

import pytest
import torch

from opscore.experiments import threads
from opscore.experiments.threads import available_cores, in_workers, threads_for_each


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "available_cores", lambda: 8)


@pytest.mark.parametrize(("jobs", "each"), [(1, 8), (2, 4), (3, 2), (8, 1), (20, 1)])
def test_the_cores_are_shared_evenly(eight_cores, jobs, each):
    assert threads_for_each(jobs) == each


@pytest.mark.parametrize(
    ("limit", "each"), [("1", 1), ("3", 3), ("16", 4), ("2,1", 2), ("0", 4), ("", 4), ("many", 4)]
)
def test_the_environment_is_an_upper_limit(eight_cores, monkeypatch, limit, each):
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert threads_for_each(2) == each


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_cores_that_the_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert available_cores() == len(allowed)


def test_workers_have_their_threads_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    assert list(in_workers(2, torch.get_num_threads, [(), (), ()])) == [3, 3, 3]
    assert torch.get_num_threads() == before
