"""References: what a state is worth to one who knows the truth.

    best-acc         Eq. 1: the best accuracy over the completions of a state
    best-acc(k=10)   the mean of the 10 best of them
    avg-acc          Eq. 2: the mean over all of them

The best of hundreds of noisy accuracies is a noisy truth, and the mean of all of them says little
of single edges; the mean of the best k lies between. How well each agrees with itself from one
training to another is in :func:`opscore.analysis.reference_ceilings`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opscore.errors import UserError
from opscore.oracles.base import Oracle
from opscore.spaces import State

#: The two that scores are usually compared with.
USUAL = BEST, AVERAGE = "best-acc", "avg-acc"

_K = re.compile(r"k\s*=\s*(\d+)")


@dataclass(frozen=True)
class Reference:
    """One of the references.

    Attributes:
        name: as it is asked for.
        k: how many of the best completions are averaged; None for all of them.
    """

    name: str
    k: int | None

    def worth(self, oracle: Oracle, state: State) -> float:
        """The worth of a state, percent accuracy (or what the table has); NaN where unknown."""
        return oracle.mean(state) if self.k is None else oracle.best(state, self.k)


def parse_k(argument: str) -> int:
    """The k of 'k=10'; 1 of an empty argument. UserError for anything else."""
    if not argument:
        return 1
    match = _K.fullmatch(argument.strip())
    if match is None or int(match[1]) < 1:
        raise UserError(
            f"{BEST} takes the number of best completions that are averaged, 1 or more, as in "
            f"'{BEST}(k=10)'; got '{argument}'"
        )
    return int(match[1])


def best_reference(argument: str = "") -> Reference:
    """'best-acc' or 'best-acc(k=...)' by what stands between the parentheses."""
    return Reference(f"{BEST}({argument})" if argument else BEST, parse_k(argument))


def average_reference() -> Reference:
    """'avg-acc'."""
    return Reference(AVERAGE, None)


def is_reference(name: str) -> bool:
    """Whether a policy's name is that of a reference, whatever its k."""
    return name.partition("(")[0].strip() in {BEST, AVERAGE}


#: What agreement is usually set against, and the references between the two.
REFERENCES = (best_reference(), best_reference("k=10"), best_reference("k=30"), average_reference())
