"""How good an architecture is, and on which table: the one place that says so.

Whatever prints an error, a rank or a regret, or picks architectures by them, asks a :class:`Truth`,
and what it prints or keeps names the truth's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from opscore.oracles.base import Oracle
from opscore.spaces import SearchSpace, State


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the architectures of a space: one table for each dataset.

    Attributes:
        space: the search space.
        tables: accuracies by dataset, all of one source, split and length, trainings reduced by
            their mean; empty where there is no truth.
    """

    space: SearchSpace
    tables: Mapping[str, Oracle]

    def judge(self, architecture: State) -> list[dict[str, Any]]:
        """How good an architecture is: one entry for each dataset.

        Each has architecture (its string), dataset, error, rank (1 is best), percentile (percent
        of the architectures that are worse) and regret (error minus the least there is). Without a
        table one entry, of which only the architecture is known; the same for an architecture that
        a table does not have.
        """
        return [self._judged(architecture, dataset) for dataset in self.tables or ("",)]

    def best(self) -> list[dict[str, Any]]:
        """The best architecture of each dataset, judged on that dataset."""
        return [
            self._judged(oracle.top(1)[0][0], dataset) for dataset, oracle in self.tables.items()
        ]

    def describe(self) -> str:
        """One line: split, length, what a value is, source and digest of the table."""
        facts = self.facts()
        if not self.tables:
            return "none"
        oracle = next(iter(self.tables.values()))
        length = "" if oracle.epochs is None else f" at {oracle.epochs} epochs"
        each = oracle.note or ("one training" if oracle.n_trials == 1 else "mean over trainings")
        return f"{facts['split']}{length}, {each}; {facts['source']}, sha256 {facts['digest'][:12]}"

    def facts(self) -> dict[str, Any]:
        """The table as plain values: source, digest, split, epochs, datasets; empty for none.

        digest: of the file, or of the accuracies where there is no file.
        """
        if not self.tables:
            return {}
        oracle = next(iter(self.tables.values()))
        return {
            "source": oracle.source,
            "digest": oracle.sha256 or oracle.content,
            "split": oracle.split,
            "epochs": oracle.epochs,
            "datasets": list(self.tables),
        }

    @property
    def retrained(self) -> bool:
        """Whether it is not the benchmark's own table, but of its networks trained again."""
        return any(oracle.retrained for oracle in self.tables.values())

    def _judged(self, architecture: State, dataset: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "architecture": self.space.format(architecture),
            "dataset": dataset,
            **dict.fromkeys(("error", "percentile", "regret"), float("nan")),
            "rank": pd.NA,
        }
        oracle = self.tables.get(dataset)
        if oracle is None or not oracle.knows(architecture):
            return found
        error = oracle.error(architecture)
        known = {
            "error": error,
            "rank": oracle.rank(architecture),
            "percentile": oracle.percentile(architecture),
            "regret": error - self._least[dataset],
        }
        return found | known

    @cached_property
    def _least(self) -> dict[str, float]:
        """The least error that there is, by dataset."""
        return {name: oracle.error(oracle.top(1)[0][0]) for name, oracle in self.tables.items()}
