"""Kills, full disks, several processes: nothing finished is lost, nothing half-written is read."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

import opscore
from opscore.proxies import register_proxy, unregister_proxy
from opscore.runs import RunStore
from opscore.runs.reading import export_bytes, stored_runs
from opscore.runs.store import RECORD_FILE

EXAMPLE = Path(__file__).parents[2] / "examples" / "grid.toml"

slow = pytest.mark.faults


def command(grid: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "opscore", "batch", str(grid), "--runs", str(out), *options]


def start(grid: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(grid, out, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(grid: Path, out: Path, *options: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(grid, out, *options), capture_output=True, text=True, check=False, **more
    )


def wait_for_runs(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until a store has so many records, or the process ended."""
    while process.poll() is None and len(list(out.glob(f"*/{RECORD_FILE}"))) < count:
        time.sleep(0.05)


def all_ended(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=20)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@slow
def test_the_example_killed_five_times_is_the_example(tmp_path):
    """Killed at random moments, two workers: no finished cell is lost, and no byte differs."""
    whole = finish(EXAMPLE, tmp_path / "whole", "--jobs", "2")
    assert whole.returncode == 0, whole.stderr
    draw = random.Random(18)
    torn = tmp_path / "torn"
    finished: set[str] = set()
    kills = 0
    for turn in range(1, 6):
        process = start(EXAMPLE, torn, "--jobs", "2")
        wait_for_runs(torn, 9 * turn + draw.randrange(5), process)
        time.sleep(draw.random())
        workers = psutil.Process(process.pid).children(recursive=True)
        kills += process.poll() is None
        process.kill()
        process.communicate()
        assert all_ended(workers)
        now = {each.name for each in stored_runs(torn, check=True) if each.status == "finished"}
        assert finished <= now
        finished = now
    assert kills == 5
    assert 0 < len(finished) < 64
    times = {name: (torn / name / RECORD_FILE).stat().st_mtime_ns for name in finished}
    last = finish(EXAMPLE, torn, "--jobs", "2")
    assert last.returncode == 0, last.stderr
    assert f"{len(finished)} found" in last.stdout
    assert {n: (torn / n / RECORD_FILE).stat().st_mtime_ns for n in finished} == times
    assert export_bytes(torn) == export_bytes(tmp_path / "whole")


KILLED_WHILE_WRITING = """
import itertools, os, pathlib, signal, sys
import opscore
from opscore.runs.store import RunStore
calls = itertools.count(1)
at = int(sys.argv[3])
real = pathlib.Path.rename
def rename(self, target):
    if next(calls) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
pathlib.Path.rename = rename
real_write = RunStore._write_record
def write_record(folder, record):
    real_write(folder, record)
    if next(calls) == at:
        os.kill(os.getpid(), signal.SIGKILL)
RunStore._write_record = staticmethod(write_record)
opscore.batch(sys.argv[1], sys.argv[2])
"""


@slow
@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_process_killed_during_a_write_leaves_nothing_half_written(small, expected, tmp_path, at):
    args = [sys.executable, "-c", KILLED_WHILE_WRITING, str(small), str(tmp_path), str(at)]
    assert subprocess.run(args, check=False).returncode == -signal.SIGKILL
    assert {each.status for each in stored_runs(tmp_path, check=True)} <= {"finished", "unfinished"}
    assert opscore.batch(small, tmp_path).ok
    assert export_bytes(tmp_path) == expected


DEADLY = """
import os, pathlib, signal, sys
import opscore

@opscore.register_proxy("deadly", higher_is_better=True, source="a test")
def deadly(network, batch):
    mark = pathlib.Path(os.environ["MARK"])
    if os.environ["ALWAYS"] or not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0

if __name__ == "__main__":
    grid = {"settings": {"size": "smoke", "images": "noise", "batch_size": 4},
            "grid": [{"policies": ["zc-pt(deadly)", "disc-zc(nwot)", "random"], "seeds": [0, 1]}]}
    result = opscore.batch(grid, sys.argv[1], jobs=2)
    print(result.counts()["failed"], sorted(set(result.failed["policy"])))
    print(*set(result.failed["error"]))
"""


@slow
@pytest.mark.parametrize("always", [False, True])
def test_a_worker_that_is_killed_costs_no_other_cell(tmp_path, always):
    script = tmp_path / "deadly.py"
    script.write_text(DEADLY)
    environment = os.environ | {"MARK": str(tmp_path / "mark"), "ALWAYS": "1" if always else ""}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "runs")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    count, policies = done.stdout.splitlines()[0].split(" ", 1)
    if always:
        assert (count, policies) == ("2", "['zc-pt(deadly)']")
        assert "memory ran out" in done.stdout
    else:
        assert (count, policies) == ("0", "[]")


@pytest.fixture
def greedy():
    @register_proxy("greedy", higher_is_better=True, source="here")
    def greedy(network, batch):
        return float(torch.empty(1 << 55).sum())

    yield
    unregister_proxy("greedy")


def test_a_cell_that_asks_for_too_much_memory_fails_alone(greedy, tmp_path):
    settings = {"size": "smoke", "images": "noise", "batch_size": 4}
    block = {"policies": ["zc-pt(greedy)", "random"], "seeds": [0]}
    result = opscore.batch({"settings": settings, "grid": [block]}, tmp_path)
    assert result.failed["policy"].tolist() == ["zc-pt(greedy)"]
    assert "memory" in result.failed["error"].item()


@slow
def test_a_file_size_limit_stops_with_a_message_and_loses_nothing(small, expected, tmp_path):
    def limit() -> None:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (3000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )

    stopped = finish(small, tmp_path, preexec_fn=limit)
    check_full(stopped)
    assert finish(small, tmp_path).returncode == 0
    assert export_bytes(tmp_path) == expected


def check_full(stopped: subprocess.CompletedProcess[str]) -> None:
    assert stopped.returncode not in (0, -signal.SIGXFSZ)
    assert "Traceback" not in stopped.stderr
    assert "make room" in stopped.stderr or "cannot write" in stopped.stderr


@pytest.fixture
def volume(tmp_path):
    """A function that mounts a small file system of its own; skips where that is not allowed."""
    mounted = []

    def mount(options: str) -> Path:
        folder = tmp_path / "volume"
        folder.mkdir(exist_ok=True)
        args = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        mounts = shutil.which("mount") is not None
        if not mounts or subprocess.run(args, capture_output=True, check=False).returncode:
            pytest.skip("this process may not mount a tmpfs")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_stops_with_a_message_and_loses_nothing(small, expected, volume, jobs):
    folder = volume("size=48k")
    stopped = finish(small, folder / "runs", "--jobs", jobs)
    check_full(stopped)
    done = [each for each in stored_runs(folder / "runs", check=True) if each.status == "finished"]
    subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
    again = finish(small, folder / "runs", "--jobs", jobs)
    assert again.returncode == 0, again.stderr
    assert not done or f"{len(done)} found" in again.stdout
    assert export_bytes(folder / "runs") == expected


@slow
def test_a_store_that_may_only_be_read_is_refused_in_one_line(small, done, tmp_path, volume):
    store = tmp_path / "store"
    shutil.copytree(done.store.root, store)
    shutil.rmtree(store / done.cells["run"].iloc[0])
    if os.geteuid() == 0:
        folder = volume("size=8m")
        store = Path(shutil.copytree(store, folder / "store"))
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    else:
        store.chmod(0o500)
    refused = finish(small, store)
    looked = finish(small, store, "--finished", "only-cache")
    store.chmod(0o700) if os.geteuid() else None
    assert refused.returncode == 2
    assert "cannot write" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert looked.returncode == 1
    assert "1 missing" in looked.stdout


@slow
def test_two_processes_share_a_store(small, expected, tmp_path):
    both = [start(small, tmp_path) for _ in range(2)]
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert export_bytes(tmp_path) == expected


@slow
def test_ctrl_c_ends_the_workers_and_the_next_call_goes_on(tmp_path):
    process = start(EXAMPLE, tmp_path, "--jobs", "2")
    wait_for_runs(tmp_path, 5, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "the same command" in errors
    assert all_ended(workers)
    left = opscore.batch(EXAMPLE, tmp_path, finished="only-cache")
    assert left.counts()["found"] >= 5
    assert left.counts()["failed"] == 0


@slow
def test_the_array_job_is_the_whole_grid(small, expected, tmp_path):
    script = EXAMPLE.with_name("slurm.sh")
    bin_folder = Path(sys.executable).parent
    for part in ("1", "2"):
        environment = os.environ | {
            "PATH": f"{bin_folder}:{os.environ['PATH']}", "GRID": str(small), "OUT": str(tmp_path),
            "SLURM_ARRAY_TASK_ID": part, "SLURM_ARRAY_TASK_COUNT": "2",
        }  # fmt: skip
        subprocess.run(["bash", str(script)], env=environment, check=True)
        opscore.runs.upkeep.merge(tmp_path / f"shard-{part}", tmp_path / "all")
    assert export_bytes(tmp_path / "all") == expected


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbled(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def one_bit_off(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.filterwarnings("ignore::opscore.errors.Note")
@pytest.mark.parametrize("what", [RECORD_FILE, "*.parquet"])
@pytest.mark.parametrize("damage", [truncated, emptied, garbled, one_bit_off, Path.unlink])
def test_a_damaged_run_is_never_read(small, done, expected, tmp_path, what, damage):
    shutil.copytree(done.store.root, tmp_path / "copy")
    store = RunStore(tmp_path / "copy")
    folder = store.root / done.cells[done.cells["policy"] == "disc-zc(nwot)"]["run"].iloc[0]
    damage(next(folder.glob(what)))
    again = opscore.batch(small, store)
    assert again.ok
    if (what, damage) != (RECORD_FILE, one_bit_off):  # which may hit a comment such as a date
        assert again.counts()["computed"] == 1
    assert export_bytes(store) == expected
