"""What images, counting and batch size change: correlations of nwot under each condition.

    python benchmarks/conditions.py --out figures/conditions [--quick]

Runs ``opscore.initial`` at paper size for every combination, over four seeds, and writes one table
(``conditions.parquet`` and ``.csv``). Finished runs are found again in ``runs/``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

import opscore
from opscore.images import resolve_images

POLICIES = ("zc-pt(nwot)", "disc-zc(nwot)")


def conditions(quick: bool) -> list[dict[str, Any]]:
    """The combinations; larger batches on the best images only."""
    best = resolve_images("auto")
    grid: list[dict[str, Any]] = [
        {"images": images, "meaning": meaning, "batch_size": 64}
        for images in dict.fromkeys([best, "digits", "noise"])
        for meaning in ("faithful", "clean")
    ]
    if not quick:
        grid += [
            {"images": best, "meaning": meaning, "batch_size": size}
            for size in (32, 128, 256)
            for meaning in ("faithful", "clean")
        ]
    return grid


def measure(condition: dict[str, Any], seeds: range, size: str) -> pd.DataFrame:
    """One row for each policy: its correlation with best-acc, seed by seed, and its skips."""
    result = opscore.initial(POLICIES, seeds, store="runs", size=size, **condition)
    rows = result.against("best-acc")
    rows = rows[rows["policy"].isin(POLICIES)].assign(**condition)
    rows["skip_rank"] = [mean_rank(result.scores, policy, "skip_connect") for policy in rows.policy]
    return rows


def mean_rank(scores: pd.DataFrame, policy: str, op: str) -> float:
    """Mean rank of an operation within its edge (1 = strongest)."""
    rows = scores[scores["policy"] == policy].copy()
    rows["rank"] = rows.groupby(["seed", "edge"])["strength"].rank(ascending=False)
    return float(rows.loc[rows["op"] == op, "rank"].mean())


def main() -> None:
    """Measure all conditions and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/conditions"))
    parser.add_argument("--quick", action="store_true", help="small supernet, two seeds")
    options = parser.parse_args()
    seeds, size = (range(2), "cpu") if options.quick else (range(4), "paper")
    tables = []
    for condition in conditions(options.quick):
        tables.append(measure(condition, seeds, size))
        print(tables[-1].to_string(index=False), file=sys.stderr)
    table = pd.concat(tables, ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_parquet(options.out / "conditions.parquet", index=False)
    table.round(4).to_csv(options.out / "conditions.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
