"""What a table of some trained architectures says of single operations: estimates, no truth.

The mean accuracy of an operation (Eq. 2) is over all architectures that have it. Of a large space
a table holds a few: the mean over those that have the operation estimates it, with the standard
error of a mean. That is an estimate of the mean over architectures drawn as those of the table
were, and of nothing if they were picked by how good they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opscore import schema
from opscore.analysis.intervals import mean_of_known, over_seeds
from opscore.answers import Column, Table
from opscore.answers.words import number
from opscore.errors import UserError, note
from opscore.oracles.base import Array
from opscore.oracles.sampled import Presence, presence
from opscore.rng import numpy_generator
from opscore.spaces import SearchSpace, State, get_space

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


#: Penalties that a regression tries, in units of architectures.
PENALTIES = tuple(float(penalty) for penalty in np.logspace(-1, 3, 33))

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
    values, has = _values_and_presence(found, accuracies)
    rows: list[tuple[object, ...]] = []
    for edge, operations in enumerate(found.operations):
        for op, name in enumerate(operations):
            with_it = values[has[:, edge, op]]
            rows.append(("edge", edge, found.edges[edge], name, *_mean_and_error(with_it)))
    for kind, edges in found.kinds.items():
        for name in dict.fromkeys(op for edge in edges for op in found.operations[edge]):
            where = [
                has[:, edge, found.operations[edge].index(name)]
                for edge in edges
                if name in found.operations[edge]
            ]
            rows.append(("kind", None, kind, name, *_mean_and_error(values[np.any(where, axis=0)])))
    return schema.table(rows, ESTIMATES)


def estimates_table(estimates: pd.DataFrame, halves: Mapping[str, float]) -> Table:
    """Operations down, kinds of edges across: mean, standard error, number of architectures.

    Args:
        estimates: what :func:`operation_estimates` gives.
        halves: what :func:`agreement_of_kinds` gives.
    """
    kinds = estimates[estimates["level"] == "kind"]
    told = [
        f"{number(row['estimate'], '.2f')} ({number(row['standard_error'], '.2f')}, {row['n']})"
        for row in kinds.to_dict("records")
    ]
    wide = kinds.assign(told=told).pivot_table("told", "op", "where", "first", sort=False)
    names = dict.fromkeys(map(str, kinds["where"]))
    agreement = ", ".join(f"{number(rho, '+.2f')} ({kind})" for kind, rho in halves.items())
    return Table(
        "Estimate, not a truth: mean accuracy of the table's cells that have it",
        (
            Column("op", "operation"),
            *(Column(name, f"{name}: estimate (s.e., n)") for name in names),
        ),
        wide.reset_index(),
        caption="edge by edge with --json; two halves of the table agree within each edge by a "
        f"Spearman of {agreement}",
    )


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
    space: str,
    accuracies: Accuracies,
    *,
    edges: Sequence[int] | None = None,
    draws: int = 20,
    seed: int = 0,
) -> float:
    """How far the estimates of one half of a table agree with those of the other half.

    Spearman within each edge, mean over edges and draws of the halves. It says how noisy the
    estimates are: nothing can be expected to agree with them much better than the square root of
    about 2r / (1 + r), the agreement of the whole table with itself.

    Args:
        space: name of the search space.
        accuracies: by the architecture's string.
        edges: the edges that are compared; those of the first stage when None.
        draws: how often the table is halved.
        seed: of the draws.

    NaN where halves have no edge in common; UserError for fewer than four architectures.
    """
    found = get_space(space)
    if len(accuracies) < 4:
        raise UserError(f"halves of a table need four architectures or more, got {len(accuracies)}")
    values, has = _values_and_presence(found, accuracies)
    draw = numpy_generator(seed, "halves")
    asked = found.stages[0] if edges is None else edges
    rhos = []
    for _ in range(draws):
        order = draw.permutation(len(values))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        one, other = (_estimates(values[half], has[half]) for half in halves)
        known = [_rho(one[edge], other[edge]) for edge in asked]
        rhos.append(mean_of_known(known))
    return mean_of_known(rhos)


def agreement_of_kinds(space: str, accuracies: Accuracies) -> dict[str, float]:
    """The same by kind of edges: of DARTS for the normal and for the reduction cell."""
    kinds = get_space(space).kinds.items()
    return {kind: agreement_of_halves(space, accuracies, edges=edges) for kind, edges in kinds}


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """An accuracy as a sum: what each operation of each edge adds, by ridge regression.

    Attributes:
        space: the search space.
        mean: accuracy of an architecture of which every part is the sample's average.
        effects: what is added by an operation that the network has, [edges, operations].
        average: how often the sample has each operation, [edges, operations].
        penalty: of the ridge, the one with the least error on architectures left out.
        error: root mean square of what is predicted for an architecture from all others, minus
            its accuracy; percentage points.
        spearman: of these predictions with the accuracies.
        n: architectures of the sample.
    """

    space: SearchSpace
    mean: float
    effects: Array
    average: Array
    penalty: float
    error: float
    spearman: float
    n: int

    def predict(self, architecture: State | str) -> float:
        """The accuracy that is to be expected of an architecture."""
        has = presence(self.space, [self.space.as_architecture(architecture)])[0]
        return self.mean + float(((has - self.average) * self.effects).sum())


def fit_additive(
    space: str, accuracies: Accuracies, penalties: Sequence[float] = PENALTIES
) -> AdditiveModel:
    """Ridge regression of a sample's accuracies on which operation is on which edge.

    Each architecture is predicted from all others, in closed form: with H the matrix that makes
    fitted values of accuracies, the residual is (y - Hy) / (1 - diag H).

    Args:
        space: name of the search space.
        accuracies: by the architecture's string.
        penalties: those that are tried.

    UserError for fewer than four architectures.
    """
    from scipy.stats import spearmanr

    found = get_space(space)
    if len(accuracies) < 4:
        raise UserError(f"a regression needs four architectures or more, got {len(accuracies)}")
    values, has = _values_and_presence(found, accuracies)
    average = has.mean(axis=0)
    left, scale, right = np.linalg.svd(
        (has - average).reshape(len(values), -1), full_matrices=False
    )
    centred = values - values.mean()
    best: tuple[float, float, Array] | None = None
    for penalty in penalties:
        shrunk = scale**2 / (scale**2 + penalty)
        leverage = 1 / len(values) + (left**2 * shrunk).sum(axis=1)
        residuals = (centred - left @ (shrunk * (left.T @ centred))) / (1 - leverage)
        error = float(np.sqrt((residuals**2).mean()))
        if best is None or error < best[0]:
            best = error, penalty, values - residuals
    assert best is not None
    error, penalty, predicted = best
    effects = right.T @ (scale / (scale**2 + penalty) * (left.T @ centred))
    return AdditiveModel(
        space=found,
        mean=float(values.mean()),
        effects=effects.reshape(average.shape),
        average=average,
        penalty=penalty,
        error=error,
        spearman=float(spearmanr(predicted, values).statistic),
        n=len(values),
    )


def _values_and_presence(space: SearchSpace, accuracies: Accuracies) -> tuple[Array, Presence]:
    """Accuracies, and which operations each architecture's network has; those without are out."""
    pairs = [(name, accuracy) for name, accuracy in accuracies.items() if not pd.isna(accuracy)]
    if len(pairs) < len(accuracies):
        note(f"{len(accuracies) - len(pairs)} architectures without an accuracy are left out")
    values = np.array([float(accuracy) for _, accuracy in pairs])
    return values, presence(space, [space.parse(str(name)) for name, _ in pairs])


def _estimates(values: Array, has: Presence) -> Array:
    """The mean accuracy of those that have an operation, [edges, operations]; NaN for none."""
    count = has.sum(axis=0)
    total = np.tensordot(values, has, axes=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _rho(one: Array, other: Array) -> float:
    from scipy.stats import spearmanr

    known = ~np.isnan(one) & ~np.isnan(other)
    one, other = one[known], other[known]
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    return float(spearmanr(one, other).statistic)


def _mean_and_error(values: Array) -> tuple[int, float, float]:
    """How many there are, their mean, and its standard error."""
    if not len(values):
        return 0, math.nan, math.nan
    found = over_seeds(values)
    return found.n_seeds, found.mean, found.std / math.sqrt(found.n_seeds)
