"""The genotypes that the paper's authors published for the DARTS space and S1-S4.

``genotypes.csv`` has a row for each: its name in their code, and the pairs (operation, source) of
the two cells, two for each node in order. Names say what was searched:
``init_pt_<space>_<images>_<seed>[_<V>]_N<N>`` in random order, ``global_pt`` in the order
global-op-iter, ``sample_<networks>_<seed>`` NASWOT, ``random_max`` the largest networks; ``in`` is
ImageNet.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from opscore.spaces import DARTS_SPACES, Genotype
from opscore.spaces.darts import NODES

#: Letters of the file.
_OPERATIONS = {
    "S3": "sep_conv_3x3",
    "S5": "sep_conv_5x5",
    "D3": "dil_conv_3x3",
    "D5": "dil_conv_5x5",
    "SK": "skip_connect",
    "AV": "avg_pool_3x3",
    "MX": "max_pool_3x3",
    "NZ": "noise",
}


@cache
def genotypes() -> dict[str, Genotype]:
    """The authors' genotypes by name."""
    with (Path(__file__).parent / "genotypes.csv").open(newline="") as file:
        return {
            row["name"]: Genotype(_pairs(row["normal"]), NODES, _pairs(row["reduce"]), NODES)
            for row in csv.DictReader(file)
        }


def space_of(name: str) -> str:
    """The space that a published genotype was searched in."""
    return next((s.name for s in DARTS_SPACES if f"_{s.name}_" in name), "darts")


def _pairs(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((_OPERATIONS[pair[:2]], int(pair[3:])) for pair in text.split())
