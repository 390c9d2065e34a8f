"""Random generators named by (seed, purpose).

Every draw in the package comes from a generator made here, so a result depends on its seed and on
what the draw is for, never on the order or the number of workers, and no global generator moves.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed from the run's seed and what the draw is for."""
    text = "/".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose of one run."""
    return np.random.default_rng(derive_seed(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU torch generator for one purpose of one run.

    Draws are made on the CPU and then moved, so a seed means the same numbers on every device.
    """
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
