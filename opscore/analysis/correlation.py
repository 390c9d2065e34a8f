"""How well policies agree: Spearman within each edge, averaged (paper, section 3.2, Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opscore import schema
from opscore.analysis.bars import HINDSIGHT, in_family
from opscore.analysis.intervals import edge_interval, edge_weights, mean_over_edges
from opscore.analysis.matches import Match, Strengths, by_iteration, rho_matrix
from opscore.analysis.multiple import with_holm
from opscore.analysis.relabelling import (
    each_edge_alone,
    edges_together,
    least_p_value,
    relabelling_p_value,
)
from opscore.errors import UserError


@dataclass(frozen=True)
class Correlation:
    """Mean Spearman between policies, with an interval over edges and exact p-values.

    Attributes:
        n_bootstrap: draws of the interval where they are too many to be enumerated.
        confidence: coverage of the interval.
        seed: seed of the bootstrap; results do not depend on the order of rows.
        reference_iteration: compare every iteration of a policy with this iteration of the
            reference; 0 is the paper's way in Figure 2 (right). None compares the same iterations.
        asked: the policies whose tests are the family of Holm's adjustment; all but references and
            bars (:mod:`opscore.analysis.bars`) where not given.
        weightless: the operations without weights (:attr:`opscore.spaces.SearchSpace.weightless`),
            which ``p_kinds`` exchanges among themselves; no ``p_kinds`` where not given.
    """

    n_bootstrap: int = 10_000
    confidence: float = 0.95
    seed: int = 0
    reference_iteration: int | None = None
    asked: tuple[str, ...] | None = None
    weightless: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_interval(self.n_bootstrap, self.confidence)

    def __call__(
        self, scores: pd.DataFrame, references: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Correlate every policy with every reference, per iteration.

        Within each edge: Spearman's rho (average ranks) between the strengths of the operations
        that both scored. Then the mean over edges, then over seeds. Policies that both have seeds
        are matched by seed; one without is matched with every seed of the other. An undefined rho
        (a constant row, or fewer than two common operations) is left out and counted in
        ``n_excluded``.

        Args:
            scores: a score table (schema SCORES).
            references: policies to compare with; all of them by default.

        Returns:
            A frame (schema CORRELATION), one row per ordered pair of different policies and
            iteration at which they meet. Holm's adjustment is within the rows of one reference
            and iteration. A pair with :data:`opscore.analysis.HINDSIGHT` has no p-value.

        Raises:
            UserError: a reference is not in the table, or an operation has two rows.
        """
        strengths = Strengths(scores)
        wanted = strengths.policies if references is None else list(references)
        rows = [
            self._row(policy, strengths.check(reference), iteration, matches)
            for policy in strengths.policies
            for reference in wanted
            if policy != reference
            for iteration, matches in by_iteration(
                strengths.matches(policy, reference, self.reference_iteration)
            ).items()
        ]
        if not rows:
            return schema.empty("correlation")
        tested = [in_family(str(row["policy"]), self.asked) for row in rows]
        frame = with_holm(pd.DataFrame(rows), ["reference", "iteration"], tested)
        return schema.conform(frame, "correlation")

    def _row(
        self, policy: str, reference: str, iteration: int, matches: Sequence[Match]
    ) -> dict[str, object]:
        matrix = rho_matrix(matches)
        low, high = edge_interval(
            matrix,
            confidence=self.confidence,
            bounds=(-1, 1),
            n_bootstrap=self.n_bootstrap,
            seed=self.seed,
        )
        tests = dict.fromkeys(("p_value", "p_common", "p_kinds"), float("nan"))
        if HINDSIGHT not in {policy, reference}:
            tests |= _p_values(matches, self.weightless)
        valid = ~np.isnan(matrix)
        return {
            "policy": policy,
            "reference": reference,
            "iteration": iteration,
            "rho": mean_over_edges(matrix),
            "ci_low": low,
            "ci_high": high,
            **tests,
            "p_common_least": least_p_value(matches),
            "p_kinds_least": (
                float("nan") if self.weightless is None else least_p_value(matches, self.weightless)
            ),
            "n_seeds": int(valid.any(axis=1).sum()),
            "n_edges": int(valid.sum(axis=1).max()),
            "n_excluded": sum(not match.defined for match in matches),
        }


def check_interval(n_bootstrap: int, confidence: float) -> None:
    """UserError unless there are replicates and the confidence lies between 0 and 1."""
    if n_bootstrap < 1:
        raise UserError(f"n_bootstrap must be at least 1, got {n_bootstrap}")
    if not 0 < confidence < 1:
        raise UserError(f"confidence must lie between 0 and 1, got {confidence}")


def _p_values(matches: Sequence[Match], weightless: Sequence[str] | None) -> dict[str, float]:
    """Exact p-values of the mean: edges relabelled alone, together, and together within kinds."""
    defined = [match for match in matches if match.defined]
    weights = edge_weights(rho_matrix(matches))
    # Rows of the matrix are seeds and columns edges, both in the order of the sorted matches.
    own = weights[weights > 0].tolist()
    together = edges_together(matches)
    found = {
        "p_value": relabelling_p_value(defined, own, each_edge_alone(matches)),
        "p_common": relabelling_p_value(defined, own, together),
    }
    if weightless is not None:
        found["p_kinds"] = relabelling_p_value(defined, own, together, weightless)
    return found


def edge_correlations(
    scores: pd.DataFrame, policy: str, reference: str, reference_iteration: int | None = None
) -> pd.DataFrame:
    """Spearman between two policies, edge by edge: what the means of :class:`Correlation` rest on.

    Returns a frame with columns seed, iteration, edge, rho (NaN where undefined) and n_ops, the
    number of operations that both scored.

    UserError when a policy is not in the table, or an operation has two rows.
    """
    matches = Strengths(scores).matches(policy, reference, reference_iteration)
    frame = pd.DataFrame(
        [(one.seed, one.iteration, one.edge, one.rho, len(one.operations)) for one in matches],
        columns=["seed", "iteration", "edge", "rho", "n_ops"],
    )
    return frame.astype(
        {"seed": "Int64", "iteration": "int64", "edge": "int64", "rho": "float64", "n_ops": "int64"}
    )
