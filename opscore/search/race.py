"""Racing: candidates that cannot win any more are scored no further.

Without a race every candidate is scored on all V minibatches, and the largest total wins. Let d_i
be the strength of candidate a minus that of candidate b on minibatch i, and m and s the mean and
the sample deviation of d_1 ... d_t. If the differences are independent and normal, their total D
over all V minibatches, of which t are known, satisfies exactly

    (V m - D) / (s sqrt(V (V - t) / t)) ~ Student's t with t - 1 degrees of freedom.

So b is dropped after t minibatches when, for some other candidate a that is still in the race,

    V m > q s sqrt(V (V - t) / t),

with q the quantile of level 1 - (1 - confidence) / (L K (K - 1)): Bonferroni over the L looks and
the K (K - 1) ordered pairs of K candidates. With a probability of at least ``confidence`` the race
then ends on the candidate that all V minibatches would have chosen. The differences are paired:
all candidates see the same minibatches.

Maron and Moore (1997) race with Hoeffding's bound, Birattari et al. (2002) with Friedman's test;
both ask for the best expectation. The question here is who wins after V minibatches, so the bound
closes as t nears V.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from opscore.errors import UserError

#: Minibatches before the first look; a deviation of fewer differences says little.
FIRST_LOOK = 5

#: Minibatches at a look, as a multiple of those at the look before.
GROWTH = 1.5


def check_race(confidence: float | None) -> None:
    """UserError unless the confidence is None, for no race, or lies between 0.5 and 1."""
    if confidence is not None and not 0.5 <= confidence < 1:
        raise UserError(
            f"race is a confidence from 0.5 to below 1, for instance 0.99, got {confidence}"
        )


def looks(rounds: int) -> list[int]:
    """How many minibatches are known at each look of a race over ``rounds`` minibatches.

    5, 8, 12, 18, 27, ... below ``rounds``; none where there are at most 5.
    """
    found = []
    count = FIRST_LOOK
    while count < rounds:
        found.append(count)
        count = math.ceil(GROWTH * count)
    return found


def level(confidence: float, rounds: int, candidates: int) -> float:
    """The error that one comparison at one look may have, by Bonferroni; see the module's head."""
    comparisons = len(looks(rounds)) * candidates * (candidates - 1)
    return (1 - confidence) / max(comparisons, 1)


def survivors(strengths: NDArray[np.float64], rounds: int, error: float) -> NDArray[np.bool_]:
    """Which candidates may still win, bool [candidates].

    strengths: [candidates, minibatches so far], larger is better; a candidate with a value that is
    not finite has failed, and cannot win. rounds: V, the minibatches that there are in all; more
    than so far. error: of one comparison; see :func:`level`.
    """
    from scipy.special import stdtrit

    known = strengths.shape[1]
    able = np.isfinite(strengths).all(axis=1)
    rows = strengths[able]
    differences = rows[:, None] - rows[None, :]  # [a, b, minibatch]
    mean = differences.mean(axis=-1)
    deviation = differences.std(axis=-1, ddof=1)
    quantile = -float(stdtrit(known - 1, error))
    reach = quantile * deviation * math.sqrt((rounds - known) / (rounds * known))
    found = np.array(able)
    found[able] = ~np.any(mean > reach, axis=0)
    return found
