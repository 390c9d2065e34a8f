"""Sampling baselines of Table 2 from recorded scores: drawn many times, and exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore.errors import OpscoreError
from opscore.oracles import Oracle
from opscore.paper.expected import EXPECTED
from opscore.paper.searches import SEARCHES, UNUSED
from opscore.rng import numpy_generator
from opscore.search.base import Cost
from opscore.search.sampling import draw_architectures
from opscore.search.score_record import recorded_strengths
from opscore.spaces import NASBENCH201, State

Array = NDArray[np.float64]

#: Repetitions of the sampling baselines, as in Mellor et al. 2021.
REPETITIONS = 500


def repeated_sampling(
    proxy: str | None,
    oracles: Mapping[str, Oracle],
    repetitions: int = REPETITIONS,
    evaluations: int = 1000,
) -> pd.DataFrame:
    """NASWOT by a recorded proxy, or random search, repeated: seeds 0, 1, 2, ...

    Every repetition is what the method gives with that seed, except that all read the scores of
    the record's first seed of weights; the deviation is that of the sampling alone.

    Args:
        proxy: a recorded proxy; None takes one random architecture.
        oracles: the truth by dataset.
        repetitions: how many seeds.
        evaluations: architectures drawn in each.

    Returns a frame of searches.
    """
    strengths = None if proxy is None else recorded_strengths(proxy, 0)
    method = "random" if proxy is None else f"naswot({proxy})"
    chosen = [_sampled(strengths, seed, evaluations) for seed in range(repetitions)]
    cost = Cost() if strengths is None else Cost(forward_passes=evaluations)
    frame = pd.DataFrame(
        {
            "method": method,
            "seed": seed,
            "architecture": NASBENCH201.format(state),
            "dataset": dataset,
            "error": oracle.error(state),
            **UNUSED,
            **asdict(cost),
        }
        for dataset, oracle in oracles.items()
        for seed, state in enumerate(chosen)
    )
    return frame[list(SEARCHES)].astype(SEARCHES)


def expectations(
    proxies: Sequence[str], oracles: Mapping[str, Oracle], evaluations: int = 1000
) -> pd.DataFrame:
    """What random search and NASWOT end on, exactly: no draws, all architectures of NAS-Bench-201.

    Scores are those of the record's first seed of weights, as in :func:`repeated_sampling`.

    Args:
        proxies: recorded proxies.
        oracles: the truth by dataset.
        evaluations: architectures drawn by NASWOT.

    Returns:
        One row per method and dataset, columns :data:`EXPECTED`.
    """
    rows = []
    for dataset, oracle in oracles.items():
        errors = all_errors(oracle)
        values = np.array(list(errors.values()))
        found: dict[str, tuple[Expected, int]] = {"random": (expected_of_random(values), 1)}
        for proxy in proxies:
            recorded = recorded_strengths(proxy, 0)
            strengths = np.array([recorded[choices] for choices in errors])
            best = expected_of_best(values, strengths, evaluations)
            found[f"naswot({proxy})"] = (best, evaluations)
        rows += [(method, dataset, drawn, *best) for method, (best, drawn) in found.items()]
    return pd.DataFrame(rows, columns=list(EXPECTED)).astype(EXPECTED)


def _sampled(
    strengths: Mapping[tuple[int, ...], float] | None, seed: int, evaluations: int
) -> State:
    if strengths is None:
        draw = numpy_generator(seed, "search", "random")
        return draw_architectures(NASBENCH201, 1, draw)[0]
    draw = numpy_generator(seed, "search", "naswot")
    rows = draw.integers(np.array(NASBENCH201.shape), size=(evaluations, len(NASBENCH201.shape)))
    values = [strengths[tuple(row)] for row in rows.tolist()]
    return NASBENCH201.architecture(rows[int(np.nanargmax(values))].tolist())


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
