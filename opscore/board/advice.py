"""What a reader of a board should use, and how sure that is, in sentences made of its numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from opscore.analysis.bars import HINDSIGHT, is_bar

#: A difference of mean rho that one would want to see.
WORTH_SEEING = 0.1


def advice(
    ranking: pd.DataFrame, pairs: pd.DataFrame, power: pd.DataFrame | None, bar: str
) -> list[str]:
    """The sentences; none where the bar, or an entrant that reads a network, has no mean.

    Args:
        ranking: the entrants (:data:`opscore.board.across.RANKING`).
        pairs: of entrants (:data:`opscore.board.across.PAIRS`).
        power: what it takes to see :data:`WORTH_SEEING` (:data:`opscore.board.power.POWER`); None
            where that is not known.
        bar: the entrant that reads no network and is to be cleared.
    """
    whole = ranking[ranking["ci_low"].notna()].set_index("entrant")
    networks = whole[[not is_bar(str(name)) and name != "random" for name in whole.index]]
    if bar not in whole.index or networks.empty:
        return []
    rule, best = whole.loc[bar], networks.iloc[0]
    name = str(networks.index[0])
    above = int((networks["rho"] > rule["rho"]).sum())
    used, other = (name, bar) if above else (bar, name)
    found = [
        f"What to use: {used}, whose mean rho is {_mean(whole.loc[used])}. Of {len(networks)} "
        f"entrants that read a network, {above or 'none'} {'are' if above > 1 else 'is'} above "
        f"{bar}, which reads none; {other} has {_mean(whole.loc[other])}.",
        f"How sure that is: the intervals are over {rule['n_spaces']:.0f} spaces"
        f"{_overlap(rule, best)}; {_pair(pairs, used, other)}.",
    ]
    if power is not None:
        row = power.set_index("unit").loc["spaces"].to_dict()
        needed = "more than can be had" if pd.isna(row["needed"]) else str(row["needed"])
        found.append(
            f"To see a difference of {WORTH_SEEING:g} between a typical pair takes {needed} "
            f"spaces; these show one of {row['shown_now']:.2f}."
        )
    if HINDSIGHT in whole.index:
        found.append(f"{HINDSIGHT} was chosen to agree and is no rule that one could use.")
    return found


def _mean(row: Any) -> str:
    return f"{row['rho']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def _overlap(one: Any, other: Any) -> str:
    apart = one["ci_low"] > other["ci_high"] or other["ci_low"] > one["ci_high"]
    return "" if apart else " and overlap"


def _pair(pairs: pd.DataFrame, one: str, other: str) -> str:
    """The difference of two entrants, with its p-values."""
    names = {one, other}
    both = pairs[pairs["entrant_a"].isin(names) & pairs["entrant_b"].isin(names)].iloc[0]
    sign = 1 if both["entrant_a"] == one else -1
    return (
        f"the difference of the two is {sign * both['difference']:+.2f} (p {both['p_value']:.2g}, "
        f"{both['p_holm']:.2g} adjusted for all pairs)"
    )
