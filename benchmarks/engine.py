"""The engine against the plain modules of every space, and against an earlier commit's engine.

    git worktree add ../earlier COMMIT
    python benchmarks/engine.py [--earlier ../earlier] [--space S ...] [--proxy P ...]
                                [--batch N ...] [--size paper] [--device D] [--quick] [--out DIR]

Every tree runs in a process of its own, which loads what is needed once; then runs take turns:
plain, earlier, now. A run scores perturbations of the initial state, spread over edges and
operations; the plain path takes fewer of them, and its time is that of as many as the others take.
Scores are compared as well. Nothing is written unless --out says where.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
        states: perturbations of a fast run.
        plain_states: those of a plain run.
        device: where it runs.
    """

    space: str
    proxy: str
    batch: int
    size: str
    states: int
    plain_states: int
    device: str = "cpu"


class Tree:
    """A process that runs the package of one folder."""

    def __init__(self, folder: Path, case: Case) -> None:
        environment = os.environ | {"PYTHONPATH": str(folder.resolve())}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--work", json.dumps(asdict(case))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )

    def run(self, path: str) -> tuple[float, list[float]]:
        """Seconds and scores of a run on one path, 'fast', 'plain' or 'trace'."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(path + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a run of {path} ended early")
        answer = json.loads(line)
        return answer["seconds"], answer["scores"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare(case: Case, earlier: Path | None, turns: int) -> dict[str, Any]:
    """Runs in turns; medians of their times, and how far scores are apart."""
    trees = {"now": Tree(ROOT, case)} | (
        {} if earlier is None else {"earlier": Tree(earlier, case)}
    )
    tracing, _ = trees["now"].run("trace")
    seconds: dict[str, list[float]] = {name: [] for name in ("plain", *trees)}
    scores: dict[str, list[float]] = {}
    for turn in range(turns + 1):
        for name, tree in trees.items():
            taken, scores[name] = tree.run("fast")
            if turn > 0:  # the first sets up libraries and memory
                seconds[name].append(taken)
        if turn > 0:
            taken, scores["plain"] = trees["now"].run("plain")
            seconds["plain"].append(taken * case.states / case.plain_states)
    for tree in trees.values():
        tree.close()
    median = {name: statistics.median(values) for name, values in seconds.items()}
    now = np.array(scores["now"])
    row = asdict(case) | {"plain_s": median["plain"], "now_s": median["now"], "trace_s": tracing}
    row["over_plain"] = median["plain"] / median["now"]
    row["difference_from_plain"] = _distance(
        now[_chosen(case.plain_states, len(now))], scores["plain"]
    )
    if "earlier" in median:
        row |= {"earlier_s": median["earlier"], "over_earlier": median["earlier"] / median["now"]}
        row["difference_from_earlier"] = _distance(now, scores["earlier"])
    return row


def _distance(scores: np.ndarray, others: list[float]) -> float:
    return float(np.nanmax(np.abs(scores / np.array(others) - 1)))


def _chosen(count: int, total: int) -> np.ndarray:
    return np.linspace(0, total - 1, count).round().astype(int)


def work(case: Case) -> None:
    """A tree's part: answers to lines on the standard input."""
    from opscore.images import load_images, resolve_images
    from opscore.proxies import get_proxy
    from opscore.supernets import build_supernet

    supernet = build_supernet(case.space, case.size, seed=0).to(case.device)
    state = supernet.space.initial_state()
    every = [state.perturb(e, o) for e in state.open_edges for o in state.remaining(e)]
    states = [every[i] for i in _chosen(min(case.states, len(every)), len(every))]
    few = [states[i] for i in _chosen(case.plain_states, len(states))]
    batch = load_images(resolve_images("auto")).minibatch(case.batch, 0, "benchmark")
    batch = batch.to(case.device, batch.images.dtype)
    proxy = get_proxy(case.proxy)
    for line in sys.stdin:
        start = time.perf_counter()
        scores: list[float] = []
        match line.strip():
            case "fast":
                scores = [s.value for s in proxy.scores(supernet, states, batch)]
            case "plain":
                from opscore.proxies import How  # which earlier trees lack

                scores = [s.value for s in proxy.scores(supernet, few, batch, How(fast=False))]
            case "trace":
                try:
                    from opscore.engine.trace.known import trace
                except ModuleNotFoundError:  # an earlier tree
                    from opscore.engine.trace import trace  # type: ignore[attr-defined, no-redef]

                trace(supernet, batch.images.shape[1:])
        answer = {"seconds": time.perf_counter() - start, "scores": scores}
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--earlier", type=Path, help="folder of another commit's tree")
    parser.add_argument("--space", nargs="+", default=["nasbench201"])
    parser.add_argument("--proxy", nargs="+", default=["nwot"])
    parser.add_argument("--batch", nargs="+", type=int, default=[64])
    parser.add_argument("--size", default="paper")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--states", type=int, default=30, help="perturbations of a fast run")
    parser.add_argument("--turns", type=int, default=3, help="timed runs of each")
    parser.add_argument("--plain-states", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a small supernet, 16 images")
    parser.add_argument("--out", type=Path, help="folder for engine.parquet; rows are added")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        work(Case(**json.loads(options.work)))
        return
    size, batches = ("smoke", [16]) if options.quick else (options.size, options.batch)
    rows = [
        compare(
            Case(s, p, b, size, options.states, options.plain_states, options.device),
            options.earlier,
            options.turns,
        )
        for s in options.space
        for p in options.proxy
        for b in batches
    ]
    table = pd.DataFrame(rows)
    print(table.round(4).to_string(index=False))
    if options.out is not None:
        from machine import machine

        table = table.assign(machine=machine(), date=f"{datetime.date.today()}")
        options.out.mkdir(parents=True, exist_ok=True)
        file = options.out / "engine.parquet"
        earlier = pd.read_parquet(file) if file.is_file() else table.head(0)
        key = ["space", "proxy", "batch", "size", "device", "machine"]
        both = pd.concat([earlier, table]).drop_duplicates(key, keep="last")
        both.sort_values(key).to_parquet(file, index=False)


if __name__ == "__main__":
    main()
