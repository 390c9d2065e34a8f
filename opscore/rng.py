"""Random generators named by (seed, purpose).

Every draw in the package comes from a generator made here, so a result depends on its seed and on
what the draw is for, never on the order or the number of workers, and no global generator moves.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from opscore.errors import UserError, note, whole_number

if TYPE_CHECKING:
    import torch

#: The largest run seed.
LARGEST_SEED = 2**63 - 1

#: Seeds of one command; more are a slip of the hand.
MOST_SEEDS = 100_000


def check_seed(seed: object) -> int:
    """The seed as an int, whatever integer type it came in: 1, np.int64(1) and 1.0 are one seed.

    UserError when it is no whole number from 0 to 2^63 - 1.
    """
    found = whole_number(seed, "a seed")
    if not 0 <= found <= LARGEST_SEED:
        raise UserError(f"seeds are 0 to 2^63 - 1, got {found}")
    return found


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed from the run's seed and what the draw is for."""
    text = "/".join([str(check_seed(seed)), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def as_seeds(given: str | SupportsIndex | Iterable[SupportsIndex]) -> tuple[int, ...]:
    """Seeds from one of them or several, or from a text such as '0-3'; each once, with a note."""
    if isinstance(given, str):
        return parse_seeds(given)
    try:
        if isinstance(given, Sized) and len(given) > MOST_SEEDS:
            raise UserError(f"{len(given):,} seeds; {MOST_SEEDS:,} are the most")
        seeds = [check_seed(seed) for seed in given]  # type: ignore[union-attr]
    except TypeError:  # one seed; an array of no dimension says so only now
        seeds = [check_seed(given)]
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


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from '0-3', '0,2,5' or a mixture, each once; UserError for anything else."""
    seeds: list[int] = []
    for first, last in parse_ranges(text, "seeds"):
        if last > LARGEST_SEED:
            raise UserError(f"bad seeds '{text}': seeds are 0 to 2^63 - 1")
        if len(seeds) + last - first >= MOST_SEEDS:
            raise UserError(f"bad seeds '{text}': more than {MOST_SEEDS:,} of them")
        seeds.extend(range(first, last + 1))
    return as_seeds(seeds)


def parse_ranges(text: str, what: str) -> list[tuple[int, int]]:
    """The parts of '0-3,7' as pairs of first and last; UserError that names ``what`` they are."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part, re.ASCII)
        if match is None:
            raise UserError(f"bad {what} '{text}'; the form is 0-3 or 0,2,5")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"bad {what} '{text}': {first}-{last} runs backwards")
        found.append((first, last))
    return found
