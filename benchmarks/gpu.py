"""What a GPU is asked when one can be had: ten minutes, and it goes on where it was stopped.

    make gpu   (python benchmarks/gpu.py [--device cuda] [--size paper] [--minutes 10] [--out F])

The tests for a GPU; each proxy's scores by its plain and its fast path; one search of NAS-Bench-201
and one of DARTS at the paper's setting, which the paper says takes 25 minutes; steps of training.
Each part is a row, written as soon as it is measured. Parts of this card and size that the file
already has are not measured again, and none is begun when the minutes are over.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from machine import machine

from opscore.data.files import write_table
from opscore.images import load_images
from opscore.proxies import get_proxy
from opscore.proxies.how import How
from opscore.search.call import run_search
from opscore.settings.profiles import PROFILES
from opscore.supernets import build_supernet
from opscore.supernets.training import Trainer

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.parquet"

PROXIES = ("nwot", "synflow", "snip", "grad_norm", "fisher", "grasp", "zen_score")

#: What is the same in every row of a run, and what a part says: seconds for so many units.
COLUMNS = ("device", "size", "part", "what", "seconds", "count", "unit", "note", "torch", "date")

#: A part of the work: its name, what it is of, and what measures it.
Part = tuple[str, str, Callable[[], dict[str, object]]]


def parts(device: str, size: str) -> Iterator[Part]:
    """All that is measured, the most telling first."""
    if device != "cpu":
        yield "tests", "tests/test_gpu.py", run_tests
    for proxy in PROXIES:
        for path in ("plain", "fast", *(("bf16",) if proxy == "nwot" else ())):
            yield "scores", f"{proxy}, {path}", partial(scores, proxy, path, device, size)
    yield "training", "medium", partial(training, device, size)
    for space, batch in (("nasbench201", 256), ("darts", 64)):
        yield "search", space, partial(search, space, batch, device, size)


def run_tests() -> dict[str, object]:
    """The tests that need a GPU, in a process of their own."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/test_gpu.py"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = found.stdout.strip().splitlines()[-1:] or [found.stderr.strip()]
    return {"seconds": time.perf_counter() - start, "count": 1, "unit": "run", "note": said[0]}


def scores(proxy: str, path: str, device: str, size: str) -> dict[str, object]:
    """All perturbations of A_0 of NAS-Bench-201 on a minibatch of 256; six of them plain."""
    how = How(fast=path != "plain", precision="bf16" if path == "bf16" else "full")
    supernet = build_supernet("nasbench201", size).eval().to(device)
    batch = load_images("auto").minibatch(256, 0, "gpu").to(device)
    whole = supernet.space.initial_state()
    states = [whole.perturb(e, o) for e in whole.open_edges for o in whole.remaining(e)]
    if not how.fast:
        states = states[:6]
    get_proxy(proxy).scores(supernet, states[:2], batch, how)  # what is set up once
    start = _now(device)
    found = get_proxy(proxy).scores(supernet, states, batch, how)
    failed = {score.status for score in found if score.status != "ok"}
    return {
        "seconds": _now(device) - start,
        "count": len(states),
        "unit": "states",
        "note": "; ".join(sorted(failed)),
    }


def training(device: str, size: str, steps: int = 20) -> dict[str, object]:
    """Steps of the weights and the alphas, batch 64."""
    profile = replace(PROFILES["medium"], epochs=1, steps=steps, validation=64)
    supernet = build_supernet("nasbench201", size).to(device)
    trainer = Trainer(supernet, load_images("auto"), profile, 0, profile.learning_rates())
    start = _now(device)
    trainer.run()
    return {"seconds": _now(device) - start, "count": steps, "unit": "steps", "note": ""}


def search(space: str, batch: int, device: str, size: str) -> dict[str, object]:
    """Zero-Cost-PT with nwot, N = 10 and V = 100, one seed."""
    start = _now(device)
    found = run_search(
        ["zero-cost-pt(nwot)"], [0], space=space, batch_size=batch, device=device, size=size
    )
    picked = found.architectures["architecture"].iloc[0]
    return {"seconds": _now(device) - start, "count": 1, "unit": "search", "note": str(picked)}


def _now(device: str) -> float:
    """The time when everything that was asked of the device is done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def measure(device: str, size: str, minutes: float, out: Path) -> pd.DataFrame:
    """Measure what the file lacks of this device, a row at a time; returns all of the file."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else machine()
    end = time.monotonic() + 60 * minutes
    table = pd.read_parquet(out) if out.is_file() else pd.DataFrame(columns=list(COLUMNS))
    for part, what, work in parts(device, size):
        same = (table["device"] == name) & (table["size"] == size)
        if (same & (table["part"] == part) & (table["what"] == what)).any():
            continue
        if time.monotonic() > end:
            print(f"{minutes:g} minutes are over; the same command goes on from here")
            break
        row = {
            "device": name,
            "size": size,
            "part": part,
            "what": what,
            **work(),
            "torch": torch.__version__,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        print(
            f"{part:9} {what:20} {row['seconds']:8.2f} s  {row['count']} {row['unit']}", flush=True
        )
        rows = [*table.to_dict("records"), row]
        table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"seconds": float, "count": int})
        write_table(out, table)
    return table


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="paper")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("there is no GPU here; --device cpu --size smoke tries the script itself")
    measure(given.device, given.size, given.minutes, given.out)


if __name__ == "__main__":
    main()
