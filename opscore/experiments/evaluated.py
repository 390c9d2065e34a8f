"""What a table of accuracies says of proxies, and of operations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from opscore.analysis import agreement_of_kinds, operation_estimates
from opscore.analysis.estimates import estimates_table
from opscore.answers import Answer, Column, Table
from opscore.experiments.evaluate import evaluate_proxies, proxy_correlations
from opscore.proxies import Proxy

_AGREEMENT = (
    Column("proxy"),
    Column("subset", "among"),
    Column("spearman", "Spearman", "number", "+.3f"),
    Column("spearman_low", "interval", "number", "+.2f", end="spearman_high"),
    Column("kendall", "Kendall", "number", "+.3f"),
    Column("partial", "given params", "number", "+.3f"),
    Column("n", kind="whole", form="d"),
    Column("n_excluded", "left out", "whole"),
)


@dataclass(frozen=True, repr=False)
class ProxiesJudged(Answer):
    """Agreement of proxies with accuracies, and what the accuracies say of operations.

    Attributes:
        space: the search space.
        accuracies: percent by architecture.
        values: what :func:`opscore.evaluate_proxies` gives.
        table: what the accuracies are called.
    """

    space: str
    accuracies: pd.Series[float]
    values: pd.DataFrame
    table: str = "accuracies"

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """See :func:`opscore.proxy_correlations`."""
        return proxy_correlations(self.values, self.accuracies)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """See :func:`opscore.operation_estimates`."""
        return operation_estimates(self.space, self.accuracies)

    @cached_property
    def halves(self) -> dict[str, float]:
        """By kind of edges, how far two halves of the table agree on operations."""
        return agreement_of_kinds(self.space, self.accuracies)

    def tables(self) -> list[Table]:
        """Agreement of each proxy, and the estimates by kind of edge."""
        title = "Agreement of proxies with the table's accuracies (95 % interval)"
        return [
            Table(title, _AGREEMENT, self.agreement),
            estimates_table(self.estimates, self.halves),
        ]

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        first = self.values.iloc[0]
        reduced = "" if first["size"] == "paper" else " (reduced)"
        return [
            f"accuracies: {self.table}, {len(self.accuracies):,} architectures of {self.space}, "
            f"{self.values['architecture'].nunique():,} of them scored",
            f"networks: {first['size']} size{reduced}; images: {first['images']}, batch "
            f"{first['batch_size']}; seed {first['seed']}",
        ]

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        first = self.values.iloc[0]
        settings = {
            **{"space": self.space, "table": self.table, "n_architectures": len(self.accuracies)},
            **{name: first[name] for name in ("size", "images", "batch_size", "seed")},
            "agreement_of_halves": self.halves,
        }
        return {**self._frames(), "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """All tables."""
        return {f"{name}.parquet": frame for name, frame in self._frames().items()}

    def _frames(self) -> dict[str, pd.DataFrame]:
        return {"values": self.values, "agreement": self.agreement, "estimates": self.estimates}


def judge_proxies(
    space: str,
    accuracies: pd.Series[float],
    proxies: str | Proxy | list[str | Proxy],
    *,
    count: int | None = None,
    table: str = "accuracies",
    **settings: Any,
) -> ProxiesJudged:
    """Score architectures and set the values against their accuracies.

    Args:
        space: the search space.
        accuracies: percent by architecture, as :func:`opscore.read_architectures` gives them.
        proxies: their names.
        count: score only the first so many architectures.
        table: what the accuracies are called.
        **settings: further arguments of :func:`opscore.evaluate_proxies`.

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    scored = accuracies.index.tolist()[:count]
    values = evaluate_proxies(space, scored, proxies, **settings)
    return ProxiesJudged(space, accuracies, values, table)
