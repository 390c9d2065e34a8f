"""Matches: two policies' strengths of the operations of one edge, matched and ranked.

Everything in this room that compares policies stands on matches. A match belongs to one seed, one
iteration and one edge, and holds the operations that both policies scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.errors import UserError, unknown

Array = NDArray[np.float64]

#: (seed, iteration, edge); the seed is None where a policy draws nothing or its seed is unknown.
_Key = tuple[int | None, int, int]


@dataclass(frozen=True)
class Match:
    """One edge of one seed at one iteration, seen by two policies.

    Attributes:
        seed: the seed both belong to; None when neither policy has one.
        iteration: the first policy's iteration.
        edge: index of the edge.
        operations: names of the operations that both policies scored, sorted.
        x: the first policy's strengths of these operations, shape (n,).
        y: the second policy's strengths, shape (n,).
        all_operations: names of the operations that both policies have a row for, failed ones
            included, sorted.
        all_x: the first policy's strengths of these, shape (m,); NaN where there is no number.
        all_y: the second policy's.
    """

    seed: int | None
    iteration: int
    edge: int
    operations: tuple[str, ...]
    x: Array
    y: Array
    all_operations: tuple[str, ...]
    all_x: Array
    all_y: Array

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
    """Average ranks of a row, centred and of length one: Spearman's rho is their dot product."""
    ranks = average_ranks(row)
    ranks -= ranks.mean()
    return np.asarray(ranks / np.sqrt((ranks**2).sum()), dtype=np.float64)


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
        self._rows: dict[str, dict[_Key, _Row]] = {policy: {} for policy in self.policies}
        columns = [scores[name].tolist() for name in ("policy", "seed", "iteration", "edge", "op")]
        usable = (scores["status"] == "ok").tolist()
        strengths = scores["strength"].astype("float64").tolist()
        index = {op: place for place, op in enumerate(self._operations)}
        seen: set[tuple[object, ...]] = set()
        for policy, seed, iteration, edge, op, ok, strength in zip(
            *columns, usable, strengths, strict=True
        ):
            key = (None if pd.isna(seed) else int(seed), int(iteration), int(edge))
            if (policy, key, op) in seen:
                raise UserError(
                    f"the score table has '{op}' twice for policy '{policy}', seed {key[0]}, "
                    f"iteration {key[1]}, edge {key[2]}"
                )
            seen.add((policy, key, op))
            row = self._rows[policy].get(key)
            if row is None:
                row = _Row(np.full(len(index), np.nan), np.zeros(len(index), dtype=bool))
                self._rows[policy][key] = row
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
        for seed, seed_of_own, seed_of_other in _matched_seeds(own, other):
            for (row_seed, iteration, edge), x in own.items():
                wanted = iteration if reference_iteration is None else reference_iteration
                y = other.get((seed_of_other, wanted, edge))
                if row_seed == seed_of_own and y is not None:
                    found.append(self._match(seed, iteration, edge, x, y))
        found.sort(key=lambda match: (match.iteration, _seed_order(match.seed), match.edge))
        return found

    def _match(self, seed: int | None, iteration: int, edge: int, x: _Row, y: _Row) -> Match:
        scored = ~np.isnan(x.numbers) & ~np.isnan(y.numbers)
        present = x.present & y.present
        return Match(
            seed,
            iteration,
            edge,
            self._names(scored),
            x.numbers[scored],
            y.numbers[scored],
            self._names(present),
            x.numbers[present],
            y.numbers[present],
        )

    def _names(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(op for op, kept in zip(self._operations, chosen, strict=True) if kept)


def _matched_seeds(
    own: Mapping[_Key, _Row], other: Mapping[_Key, _Row]
) -> Iterator[tuple[int | None, int | None, int | None]]:
    """Triples (seed of the match, seed of the first policy, seed of the second)."""
    seeds, others = {key[0] for key in own}, {key[0] for key in other}
    if seeds == {None}:
        matched: Sequence[tuple[int | None, int | None, int | None]]
        matched = [(seed, None, seed) for seed in others]
    elif others == {None}:
        matched = [(seed, seed, None) for seed in seeds]
    else:
        matched = [(seed, seed, seed) for seed in seeds & others]
    yield from sorted(matched, key=lambda triple: _seed_order(triple[0]))


def _seed_order(seed: int | None) -> int:
    return -1 if seed is None else seed


def by_iteration(matches: Sequence[Match]) -> dict[int, list[Match]]:
    """Cells grouped by iteration, in ascending order."""
    groups: dict[int, list[Match]] = {}
    for match in sorted(matches, key=lambda match: match.iteration):
        groups.setdefault(match.iteration, []).append(match)
    return groups


def rho_matrix(matches: Sequence[Match]) -> Array:
    """Rho of each (seed, edge), shape (seeds, edges); NaN where undefined or not there."""
    return matrix_of({(match.seed, match.edge): match.rho for match in matches})


def matrix_of(values: Mapping[tuple[int | None, int], float]) -> Array:
    """Values by (seed, edge), shape (seeds, edges): seeds as they come, edges in order."""
    seeds = list(dict.fromkeys(seed for seed, _ in values))
    edges = sorted({edge for _, edge in values})
    found = [values.get((seed, edge), np.nan) for seed in seeds for edge in edges]
    return np.array(found, dtype=np.float64).reshape(len(seeds), len(edges))
