"""How many spaces, edges or seeds show a difference between two entrants.

The difference of rho on an edge in a seed is taken to be

    mean + what the space adds + what the edge adds + what the seed adds

with variances that are estimated from the board by the method of moments, tasks averaged. A mean
over S spaces of E edges and K seeds then has the variance

    s_space^2 / S + s_edge^2 / (S E) + s_seed^2 / (S E K)

and a two-sided t-test sees a difference d with the wanted probability where
(t(1 - alpha/2) + t(power)) times the root of it is at most d. Who asks of the edges of one space
leaves the first part out, and who asks of given edges leaves out the second too: the answer then
holds for that space, or these edges, alone.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from opscore.errors import UserError, one_of

#: Larger needs are not looked for.
MOST = 10_000

#: One row per unit that there could be more of.
POWER = {
    "unit": "str",  # spaces, edges or seeds
    "needed": "Int64",  # so many show the difference; missing above :data:`MOST`
    "given": "str",  # what else there is
    "holds_for": "str",  # what the answer is about
    "shown_now": "float64",  # the difference that as many as the board has would show
}

_EDGE = ["space", "edge"]


def power(
    edges: pd.DataFrame,
    difference: float,
    *,
    pair: tuple[str, str] | None = None,
    wanted: float = 0.8,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """What it takes to see a difference of mean rho (:data:`POWER`).

    Args:
        edges: rows of one reference (:data:`opscore.board.cells.EDGES`).
        difference: of mean rho, above 0.
        pair: two entrants; by default the typical pair, whose variances are the medians over all
            that have seeds.
        wanted: probability to see it.
        alpha: level of the test.

    Raises:
        UserError: a number is out of range, an entrant is unknown, or nothing has two seeds.
    """
    for name, value in (("difference", difference / 2), ("power", wanted), ("alpha", alpha)):
        if not 0 < value < 1:
            most = 2 if name == "difference" else 1
            raise UserError(f"the {name} lies between 0 and {most}")
    seeded = edges[edges["seed"].notna()]
    # What draws nothing is the same in every seed.
    same = edges[edges["seed"].isna()].drop(columns="seed")
    same = same.merge(seeded[["seed"]].drop_duplicates(), how="cross")
    means = pd.concat([seeded, same]).groupby(["entrant", *_EDGE, "seed"], sort=False)["rho"].mean()
    drawn = means.reset_index().pivot_table("rho", [*_EDGE, "seed"], "entrant", sort=False)
    for name in pair or ():
        one_of("entrant", name, list(map(str, drawn.columns)))
    names = list(dict.fromkeys(map(str, seeded["entrant"])))
    asked = [pair] if pair else list(itertools.combinations(names, 2))
    known = [found for a, b in asked if (found := components(drawn[a] - drawn[b])) is not None]
    if not known:
        raise UserError("power needs two entrants with two seeds on two edges or more")
    typical = Components(*(_median([each[part] for each in known]) for part in range(3)))
    spaces = drawn.index.get_level_values("space").nunique()
    have = _Have(
        spaces,
        drawn.groupby(_EDGE).ngroups / spaces,
        drawn.index.get_level_values("seed").nunique(),
    )
    rows = []
    for unit, given, about in (
        ("spaces", f"{have.edges:.3g} edges each, {have.seeds} seeds", "other spaces"),
        ("edges", f"one space, {have.seeds} seeds", "other edges of that space"),
        ("seeds", f"one space, {have.edges:.3g} edges", "other seeds on these edges"),
    ):
        present = max(2, round(getattr(have, unit)))
        rows.append(
            {
                "unit": unit,
                "needed": _needed(typical, have, unit, difference, wanted, alpha),
                "given": given,
                "holds_for": about,
                "shown_now": _shown(typical, have, unit, present, wanted, alpha),
            }
        )
    return pd.DataFrame(rows, columns=list(POWER)).astype(POWER)


class Components(NamedTuple):
    """Variances of a difference: over spaces, over edges of a space, over seeds of an edge."""

    space: float
    edge: float
    seed: float


class _Have(NamedTuple):
    spaces: int
    edges: float
    seeds: int


def components(differences: pd.Series[float]) -> Components | None:
    """The three variances, by the method of moments; none below zero.

    differences: indexed by space, edge and seed; NaN is left out. None where there are not two
    seeds and two edges; with one space its variance is NaN.
    """
    known = differences.dropna()
    of_edge = known.groupby(_EDGE).agg(["mean", "var", "count"])
    of_space = of_edge.groupby("space")["mean"].agg(["mean", "var", "count"])
    seed = float(of_edge["var"].mean())
    edge = max(float(of_space["var"].mean()) - seed / float(of_edge["count"].mean()), 0.0)
    within = (edge + seed / float(of_edge["count"].mean())) / float(of_space["count"].mean())
    space = float(of_space["mean"].var()) - within
    if math.isnan(seed + edge):
        return None
    return Components(space if math.isnan(space) else max(space, 0.0), edge, seed)


def _median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def _variance(parts: Components, have: _Have, unit: str, n: int) -> float:
    """Of a mean over so many units, the others as they are."""
    if unit == "seeds":
        return parts.seed / (have.edges * n)
    if unit == "edges":
        return (parts.edge + parts.seed / have.seeds) / n
    return (parts.space + (parts.edge + parts.seed / have.seeds) / have.edges) / n


def _shown(parts: Components, have: _Have, unit: str, n: int, wanted: float, alpha: float) -> float:
    """The least difference that so many units show."""
    from scipy.special import stdtrit

    quantiles = stdtrit(n - 1, 1 - alpha / 2) + stdtrit(n - 1, wanted)
    return float(quantiles) * math.sqrt(_variance(parts, have, unit, n))


def _needed(
    parts: Components, have: _Have, unit: str, difference: float, wanted: float, alpha: float
) -> int | None:
    """The least number of units that show the difference, by bisection; None above MOST."""
    low, high = 1, MOST
    if not _shown(parts, have, unit, high, wanted, alpha) <= difference:  # NaN too
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _shown(parts, have, unit, middle, wanted, alpha) > difference:
            low = middle
        else:
            high = middle
    return high
