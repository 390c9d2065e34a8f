"""Searches that are made now, for the paper's tables of searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore.paper.figure4 import proposals_of
from opscore.paper.searches import SEARCHES, searches
from opscore.progress import label, outline
from opscore.search import find_method

if TYPE_CHECKING:
    from opscore.search.result import SearchResult


@dataclass(frozen=True)
class LiveSearches:
    """Settings of searches that are made now; see SearchSettings."""

    seeds: tuple[int, ...]
    proposals: int
    validation: int
    size: str
    batch_size: int
    jobs: int
    runs: Path | None
    data_dir: Path | None
    device: str = "auto"

    def describe(self) -> str:
        """One line for figures; says so where settings are reduced."""
        reduced = "" if self.size == "paper" and self.batch_size == 256 else "reduced settings: "
        stages = f"N = {self.proposals}" + (f", V = {self.validation}" if self.validation else "")
        count = f"{len(self.seeds)} seed(s)"
        return f"{reduced}size {self.size}, {self.batch_size} images, {stages}, {count}"

    def units(self, methods: Sequence[str]) -> list[str]:
        """Names of the searches that one :meth:`run` makes."""
        return [
            label(method, seed)
            for method in methods
            for seed in (self.seeds if find_method(method).seeded else (None,))
        ]

    def run(self, methods: Sequence[str], **changed: Any) -> SearchResult:
        """The searches, with some settings changed."""
        from opscore.search.call import run_search

        settings = {
            "proposals": self.proposals,
            "validation": self.validation,
            "size": self.size,
            "batch_size": self.batch_size,
            "data_dir": self.data_dir,
            "device": self.device,
        }
        return run_search(
            methods, self.seeds, store=self.runs, jobs=self.jobs, **{**settings, **changed}
        )


def live_searches(
    live: LiveSearches, methods: Sequence[str], orders: Sequence[str]
) -> pd.DataFrame:
    """A frame of searches by these methods in each of these orders."""
    parts = []
    with outline(live.units(methods) * len(orders)):
        for order in orders:
            found = live.run(methods, order=order)
            parts.append(searches(found.architectures, found.costs, found.settings))
    return pd.concat(parts, ignore_index=True).astype(SEARCHES)


def live_proposals(live: LiveSearches, rounds: Sequence[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Proposals of one long search of each seed, and their candidates' scores for every V.

    Returns (seed, proposal, architecture) and (seed, validation, architecture, score).
    """
    parts, proposals = [], pd.DataFrame()
    methods = ["zero-cost-pt(nwot)"]
    with outline(live.units(methods) * len(rounds)):
        for validation in rounds:
            found = live.run(methods, validation=validation)
            if proposals.empty:
                proposals = proposals_of(found.trace)
            parts.append(found.candidates.assign(validation=validation))
    scores = pd.concat(parts, ignore_index=True)
    return proposals, scores[["seed", "validation", "architecture", "score"]]
