"""How well each reference agrees with itself from one training of the architectures to another.

Who knew one training of every architecture exactly would agree so well with another: that is how
much a comparison with the reference can tell. It is no strict ceiling, since a policy that comes
closer to the accuracies behind both trainings may agree more. The part that is specific to edges is
noisier than the whole, and has a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import schema
from opscore.analysis.edge_specific import agreement_of
from opscore.analysis.intervals import mean_over_edges
from opscore.analysis.matches import Strengths, rho_matrix
from opscore.answers import Column, Table
from opscore.oracles import Oracle
from opscore.oracles.references import REFERENCES, Reference
from opscore.rng import numpy_generator

#: How often two trainings of each architecture are drawn.
N_DRAWS = 100

_COLUMNS = {
    "reference": "str",
    "rho": "float64",  # of one training with another, mean over draws
    "edge_specific": "float64",  # likewise, beyond an order that is the same on all edges
    "n_draws": "int64",
}

_ONE, _OTHER = "one training", "another training"


def agreement_table(rows: pd.DataFrame) -> Table:
    """How far each reference agrees with itself: what a policy's agreement is to be read beside.

    rows: what :func:`agreement_between_trainings` gives.
    """
    return Table(
        "",
        (
            Column("reference", "what operations are worth, from one training against another"),
            Column("rho", "Spearman\nper edge", "number", "+.2f"),
            Column("edge_specific", "edge-\nspecific", "number", "+.2f"),
        ),
        rows,
        caption=f"mean over {rows['n_draws'].iloc[0]} draws of two trainings of every "
        "architecture; what agrees with the accuracies behind both may agree with either a little "
        "more",
        look="open",
    )


def agreement_between_trainings(
    oracle: Oracle, references: Sequence[Reference] = REFERENCES, *, seed: int = 0
) -> pd.DataFrame:
    """Agreement of each reference with itself, from two trainings of every architecture.

    Each draw takes two different trainings of every architecture that has them, and leaves the
    others out. Edges are those of the first stage, where a space decides its edges in stages.

    Args:
        oracle: the truth; how it reduces its trials makes no difference.
        references: what is compared; by default best-acc, best-acc(k=10), best-acc(k=30), avg-acc.
        seed: seed of the draws.

    Returns:
        A frame with columns reference, rho, edge_specific and n_draws, one row per reference; no
        rows where no architecture has two trainings. A value is missing where no draw defines it.
    """
    generator = numpy_generator(seed, "agreement between trainings")
    found = [
        {"reference": reference.name, **_agreement(*halves, reference)}
        for halves in (_halves(oracle, drawn) for drawn in _draws(oracle.trials, generator))
        if not np.isnan(halves[0].trials).all()
        for reference in references
    ]
    if not found:
        return schema.table([], _COLUMNS)
    by_reference = pd.DataFrame(found).groupby("reference", sort=False, as_index=False)
    means = by_reference[["rho", "edge_specific"]].mean().assign(n_draws=N_DRAWS)
    return means[list(_COLUMNS)].astype(_COLUMNS)


def _draws(
    trials: NDArray[np.float64], generator: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """:data:`N_DRAWS` times a random number for each training.

    Entries with the same trainings are the same network, and have the same draw.
    """
    flat = np.nan_to_num(trials.reshape(-1, trials.shape[-1]), nan=-np.inf)
    rows, network = np.unique(flat, axis=0, return_inverse=True)
    for _ in range(N_DRAWS):
        yield generator.random(rows.shape)[network].reshape(trials.shape)


def _halves(oracle: Oracle, drawn: NDArray[np.float64]) -> tuple[Oracle, Oracle]:
    """The same truth from one training of each architecture, and from another.

    drawn: a number for each training; the two with the least are taken.
    """
    trials = oracle.trials
    known = ~np.isnan(trials)
    order = np.argsort(np.where(known, drawn, 2.0), axis=-1)
    two = np.take_along_axis(trials, order[..., :2], axis=-1)
    two = np.where(known.sum(axis=-1, keepdims=True) < 2, np.nan, two)
    one, other = (
        replace(oracle, trials=two[..., [half % two.shape[-1]]], seeds=0, allow_partial=True)
        for half in (0, 1)
    )
    return one, other


def _agreement(one: Oracle, other: Oracle, reference: Reference) -> dict[str, float]:
    scores = pd.concat(
        [_scores(one, reference, _ONE), _scores(other, reference, _OTHER)], ignore_index=True
    )
    matches = Strengths(scores).matches(_ONE, _OTHER)
    return {
        "rho": mean_over_edges(rho_matrix(matches)),
        "edge_specific": agreement_of(matches, tested=False)[0],
    }


def _scores(oracle: Oracle, reference: Reference, name: str) -> pd.DataFrame:
    """What the reference gives to the operations of A_0, the columns that are compared."""
    state = oracle.space.initial_state()
    rows = [
        (
            edge,
            oracle.space.operations[edge][op],
            reference.worth(oracle, state.discretize(edge, op)),
        )
        for edge in state.next_edges
        for op in state.remaining(edge)
    ]
    table = pd.DataFrame(rows, columns=["edge", "op", "strength"])
    status = np.where(table["strength"].notna(), "ok", "no architecture was trained twice")
    nothing = pd.array([pd.NA] * len(table), dtype="Int64")
    return table.assign(policy=name, seed=nothing, iteration=0, status=status)
