"""The authors' logs of NAS-Bench-1Shot1 (``notebooks_1shot1/log``): scores of every iteration.

``{zc_pt|disc_zc}_{seed}[_{space}].txt``; without a space it is space 1. Blocks are decided in
order; ``current edge t`` is followed by one list of three scores for each block from t on, with
operations in the order 3x3 max pooling, 3x3 convolution, 1x1 convolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from opscore.spaces.nasbench101_cells import CONV1X1, CONV3X3, MAXPOOL3X3

OPERATIONS = (MAXPOOL3X3, CONV3X3, CONV1X1)

#: Policies by the beginning of a file's name, and which score wins.
_POLICIES = {"zc_pt": ("zc-pt(nwot)", "lower"), "disc_zc": ("disc-zc(nwot)", "higher")}
_NAME = re.compile(r"(?P<policy>zc_pt|disc_zc)_(?P<seed>\d)(_(?P<space>\d))?\.txt")
_SCORES = re.compile(r"op_scores\s*\[(?P<scores>[^\]]*)\]")
_ITERATION = re.compile(r"current edge (?P<edge>\d+)\s*$")


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """All logs as one table, by name of the file.

    Columns: space (1, 2, 3), policy, better (lower, higher), seed, iteration, edge (block, from
    0), op, score, source.
    """
    rows = [row for name in sorted(files) for row in _rows(files[name])]
    table = pd.DataFrame(rows)
    return table.sort_values(
        ["space", "policy", "seed", "iteration", "edge"], kind="stable", ignore_index=True
    )


def _rows(path: Path) -> Iterator[dict[str, object]]:
    named = _NAME.fullmatch(path.name)
    assert named is not None
    policy, better = _POLICIES[named["policy"]]
    iteration = edge = -1
    for line in path.read_text(encoding="utf-8").splitlines():
        if started := _ITERATION.search(line):
            iteration = edge = int(started["edge"])
        elif scored := _SCORES.search(line):
            scores = map(float, scored["scores"].split(","))
            for op, score in zip(OPERATIONS, scores, strict=True):
                yield {
                    "space": int(named["space"] or 1),
                    "policy": policy,
                    "better": better,
                    "seed": int(named["seed"]),
                    "iteration": iteration,
                    "edge": edge,
                    "op": op,
                    "score": score,
                    "source": path.name,
                }
            edge += 1
