"""How the cost of zc-pt(nwot) grows with the batch, the cells, the edges and the operations.

    python benchmarks/growth.py [--quick] [--out benchmarks/results]

Everything but one quantity stays as it is in the paper's supernet (quick: a small one).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from opscore.answers.style import MEASURED, drawn, figure_of, panels, write_picture
from opscore.images import NoiseImages
from opscore.proxies import get_proxy
from opscore.spaces import State
from opscore.supernets import SUPERNETS, Size, build_supernet


@dataclass(frozen=True)
class Setting:
    """One point: a supernet, a batch, and how much of the space is open.

    Attributes:
        edges: number of open edges; the others are skip connections.
        operations: number of operations on each open edge, the last ones of the space.
    """

    size: Size
    batch: int = 64
    edges: int = 6
    operations: int = 5

    def states(self, initial: State) -> list[State]:
        """All perturbations of the state that this setting describes."""
        state = initial
        for edge in range(len(initial.mask)):
            if edge >= self.edges:
                state = state.discretize(edge, "skip_connect")
                continue
            for op in range(len(initial.mask[edge]) - self.operations):
                state = state.perturb(edge, op)
        return [
            state.perturb(edge, op) for edge in state.open_edges for op in state.remaining(edge)
        ]


def settings(quick: bool) -> Iterator[tuple[str, int, Setting]]:
    """(quantity, its value, setting)."""
    base = Setting(SUPERNETS["nasbench201"].size("cpu" if quick else "paper"))
    if quick:
        base = replace(base, batch=16)
    for batch in (8, 16, 32) if quick else (16, 32, 64, 128, 256):
        yield "batch", batch, replace(base, batch=batch)
    for cells in (1, 2) if quick else (1, 2, 3, 4, 5):
        yield "cells", cells, replace(base, size={**base.size, "cells": cells})
    for edges in (2, 4, 6) if quick else (1, 2, 3, 4, 5, 6):
        yield "edges", edges, replace(base, edges=edges)
    for operations in (2, 3, 4, 5):
        yield "operations", operations, replace(base, operations=operations)


def measure(quick: bool) -> pd.DataFrame:
    """Seconds by the fast path for each setting."""
    rows = []
    for quantity, value, setting in settings(quick):
        supernet = build_supernet("nasbench201", setting.size)
        states = setting.states(supernet.space.initial_state())
        batch = NoiseImages().minibatch(setting.batch, 0, "growth")
        get_proxy("nwot").scores(supernet, states[:1], batch)
        start = time.perf_counter()
        get_proxy("nwot").scores(supernet, states, batch)
        seconds = time.perf_counter() - start
        rows.append({"quantity": quantity, "value": value, "states": len(states)})
        rows[-1] |= {"seconds": seconds, "batch": setting.batch, "cells": setting.size["cells"]}
    return pd.DataFrame(rows)


@drawn
def draw(table: pd.DataFrame, path: Path) -> None:
    """Seconds against each quantity, in four panels."""
    groups = list(table.groupby("quantity", sort=False))
    axes = panels(len(groups), 2.0, across=4, sharey=True)
    for each, (quantity, rows) in zip(axes, groups, strict=True):
        each.plot(rows["value"], rows["seconds"], "o-", color=MEASURED)
        each.set_xlabel(str(quantity))
        each.set_xlim(0, 1.1 * rows["value"].max())
        each.grid(axis="y")
    axes[0].set(ylim=(0, 1.08 * table["seconds"].max()), ylabel="seconds, zc-pt(nwot)")
    write_picture(figure_of(axes[0]), path, "png", dpi=150)


def write(out: Path, *, quick: bool) -> None:
    """Measure; write growth.parquet, growth.csv and growth.png."""
    out.mkdir(parents=True, exist_ok=True)
    table = measure(quick)
    table.to_parquet(out / "growth.parquet", index=False)
    table.to_csv(out / "growth.csv", index=False, float_format="%.6g")
    draw(table, out / "growth.png")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small supernet")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"))
    options = parser.parse_args()
    write(options.out, quick=options.quick)


if __name__ == "__main__":
    main()
