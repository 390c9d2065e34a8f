"""What a table of some trained architectures says of single operations: estimates, no truth.

The mean accuracy of an operation (Eq. 2) is over all architectures that have it. Of a large space
a table holds a few: the mean over those that have the operation estimates it, with the standard
error of a mean. That is an estimate of the mean over architectures drawn as those of the table
were, and of nothing if they were picked by how good they are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd

from opscore import schema
from opscore.analysis.intervals import mean_of_known, over_seeds
from opscore.errors import UserError
from opscore.rng import numpy_generator
from opscore.spaces import SearchSpace, get_space

#: One row per operation of an edge, then one per operation of a kind of edges.
ESTIMATES = {
    "level": "str",  # 'edge' or 'kind'
    "edge": "Int64",  # the edge's index; missing for a kind
    "where": "str",  # the name of the edge or of the kind
    "op": "str",
    "n": "int64",  # architectures of the table that have the operation there
    "estimate": "float64",  # their mean accuracy; missing for none
    "standard_error": "float64",  # of that mean; missing for fewer than two
}

#: The name of the estimates where they stand in a score table beside policies.
ESTIMATE = "table-estimate"


#: Accuracies by the architecture's string.
Accuracies = Mapping[str, float] | pd.Series


def operation_estimates(space: str, accuracies: Accuracies) -> pd.DataFrame:
    """Mean accuracy of a table's architectures that have an operation, with its standard error.

    An architecture counts where its network has the operation: on DARTS an edge that no node keeps
    has none. On a kind of edges (:attr:`SearchSpace.kinds`) it counts once, however many of them
    have the operation.

    Args:
        space: name of the search space.
        accuracies: by the architecture's string, as :func:`opscore.read_architectures` gives them.

    Returns a frame with columns :data:`ESTIMATES`.
    """
    found = get_space(space)
    held: dict[tuple[str, int | None, str, str], list[float]] = defaultdict(list)
    rows: dict[tuple[str, int | None, str, str], None] = {}
    for edge, operations in enumerate(found.operations):
        rows |= {("edge", edge, found.edges[edge], op): None for op in operations}
    kind_of = {edge: kind for kind, edges in found.kinds.items() for edge in edges}
    for kind, edges in found.kinds.items():
        rows |= {("kind", None, kind, op): None for e in edges for op in found.operations[e]}
    for name, accuracy in accuracies.items():
        places: set[tuple[str, int | None, str, str]] = set()
        for edge, op in found.contained(found.parse(str(name))):
            operation = found.operations[edge][op]
            places.add(("edge", edge, found.edges[edge], operation))
            if edge in kind_of:
                places.add(("kind", None, kind_of[edge], operation))
        for place in places:
            held[place].append(float(accuracy))
    table = [(*place, *_mean_and_error(held[place])) for place in rows]
    return pd.DataFrame(table, columns=list(ESTIMATES)).astype(ESTIMATES)


def estimates_as_scores(estimates: pd.DataFrame) -> pd.DataFrame:
    """The estimates of single edges as a policy's scores (schema SCORES), to compare others with.

    ::

        scores = pd.concat([result.scores, estimates_as_scores(estimates)], ignore_index=True)
        Correlation()(scores_of_stage(scores, space), references=["table-estimate"])
    """
    own = estimates[estimates["level"] == "edge"]
    frame = pd.DataFrame(
        {
            "policy": ESTIMATE,
            "seed": pd.NA,
            "iteration": 0,
            "edge": own["edge"].astype("int64"),
            "op": own["op"],
            "score": own["estimate"],
            "strength": own["estimate"],
            "status": np.where(own["n"] > 0, "ok", "no architecture of the table has it"),
            "seconds": 0.0,
        }
    )
    return schema.conform(frame, "scores")


def agreement_of_halves(
    space: str, accuracies: Accuracies, *, draws: int = 20, seed: int = 0
) -> float:
    """How far the estimates of one half of a table agree with those of the other half.

    Spearman within each edge of the first stage, mean over edges and draws of the halves. It says
    how noisy the estimates are: nothing can be expected to agree with them much better than the
    square root of about 2r / (1 + r), the agreement of the whole table with itself.

    NaN where halves have no edge in common; UserError for fewer than four architectures.
    """
    found = get_space(space)
    pairs = list(accuracies.items())
    if len(pairs) < 4:
        raise UserError(f"halves of a table need four architectures or more, got {len(pairs)}")
    draw = numpy_generator(seed, "halves")
    found_rho = []
    for _ in range(draws):
        order = draw.permutation(len(pairs))
        halves = [
            operation_estimates(space, dict(pairs[place] for place in half))
            for half in (order[: len(order) // 2], order[len(order) // 2 :])
        ]
        found_rho.append(_mean_rho(found, *halves))
    return mean_of_known(found_rho)


def _mean_rho(space: SearchSpace, first: pd.DataFrame, second: pd.DataFrame) -> float:
    from scipy.stats import spearmanr

    both = first.assign(other=second["estimate"]).dropna(subset=["estimate", "other", "edge"])
    rows = both[both["edge"].isin(space.stages[0])].groupby("edge")
    rhos = [
        float(spearmanr(own["estimate"], own["other"]).statistic)
        for _, own in rows
        if np.ptp(own["estimate"]) > 0 and np.ptp(own["other"]) > 0
    ]
    return mean_of_known(rhos)


def _mean_and_error(values: list[float]) -> tuple[int, float, float]:
    """How many there are, their mean, and its standard error."""
    if not values:
        return 0, math.nan, math.nan
    found = over_seeds(values)
    return found.n_seeds, found.mean, found.std / math.sqrt(found.n_seeds)
