"""Random generators named by (seed, purpose).

Every draw in the package comes from a generator made here, so a result depends on its seed and on
what the draw is for, never on the order or the number of workers, and no global generator moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from opscore.errors import note

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed from the run's seed and what the draw is for."""
    text = "/".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def as_seeds(given: int | Iterable[int]) -> tuple[int, ...]:
    """Seeds from one of them or several; each once, with a note."""
    seeds = [given] if isinstance(given, SupportsIndex) else list(given)
    found = tuple(dict.fromkeys(seeds))
    if len(found) < len(seeds):
        twice = dict.fromkeys(str(seed) for seed in seeds if seeds.count(seed) > 1)
        note(f"seeds that were asked for more than once, and are taken once: {', '.join(twice)}")
    return found


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose of one run."""
    return np.random.default_rng(derive_seed(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU torch generator for one purpose of one run.

    Draws are made on the CPU and then moved, so a seed means the same numbers on every device.
    """
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
