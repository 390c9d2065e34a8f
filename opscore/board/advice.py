"""What a reader of a board should use, and how sure that is, in sentences made of its numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from opscore.analysis.bars import HINDSIGHT, is_bar

#: A difference of mean rho that one would want to see.
WORTH_SEEING = 0.1

#: An entrant that reads a network is to be used in place of the bar where the adjusted p-value of
#: their difference is below this.
LEVEL = 0.05


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
    rule = whole.loc[bar]
    above = [str(name) for name in networks.index[networks["rho"] > rule["rho"]]]
    sure = [name for name in above if _pair(pairs, name, bar)["p_holm"] < LEVEL]
    used = sure[0] if sure else bar
    other = bar if sure else str(networks.index[0])
    both = _pair(pairs, used, other)
    verb = "are" if len(above) > 1 else "is"
    count = f"{verb} {len(above)} ({len(sure)} of them surely)" if above else "is none"
    found = [
        f"What to use: {used}, whose mean rho is {_mean(whole.loc[used])}. Of {len(networks)} "
        f"entrants that read a network there {count} with a higher mean than {bar}, "
        f"which reads none; {other} has {_mean(whole.loc[other])}.",
        f"How sure that is: the intervals are over {rule['n_spaces']:.0f} spaces"
        f"{_overlap(whole.loc[used], whole.loc[other])}; the difference of the two is "
        f"{both['difference']:+.2f} (p {both['p_value']:.2g}, {both['p_holm']:.2g} adjusted).",
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


def _pair(pairs: pd.DataFrame, one: str, other: str) -> Any:
    """The row of two entrants, as the first minus the other."""
    names = {one, other}
    row = pairs[pairs["entrant_a"].isin(names) & pairs["entrant_b"].isin(names)].iloc[0].to_dict()
    sign = 1 if row["entrant_a"] == one else -1
    return {**row, "difference": sign * row["difference"]}
