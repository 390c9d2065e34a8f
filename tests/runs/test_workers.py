"""Workers share the cores, and none has more threads than it was allowed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial

import pytest

import opscore
from opscore.errors import UserError
from opscore.proxies import register_proxy, unregister_proxy
from opscore.registry import Registered
from opscore.runs import workers as threads
from opscore.runs.workers import available_cores, packed, threads_for_each


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


SCRIPT = """
import opscore, torch
from opscore.runs import workers
from opscore.images import IMAGE_SETS, NoiseImages
from opscore.policies import POLICIES, PolicyFamily
from opscore.policies.random import RandomPolicy

@opscore.register_proxy("logit_spread", higher_is_better=True, source="my idea")
def logit_spread(network, batch):
    with torch.no_grad():
        return float(network(batch.images).std(dim=0).mean())

class Mine(RandomPolicy):
    name = "mine"

POLICIES.add("mine", PolicyFamily(lambda context, argument: Mine(context), Mine, "mine"))
IMAGE_SETS.add("my-noise", lambda data_dir: NoiseImages("my-noise"))

if __name__ == "__main__":
    workers.available_cores = lambda: 6
    before = torch.get_num_threads()
    print(*workers.in_workers(2, torch.get_num_threads, [(), (), ()]))
    assert torch.get_num_threads() == before
    workers.available_cores = lambda: 2  # a thread for each from here on
    torch.set_num_threads(1)
    found = [
        opscore.initial(["zc-pt(logit_spread)", "mine"], seeds=range(2), size="smoke",
                        images="my-noise", batch_size=4, jobs=jobs, baselines=False).scores
        for jobs in (1, 2)
    ]
    assert found[0].drop(columns="seconds").equals(found[1].drop(columns="seconds"))
    print(len(found[0]))
"""


def test_workers_of_a_script_have_their_threads_and_know_what_it_has_registered(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "passive"},
    )
    assert done.returncode == 0, done.stderr
    of_workers, rows = done.stdout.splitlines()
    assert of_workers == "3 3 3"
    assert int(rows) == 2 * (2 * 30) + 2 * 30  # two policies with two seeds; two oracles


@pytest.mark.exhaustive  # as the script above, in a module of tests
def test_workers_know_what_a_module_that_they_cannot_import_has_registered():
    @register_proxy("local", higher_is_better=True, source="this test")
    def local(network, batch):
        return float(batch.images.sum())

    settings = {"size": "smoke", "images": "noise", "batch_size": 4, "seeds": range(2)}
    try:
        alone = opscore.initial(["zc-pt(local)"], **settings).scores
        together = opscore.initial(["zc-pt(local)"], jobs=2, **settings).scores
    finally:
        unregister_proxy("local")
    assert alone["score"].tolist() == together["score"].tolist()


def test_what_cannot_be_sent_is_named():
    lock = threading.Lock()
    entry = Registered("proxy", "locked", partial(print, lock))
    with pytest.raises(UserError, match="proxy 'locked' cannot be sent to other processes"):
        packed([entry])
