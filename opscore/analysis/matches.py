"""Matches: two policies' strengths of the operations of one edge, matched and ranked.

Everything in this room that compares policies stands on matches. A match belongs to one seed, one
iteration and one edge, and holds the operations that both policies scored.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.errors import UserError, unknown

Array = NDArray[np.float64]
T = TypeVar("T")

#: A seed; None where a policy draws nothing or its seed is unknown.
Seed = int | None


@dataclass(frozen=True)
class Match:
    """One edge of one seed at one iteration, seen by two policies.

    Attributes:
        seed: the seed both belong to; None when neither policy has one.
        iteration: the first policy's iteration.
        edge: index of the edge.
        all_operations: names of the operations that both policies have a row for, failed ones
            included, sorted.
        all_x: the first policy's strengths of these, shape (m,); NaN where there is no number.
        all_y: the second policy's.
    """

    seed: Seed
    iteration: int
    edge: int
    all_operations: tuple[str, ...]
    all_x: Array
    all_y: Array

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which operations both policies have scored, shape (m,)."""
        return np.asarray(~np.isnan(self.all_x) & ~np.isnan(self.all_y))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations that both policies scored, sorted."""
        return tuple(itertools.compress(self.all_operations, self.scored))

    @cached_property
    def x(self) -> Array:
        """The first policy's strengths of the operations that both scored, shape (n,)."""
        return np.asarray(self.all_x[self.scored])

    @cached_property
    def y(self) -> Array:
        """The second policy's."""
        return np.asarray(self.all_y[self.scored])

    @property
    def defined(self) -> bool:
        """Whether a rank correlation exists: two operations at least, neither row constant."""
        return is_rankable(self.x) and is_rankable(self.y)

    @cached_property
    def rho(self) -> float:
        """Spearman's rho with average ranks for ties; NaN where it is undefined."""
        if not self.defined:
            return float("nan")
        return without_noise(float(unit_ranks(self.x) @ unit_ranks(self.y)))


def without_noise(value: float) -> float:
    """A value without its rounding error, so that 0.9 is 0.9 and nothing is 2e-17."""
    return round(value, 12) + 0.0


def is_rankable(row: Array) -> bool:
    """Whether a row has two different values at least."""
    return row.size > 1 and bool((row != row[0]).any())


def average_ranks(row: Array) -> Array:
    """Ranks of a row without NaN, from 1, shape (n,); equal values share the mean of theirs.

    Rows are the operations of one edge: counting all pairs is faster than sorting a few.
    """
    below = (row[:, None] > row).sum(axis=1)
    equal = (row[:, None] == row).sum(axis=1)
    return np.asarray(below + (equal + 1) / 2, dtype=np.float64)


def ranks_to_one(strengths: Sequence[float]) -> list[float]:
    """Average ranks from 0 (worst) to 1; NaN where there is no number."""
    row = np.array(strengths, dtype=np.float64)
    ranks = np.full(len(row), np.nan)
    known = ~np.isnan(row)
    ranks[known] = (average_ranks(row[known]) - 1) / max(known.sum() - 1, 1)
    return ranks.tolist()


def unit_ranks(row: Array) -> Array:
    """Average ranks of a row, centred and of length one: Spearman's rho is their dot product.

    Read-only: a truth's row is ranked once, however many policies are compared with it.
    """
    return _unit_ranks(row.astype(np.float64).tobytes())


@lru_cache(maxsize=2**14)
def _unit_ranks(content: bytes) -> Array:
    ranks = average_ranks(np.frombuffer(content, np.float64))
    ranks -= ranks.mean()
    ranks /= np.sqrt((ranks**2).sum())
    ranks.flags.writeable = False
    return ranks


@dataclass(frozen=True)
class _Row:
    """Strengths of all operations of a table on one edge; NaN where there is no number.

    Attributes:
        numbers: shape (operations of the table,).
        present: which operations the edge has a row for, failed ones included; the same shape.
    """

    numbers: Array
    present: NDArray[np.bool_]


class Strengths:
    """A score table as one row of strengths per (policy, seed, iteration, edge).

    Args:
        scores: a score table (schema SCORES). Rows whose status is not 'ok' are kept as missing.

    Raises:
        UserError: an operation has two rows for the same policy, seed, iteration and edge.
    """

    def __init__(self, scores: pd.DataFrame) -> None:
        #: Policy names in the order in which the table has them.
        self.policies: list[str] = list(dict.fromkeys(scores["policy"].astype(str)))
        self._operations = sorted({str(op) for op in scores["op"]})
        #: By policy, seed, and (iteration, edge).
        self._rows: dict[str, dict[Seed, dict[tuple[int, int], _Row]]]
        self._rows = {policy: {} for policy in self.policies}
        columns = [scores[name].tolist() for name in ("policy", "seed", "iteration", "edge", "op")]
        usable = (scores["status"] == "ok").tolist()
        strengths = scores["strength"].astype("float64").tolist()
        index = {op: place for place, op in enumerate(self._operations)}
        seen: set[tuple[object, ...]] = set()
        for policy, given, iteration, edge, op, ok, strength in zip(
            *columns, usable, strengths, strict=True
        ):
            seed, key = None if pd.isna(given) else int(given), (int(iteration), int(edge))
            if (policy, seed, key, op) in seen:
                raise UserError(
                    f"the score table has '{op}' twice for policy '{policy}', seed {seed}, "
                    f"iteration {key[0]}, edge {key[1]}"
                )
            seen.add((policy, seed, key, op))
            rows = self._rows[policy].setdefault(seed, {})
            row = rows.get(key)
            if row is None:
                row = _Row(np.full(len(index), np.nan), np.zeros(len(index), dtype=bool))
                rows[key] = row
            row.present[index[op]] = True
            row.numbers[index[op]] = strength if ok else np.nan

    def check(self, policy: str) -> str:
        """The name itself; UserError with the near names when the table does not have it."""
        if policy not in self._rows:
            raise unknown("policy", policy, self.policies)
        return policy

    def matches(
        self, policy: str, reference: str, reference_iteration: int | None = None
    ) -> list[Match]:
        """The matches of two policies, in the order of iteration, seed and edge.

        Policies that both have seeds are matched by seed. One without is matched with every seed
        of the other. An edge that only one of them has gives no match.

        Args:
            policy: the first policy; matches carry its iteration.
            reference: the second policy.
            reference_iteration: take the reference's rows of this iteration, whatever the
                policy's; None takes those of the same iteration.
        """
        own, other = self._rows[self.check(policy)], self._rows[self.check(reference)]
        found = []
        for seed, (rows, references) in by_seed(own, other).items():
            for (iteration, edge), x in rows.items():
                wanted = iteration if reference_iteration is None else reference_iteration
                y = references.get((wanted, edge))
                if y is not None:
                    found.append(self._match(seed, iteration, edge, x, y))
        none = -1  # comes first
        found.sort(key=lambda m: (m.iteration, none if m.seed is None else m.seed, m.edge))
        return found

    def _match(self, seed: Seed, iteration: int, edge: int, x: _Row, y: _Row) -> Match:
        present = x.present & y.present
        names = tuple(itertools.compress(self._operations, present))
        return Match(seed, iteration, edge, names, x.numbers[present], y.numbers[present])


def by_seed(a: Mapping[Seed, T], b: Mapping[Seed, T]) -> dict[Seed, tuple[T, T]]:
    """What two policies have by seed, in pairs, in ascending order.

    A policy without seeds serves all of the other's; a seed that only one has is left out.
    """
    if set(a) == {None}:
        a = dict.fromkeys(b, a[None])
    elif set(b) == {None}:
        b = dict.fromkeys(a, b[None])
    common = sorted(a.keys() & b.keys(), key=lambda seed: -1 if seed is None else seed)
    return {seed: (a[seed], b[seed]) for seed in common}


def by_iteration(matches: Sequence[Match]) -> dict[int, list[Match]]:
    """Cells grouped by iteration, in ascending order."""
    groups: dict[int, list[Match]] = {}
    for match in sorted(matches, key=lambda match: match.iteration):
        groups.setdefault(match.iteration, []).append(match)
    return groups


def rho_matrix(matches: Sequence[Match]) -> Array:
    """Rho of each (seed, edge), shape (seeds, edges); NaN where undefined or not there."""
    return matrix_of({(match.seed, match.edge): match.rho for match in matches})


def matrix_of(values: Mapping[tuple[Seed, int], float]) -> Array:
    """Values by (seed, edge), shape (seeds, edges): seeds as they come, edges in order."""
    seeds = list(dict.fromkeys(seed for seed, _ in values))
    edges = sorted({edge for _, edge in values})
    found = [values.get((seed, edge), np.nan) for seed in seeds for edge in edges]
    return np.array(found, dtype=np.float64).reshape(len(seeds), len(edges))
