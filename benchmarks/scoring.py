"""The plain and the fast way to the same scores, timed side by side.

    python benchmarks/scoring.py [--json] [--quick] [--proxies nwot ...] [--batches 64 ...]
                                 [--states N] [--out DIR]

zc-pt over the 30 perturbations of the NAS-Bench-201 supernet, or some that are spread over them,
paper size, batch 64 and 256 (grasp: 16), by the proxies of the list below or any others that have a
fast path. bfloat16 is measured on processors that have it. Plain and fast runs take turns. Prints
one row for each pair, and writes them (scoring.parquet, scoring.csv) beside those of earlier runs
that were not measured again, a figure of all, and how cost grows (growth.py).

plain_seconds, fast_seconds   all scores, fast: the median of its runs
gflops                        convolution arithmetic of the fast path by its whole time
peak_gflops                   the same convolutions alone, in pieces as the fast path runs them
max_rel_error                 largest |fast / plain - 1| of a score
rank_agreement                Spearman's correlation of fast with plain scores
peak_rss_mb                   peak memory of a process that only runs the fast path
"""

from __future__ import annotations

import argparse
import datetime
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import growth
import numpy as np
import pandas as pd
import torch
from machine import machine
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

import opscore
from opscore.answers.style import (
    MEASURED,
    PLAIN,
    describe,
    drawn,
    figure_of,
    legend_below,
    panels,
    rows_axis,
    write_picture,
)
from opscore.images import Batch, load_images, resolve_images
from opscore.proxies import How, Precision, Proxy, get_proxy
from opscore.spaces import State
from opscore.supernets import Supernet, build_supernet

POLICY = "zc-pt"
#: Proxies that are measured unless others are named.
PROXIES_MEASURED = ("nwot", "synflow", "snip", "grad_norm", "fisher", "grasp")
#: Turns that the plain path's states are dealt into; the fast path runs once after each.
TURNS = 3
#: Proxies whose score does not depend on the batch are timed once.
BATCH_FREE = frozenset({"synflow"})
#: Batch sizes of proxies that need about 60 MB for each image at paper size, or a backward pass.
SMALL_BATCHES = {"grasp": (16,), "ntk": (16,)}

Values = NDArray[np.float64]
Run = Callable[[Supernet, Sequence[State], Batch], Values]


@dataclass(frozen=True)
class Result:
    """One pair of measurements; see the head of the file."""

    proxy: str
    policy: str
    batch: int
    size: str
    precision: str
    states: int
    threads: int
    images: str
    plain_seconds: float
    fast_seconds: float
    ratio: float
    gflops: float
    peak_gflops: float
    max_rel_error: float
    rank_agreement: float
    peak_rss_mb: float
    machine: str
    date: str
    version: str


@dataclass(frozen=True)
class Case:
    """What is timed: a proxy on a batch, at a size of the supernet."""

    proxy: str
    batch: int
    size: str
    states: int = 30

    def load(self) -> tuple[Supernet, list[State], Batch]:
        """The supernet, the perturbations and the minibatch."""
        supernet = build_supernet("nasbench201", self.size, seed=0)
        state = supernet.space.initial_state()
        every = [state.perturb(e, o) for e in state.open_edges for o in state.remaining(e)]
        batch = load_images(resolve_images("auto")).minibatch(self.batch, 0, "benchmark")
        # Fewer states are spread over all edges and operations.
        chosen = np.linspace(0, len(every) - 1, self.states).round().astype(int)
        return supernet, [every[i] for i in chosen], batch


def plain_run(proxy: Proxy) -> Run:
    """One forward of the supernet's modules for each state."""

    def run(supernet: Supernet, states: Sequence[State], batch: Batch) -> Values:
        return np.array([s.value for s in proxy.scores(supernet, states, batch, How(fast=False))])

    return run


def fast_run(proxy: Proxy, precision: str) -> Run:
    """All states at once through the engine."""

    def run(supernet: Supernet, states: Sequence[State], batch: Batch) -> Values:
        rough: Precision = "bf16" if precision == "bf16" else "full"
        scores = proxy.scores(supernet, states, batch, How(precision=rough))
        return np.array([s.value for s in scores])

    return run


def precisions(proxy: Proxy) -> tuple[str, ...]:
    """Precisions of the fast path to measure; the first one is the default."""
    own = "f64" if "double" in proxy.needs else "f32"
    return (own, "bf16") if "bf16" in proxy.precisions and has_bfloat16() else (own,)


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; elsewhere it is emulated."""
    flags = Path("/proc/cpuinfo")
    return not flags.is_file() or "bf16" in flags.read_text()


def compare(case: Case) -> list[Result]:
    """Plain and fast runs in turns; one result for each precision."""
    supernet, states, batch = case.load()
    proxy = get_proxy(case.proxy)
    plain, fast = plain_run(proxy), {p: fast_run(proxy, p) for p in precisions(proxy)}
    plain_values = np.full(len(states), np.nan)
    plain_seconds = 0.0
    fast_values: dict[str, Values] = {}
    fast_seconds: dict[str, list[float]] = {precision: [] for precision in fast}
    for run in fast.values():  # first calls set up libraries
        run(supernet, states[:1], batch)
    for turn in range(TURNS):
        start = time.perf_counter()
        plain_values[turn::TURNS] = plain(supernet, states[turn::TURNS], batch)
        plain_seconds += time.perf_counter() - start
        for precision, run in fast.items():
            start = time.perf_counter()
            fast_values[precision] = run(supernet, states, batch)
            fast_seconds[precision].append(time.perf_counter() - start)
    results = []
    for precision, run in fast.items():
        seconds = statistics.median(fast_seconds[precision])
        values = fast_values[precision]
        results.append(
            Result(
                proxy=case.proxy,
                policy=POLICY,
                batch=case.batch,
                size=case.size,
                precision=precision,
                states=len(states),
                threads=torch.get_num_threads(),
                images=batch.source,
                plain_seconds=plain_seconds,
                fast_seconds=seconds,
                ratio=plain_seconds / seconds,
                gflops=convolution_gflop(run, supernet, states, case) / seconds,
                peak_gflops=peak_gflops(supernet, precision),
                max_rel_error=float(np.abs(values / plain_values - 1).max()),
                rank_agreement=float(spearmanr(values, plain_values).statistic),
                peak_rss_mb=peak_memory(case, precision),
                machine=machine(),
                date=f"{datetime.date.today()}",
                version=opscore.__version__,
            )
        )
    return results


def convolution_gflop(run: Run, supernet: Supernet, states: Sequence[State], case: Case) -> float:
    """Arithmetic of a run's convolutions (a multiply-add is two), from a run on two images."""
    few = min(2, case.batch)
    counter = FlopCounterMode(display=False, custom_mapping=_added_convolutions())
    with counter:
        run(supernet, states, load_images(resolve_images("auto")).minibatch(few, 0, "count"))
    per_run = sum(
        count
        for op, count in counter.get_flop_counts()["Global"].items()
        if "convolution" in str(op)
    )
    images = 1 if case.proxy in BATCH_FREE else case.batch / few
    return float(per_run) * images / 1e9


def _added_convolutions() -> dict[Any, Any]:
    """Arithmetic of the convolution that adds to its output, which the counter does not know."""
    packet = getattr(torch.ops.mkldnn, "_convolution_pointwise_", None)

    def count(out: Any, x: Any, kernel: Any, *rest: Any, **options: Any) -> int:
        return int(conv_flop_count(x, kernel, out))

    return {} if packet is None else {packet: count}


def peak_gflops(supernet: Supernet, precision: str) -> float:
    """Rate of one edge's 3x3 convolution, equal arithmetic in each stage, best of several."""
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f64": torch.float64}[precision]
    width = int(supernet.get_parameter("stem.0.weight").shape[0])
    work, seconds = 0.0, 0.0
    for stage in range(3):
        channels, side = width * 2**stage, 32 // 2**stage
        sample = torch.randn(1, channels, side, side, dtype=dtype)
        # synflow runs the signal and its derivative: two images. The others go in pieces.
        count = 2 if precision == "f64" else 16
        x = sample.repeat(count, 1, 1, 1).contiguous(memory_format=torch.channels_last)
        convolution = torch.nn.Conv2d(channels, channels, 3, padding=1, dtype=dtype)
        convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        repeats = max(1, 64 // count)
        best = min(_seconds(convolution, x, repeats) for _ in range(10))
        scale = 1 / (count * repeats * channels**2 * side**2)
        work += 2 * 9
        seconds += best * scale
    return work / seconds / 1e9


@torch.no_grad()
def _seconds(convolution: torch.nn.Module, x: torch.Tensor, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        convolution(x)
    return time.perf_counter() - start


def peak_memory(case: Case, precision: str) -> float:
    """Peak resident memory, in MB, of a fresh process that runs the fast path alone."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure-memory"]
    command += [json.dumps(asdict(case)), precision]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(finished.stdout)


def measure_memory(case: Case, precision: str) -> float:
    """The child's part of :func:`peak_memory`."""
    fast_run(get_proxy(case.proxy), precision)(*case.load())
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's ru_maxrss starts from the parent's size
        (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")]
        return float(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def cases(
    quick: bool, names: Sequence[str], batches: Sequence[int] | None, states: int
) -> list[Case]:
    """These proxies at every batch size that matters to them."""
    unknown = [name for name in names if get_proxy(name).engine is None]
    if unknown:
        raise SystemExit(f"without a fast path: {', '.join(unknown)}")
    size, states, usual = ("cpu", 6, (64,)) if quick else ("paper", states, (64, 256))

    def sizes(name: str) -> Sequence[int]:
        if batches is not None:
            return batches
        return usual[:1] if name in BATCH_FREE else SMALL_BATCHES.get(name, usual)

    return [Case(name, batch, size, states) for name in names for batch in sizes(name)]


def with_earlier(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The rows of an earlier run that were not measured again, and then these."""
    if not path.is_file():
        return table
    key = ["proxy", "batch", "size", "precision", "threads", "machine"]
    both = pd.concat([pd.read_parquet(path), table], ignore_index=True)
    return both.drop_duplicates(key, keep="last").sort_values(key[:2], ignore_index=True)


@drawn
def draw(table: pd.DataFrame, path: Path) -> None:
    """Seconds for the scores by the plain and the fast path, a panel for each machine."""
    made = list(table.groupby(["machine", "version"], sort=False))
    rows = [len(own) for _, own in made]
    height = 0.5 + 0.25 * sum(rows) / len(rows)
    axes = panels(len(made), height, across=1, sharex=True, height_ratios=rows)
    for each, ((machine_name, version), measured) in zip(axes, made, strict=True):
        own = measured.iloc[::-1]  # rows are drawn from below
        places = np.arange(len(own))
        each.barh(places + 0.17, own["plain_seconds"], 0.34, color=PLAIN, label="plain")
        each.barh(places - 0.17, own["fast_seconds"], 0.34, color=MEASURED, label="fast")
        for place, row in zip(places, own.to_dict("records"), strict=True):
            text = f" {row['ratio']:.1f}x"
            each.text(row["fast_seconds"], place - 0.17, text, va="center", fontsize="small")
        rows_axis(
            each,
            list(own["proxy"] + ", batch " + own["batch"].astype(str) + ", " + own["precision"]),
        )
        states = " or ".join(str(count) for count in sorted(set(own["states"])))
        each.set(xscale="log", title=f"{machine_name}, opscore {version}: {states} states")
    axes[-1].set_xlabel("seconds")
    legend_below(axes)
    sizes = " and ".join(table["size"].unique())
    describe(axes[0], f"Scores by the plain and the fast path, {sizes} size", "measured")
    write_picture(figure_of(axes[0]), path, "png", dpi=150)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="small supernet, few states")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    parser.add_argument("--proxies", nargs="+", default=PROXIES_MEASURED, help="only these")
    parser.add_argument("--batches", nargs="+", type=int, help="only these batch sizes")
    parser.add_argument("--states", type=int, default=30, help="perturbations to score")
    parser.add_argument("--no-growth", action="store_true", help="leave out growth.py")
    parser.add_argument("--measure-memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure_memory:
        case, precision = options.measure_memory
        print(measure_memory(Case(**json.loads(case)), precision))
        return
    results: list[Result] = []
    for case in cases(options.quick, options.proxies, options.batches, options.states):
        results += compare(case)
        print(f"measured: {case}", file=sys.stderr)
    table = pd.DataFrame([asdict(result) for result in results])
    options.out.mkdir(parents=True, exist_ok=True)
    table = with_earlier(table, options.out / "scoring.parquet")
    table.to_parquet(options.out / "scoring.parquet", index=False)
    table.to_csv(options.out / "scoring.csv", index=False, float_format="%.6g")
    draw(table, options.out / "scoring.png")
    if not options.no_growth:
        growth.write(options.out, quick=options.quick)
    if options.json:
        print(json.dumps({"results": [asdict(result) for result in results]}, indent=1))
    else:
        print(table.round(4).to_string(index=False))


if __name__ == "__main__":
    main()
