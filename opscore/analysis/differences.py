"""Is one policy closer to the reference than another? Paired differences of rho."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.analysis.bars import HINDSIGHT, in_family
from opscore.analysis.correlation import check_interval
from opscore.analysis.exact import sign_flip_test
from opscore.analysis.intervals import edge_interval, edge_weights, mean_over_edges
from opscore.analysis.matches import Match, Seed, Strengths, by_iteration, by_seed, matrix_of
from opscore.analysis.multiple import with_holm
from opscore.analysis.relabelling import edges_together, relabelling_p_value
from opscore.errors import one_of

UNITS = ("edge", "cell")

_COLUMNS = {
    "policy_a": "str",
    "policy_b": "str",
    "reference": "str",
    "iteration": "int64",
    "difference": "float64",  # mean rho of a minus mean rho of b, over the matched (seed, edge)s
    "ci_low": "float64",
    "ci_high": "float64",
    "p_value": "float64",  # exact two-sided sign-flip test
    "p_common": "float64",  # the reference's operations relabelled, on all edges together
    "n_pairs": "int64",  # (seed, edge)s that both have
    "n_units": "int64",  # signs that were flipped
    "p_holm": "float64",  # p_value, Holm-adjusted over the pairs of policies of one iteration
    "p_common_holm": "float64",  # p_common, likewise
}

#: Matches of two policies by (seed, edge).
_Pairs = dict[tuple[Seed, int], tuple[Match, Match]]


def paired_differences(
    scores: pd.DataFrame,
    reference: str = "best-acc",
    *,
    unit: str = "edge",
    reference_iteration: int | None = None,
    n_bootstrap: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    asked: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Differences in mean Spearman to a reference, for every pair of policies and iteration.

    Policies are paired by (seed, edge); one that has no seed is paired with every seed of the
    other. A match where either rho is undefined is left out.

    Two exact p-values, of two null hypotheses. ``p_value``: neither policy is closer, and edges
    are independent, so that each edge's difference could as well have had the other sign.
    ``p_common``: the reference has nothing to do with either policy; one relabelling of its
    operations for all edges that have the same ones. Policies that each repeat one order on all
    edges are one piece of evidence, which only the second takes into account.

    Args:
        scores: a score table (schema SCORES).
        reference: the policy that both are compared with.
        unit: what has its sign flipped: 'edge', the difference of an edge averaged over seeds
            (seeds of one edge share the edge's luck, so this is the honest count), or 'cell',
            every (seed, edge) on its own.
        reference_iteration: see :class:`opscore.analysis.Correlation`.
        n_bootstrap: draws of the interval where they are too many to be enumerated.
        confidence: coverage of the interval, which is over other edges of the kind.
        seed: seed of these draws.
        asked: pairs of these policies are the family of Holm's adjustment; of all but references
            and bars (:mod:`opscore.analysis.bars`) where not given.

    Returns:
        A frame with columns policy_a, policy_b, reference, iteration, difference (a minus b),
        ci_low, ci_high, p_value, p_common, n_pairs ((seed, edge)s that both have), n_units (signs
        flipped), p_holm and p_common_holm (adjusted over the pairs of one iteration that are of the
        family; missing in the others). A pair that shares no (seed, edge) has no row; one with
        :data:`opscore.analysis.HINDSIGHT` has no p-value.

    Raises:
        UserError: the reference is not in the table, or an argument is out of range.
    """
    one_of("unit", unit, UNITS)
    check_interval(n_bootstrap, confidence)
    strengths = Strengths(scores)
    strengths.check(reference)
    found = {
        policy: by_iteration(strengths.matches(policy, reference, reference_iteration))
        for policy in strengths.policies
        if policy != reference
    }
    rows: list[dict[str, object]] = []
    for a, b in itertools.combinations(found, 2):
        for iteration in sorted(set(found[a]) & set(found[b])):
            pairs = _matched(found[a][iteration], found[b][iteration])
            matrix = matrix_of({key: one.rho - two.rho for key, (one, two) in pairs.items()})
            if np.isnan(matrix).all():
                continue
            low, high = edge_interval(
                matrix, confidence=confidence, bounds=(-2, 2), n_bootstrap=n_bootstrap, seed=seed
            )
            flipped = matrix.ravel() if unit == "cell" else _mean_over_seeds(matrix)
            tested = HINDSIGHT not in {a, b}
            rows.append(
                {
                    "policy_a": a,
                    "policy_b": b,
                    "reference": reference,
                    "iteration": iteration,
                    "difference": mean_over_edges(matrix),
                    "ci_low": low,
                    "ci_high": high,
                    "p_value": sign_flip_test(flipped) if tested else np.nan,
                    "p_common": _common_p_value(pairs, matrix) if tested else np.nan,
                    "n_pairs": int((~np.isnan(matrix)).sum()),
                    "n_units": int((~np.isnan(flipped)).sum()),
                }
            )
    columns = [name for name in _COLUMNS if not name.endswith("holm")]
    sides = ("policy_a", "policy_b")
    family = [all(in_family(str(row[side]), asked) for side in sides) for row in rows]
    frame = with_holm(pd.DataFrame(rows, columns=columns), ["iteration"], family)
    return frame[list(_COLUMNS)].astype(_COLUMNS)


def no_differences() -> pd.DataFrame:
    """The frame of :func:`paired_differences` without rows, where there is no reference."""
    return schema.table([], _COLUMNS)


def _matched(a: Sequence[Match], b: Sequence[Match]) -> _Pairs:
    """Pairs of matches by (seed, edge), in order; a policy without seeds serves all of the other's.

    Only seeds and edges that both have are there.
    """
    found: list[dict[Seed, dict[int, Match]]] = [{}, {}]
    for by_edge, matches in zip(found, (a, b), strict=True):
        for match in matches:
            by_edge.setdefault(match.seed, {})[match.edge] = match
    return {
        (seed, edge): (one[edge], other[edge])
        for seed, (one, other) in by_seed(*found).items()
        for edge in sorted(one.keys() & other.keys())
    }


def _common_p_value(pairs: _Pairs, matrix: NDArray[np.float64]) -> float:
    """P-value of the mean difference under one relabelling of the reference for both policies."""
    weights = edge_weights(matrix)
    defined = [pair for pair in pairs.values() if pair[0].defined and pair[1].defined]
    own = weights[weights > 0].tolist()  # in the order of the pairs: by seed, then by edge
    matches = [pair[0] for pair in defined] + [pair[1] for pair in defined]
    everything = [match for pair in pairs.values() for match in pair]
    return relabelling_p_value(
        matches, [*own, *(-weight for weight in own)], edges_together(everything)
    )


def _mean_over_seeds(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each edge over the seeds that have it; NaN for an edge that none has."""
    valid = ~np.isnan(matrix)
    counts = valid.sum(axis=0)
    sums = np.nan_to_num(matrix).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
