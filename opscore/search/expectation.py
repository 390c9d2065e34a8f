"""What searches that only draw end on, without drawing: exact over all architectures of a space."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opscore.errors import OpscoreError
from opscore.oracles import Oracle

Array = NDArray[np.float64]


class Expected(NamedTuple):
    """Expectation and standard deviation of the error that a search ends on."""

    mean: float
    std: float


def all_errors(oracle: Oracle) -> dict[tuple[int, ...], float]:
    """Error of every valid architecture that a table knows, by the choices on its edges."""
    space = oracle.space
    simple = not (space.has_equals or space.has_invalid)
    found = {}
    for choices in np.ndindex(space.choice_counts):
        if simple:
            accuracy = float(oracle.mean_accuracy[choices])
            if not math.isnan(accuracy):
                found[choices] = oracle.metric.ceiling - accuracy
            continue
        state = space.architecture(list(choices))
        if space.is_valid(state) and oracle.knows(state):
            found[choices] = oracle.error(state)
    return found


def expected_of_random(errors: Array) -> Expected:
    """One architecture, each as likely as the others.

    errors: of all architectures, shape (architectures,).
    """
    return Expected(float(errors.mean()), float(errors.std()))


def expected_of_best(errors: Array, strengths: Array, draws: int) -> Expected:
    """NASWOT: the strongest of so many architectures drawn with replacement, the first on ties.

    With F(s) the share of architectures that are no stronger than s, those without a strength
    among them, the strongest one drawn has strength s with probability F(s)^n - F(s-)^n for n
    draws; among equally strong ones each is as likely as the others.

    Args:
        errors: of all architectures, shape (architectures,).
        strengths: of the same; NaN where there is none, which is never taken.
        draws: n.

    Raises:
        OpscoreError: nothing has a strength, or less than one is drawn.
    """
    known = ~np.isnan(strengths)
    if not known.any() or draws < 1:
        raise OpscoreError("the best of nothing has no error")
    _, places, counts = np.unique(strengths[known], return_inverse=True, return_counts=True)
    reached = np.concatenate([[0], np.cumsum(counts)]) + (~known).sum()
    probabilities = np.diff((reached / len(strengths)) ** draws)
    # Given that one with a strength is drawn at all.
    each = (probabilities / probabilities.sum() / counts)[places]
    mean = float(each @ errors[known])
    return Expected(mean, math.sqrt(float(each @ (errors[known] - mean) ** 2)))
