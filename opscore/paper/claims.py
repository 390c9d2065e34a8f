"""The claims of the paper's section 3.2 that a number can speak for or against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore.analysis import Correlation, paired_differences
from opscore.answers import Column, Table
from opscore.published import published_correlations, published_initial

#: The policy that the paper proposes.
PROPOSED = "zc-pt(nwot)"

#: Exact p-values below this decide a claim, both of them.
LEVEL = 0.05

#: A correlation is weak when it is nearer to zero than this.
WEAK = 0.5

COLUMNS = (
    "claim",
    "source",
    "policy",
    "other",  # the policy that it is compared with; missing for a correlation
    "reference",
    "iteration",
    "expected",  # the sign that the claim implies
    "published",  # the same quantity from the published numbers, where there are any
    "estimate",  # rho, or the difference of two rho
    "ci_low",
    "ci_high",
    "p_value",  # every edge alone
    "p_common",  # one relabelling of the operations for all edges
    "n_edges",
    "holds",  # yes, no, open or too few edges
)


@dataclass(frozen=True)
class _Claim:
    """A statement about the sign of a correlation at iteration 0, and whether it is weak."""

    text: str
    policy: str
    reference: str
    sign: int

    @property
    def weak(self) -> bool:
        """Whether the correlation is said to be near zero."""
        return "weakly" in self.text

    @property
    def expected(self) -> str:
        """The claim in signs."""
        if not self.weak:
            return "> 0" if self.sign > 0 else "< 0"
        return f"0 to {WEAK}" if self.sign > 0 else f"-{WEAK} to 0"


_CLAIMS = (
    _Claim("zc-pt(nwot) is strongly correlated", PROPOSED, "best-acc", +1),
    _Claim("zc-pt(nwot) is strongly correlated", PROPOSED, "avg-acc", +1),
    _Claim("zc-pt(synflow) is strongly correlated", "zc-pt(synflow)", "best-acc", +1),
    _Claim("zc-pt(synflow) is strongly correlated", "zc-pt(synflow)", "avg-acc", +1),
    _Claim("disc-zc(nwot) is weakly correlated", "disc-zc(nwot)", "best-acc", +1),
    _Claim("tenas does fairly well", "tenas", "best-acc", +1),
    _Claim("darts-pt is weakly correlated", "darts-pt", "best-acc", +1),
    _Claim("darts-pt is weakly correlated", "darts-pt", "avg-acc", +1),
    _Claim("darts-pt is inverse to disc-acc", "darts-pt", "disc-acc", -1),
    _Claim("disc-acc is inverse", "disc-acc", "best-acc", -1),
    _Claim("disc-acc is inverse", "disc-acc", "avg-acc", -1),
    _Claim("darts is weakly inverse", "darts", "best-acc", -1),
    _Claim("darts is weakly inverse", "darts", "avg-acc", -1),
)


def check_claims(scores: pd.DataFrame, source: str) -> pd.DataFrame:
    """Each claim that these scores can speak to, with its number and whether it holds.

    A sign is decided when both exact p-values are below 0.05: that of the edges taken alone, and
    that of one relabelling of the operations for all edges. A claim holds ('yes') when the sign is
    the claimed one, and 'no' when it is the other one. A weak correlation must also be nearer to
    zero than :data:`WEAK`: 'yes' takes an interval within that, 'no' an interval outside. Whatever
    is not decided is 'open'. Flipping the signs of n edges has no p-value below 2 / 2^n, so
    differences over five edges or fewer are 'too few edges'. 'Strongly' and 'fairly' are not
    tested: the interval shows them.

    Args:
        scores: a score table (schema SCORES) with best-acc.
        source: what the column of that name says: what the scores are called.

    Returns:
        A frame with columns :data:`COLUMNS`: first correlations at iteration 0, then zc-pt(nwot)
        minus every other policy at every iteration, paired by seed and edge and tested by flipping
        the signs of edges.
    """
    rows = [*_correlations(scores), *_differences(scores)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(source=source)


_NUMBERS = ("ci_low", "ci_high", "p_value", "p_common", "n_edges")


def _correlations(scores: pd.DataFrame) -> list[dict[str, object]]:
    have = set(scores["policy"])
    wanted = [c for c in _CLAIMS if {c.policy, c.reference} <= have]
    initial = scores[scores["iteration"] == 0]
    table = Correlation()(initial, references=list(dict.fromkeys(c.reference for c in wanted)))
    found = table.set_index(["policy", "reference"]).to_dict(orient="index")
    return [
        {
            "claim": claim.text,
            "policy": claim.policy,
            "other": None,
            "reference": claim.reference,
            "iteration": 0,
            "expected": claim.expected,
            "published": published_initial(claim.reference).get(claim.policy),
            "estimate": row["rho"],
            **{name: row[name] for name in _NUMBERS},
            "holds": _verdict(claim, row),
        }
        for claim in wanted
        for row in [found[claim.policy, claim.reference]]
    ]


def _differences(scores: pd.DataFrame) -> list[dict[str, object]]:
    if PROPOSED not in set(scores["policy"]):
        return []
    known = published_correlations()
    stated = known[known["reference"] == "best-acc"].set_index(["policy", "iteration"])["rho"]
    table = paired_differences(scores[scores["policy"] != "avg-acc"], reference_iteration=0)
    rows: list[dict[str, object]] = []
    for row in table.to_dict(orient="records"):
        if PROPOSED not in {row["policy_a"], row["policy_b"]}:
            continue
        # Pairs come in the order of the table; the difference asked for is the proposed policy's.
        turned = row["policy_b"] == PROPOSED
        sign, other = (-1, row["policy_a"]) if turned else (1, row["policy_b"])
        low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
        keys = [(PROPOSED, row["iteration"]), (other, row["iteration"])]
        published = stated[keys[0]] - stated[keys[1]] if all(k in stated for k in keys) else None
        rows.append(
            {
                "claim": f"{PROPOSED} is better",
                "policy": PROPOSED,
                "other": other,
                "reference": "best-acc",
                "iteration": row["iteration"],
                "expected": "> 0",
                "published": published,
                "estimate": sign * row["difference"],
                "ci_low": low,
                "ci_high": high,
                "p_value": row["p_value"],
                "p_common": row["p_common"],
                "n_edges": row["n_units"],
                "holds": _sign(sign * row["difference"], row)
                if 2 / 2 ** row["n_units"] < LEVEL
                else "too few edges",
            }
        )
    return rows


def _verdict(claim: _Claim, row: Mapping[Any, Any]) -> str:
    sign = _sign(claim.sign * row["rho"], row)
    if not claim.weak:
        return sign
    ends = sorted(claim.sign * row[name] for name in ("ci_low", "ci_high"))
    if sign == "no" or ends[0] >= WEAK:
        return "no"
    return sign if ends[1] <= WEAK else "open"


def _sign(signed: float, row: Mapping[Any, Any]) -> str:
    """Whether a quantity that is claimed to be positive is."""
    if not max(row["p_value"], row["p_common"]) < LEVEL:
        return "open"
    return "yes" if signed > 0 else "no"


#: The table of claims.
_SHOWN = (
    Column("claim"),
    Column("against"),
    Column("expected", "sign"),
    Column("published", kind="number", form="+.2f"),
    Column("estimate", "measured", "number", "+.2f"),
    Column("ci_low", "95 % interval", "number", "+.2f", end="ci_high"),
    Column("p", kind="number", form=".2g"),
    Column("holds", kind="status"),
)

_ABOUT = (
    "p: the larger one of edges alone and of a common relabelling; holds: sign as claimed and p "
    "below 0.05, weak ones with an interval within 0.5 of zero; better: difference of two "
    "correlations with best-acc; later iterations: --json, or claims.csv in --out"
)


def claims_tables(claims: pd.DataFrame) -> list[Table]:
    """Every claim at iteration 0, a table for each source.

    claims: what :func:`check_claims` gives, of one or several sources.
    """
    rows = claims[claims["iteration"] == 0]
    rows = rows.assign(
        against=rows["other"].fillna(rows["reference"]),
        p=rows[["p_value", "p_common"]].max(axis=1),
    )
    sources = list(dict.fromkeys(map(str, rows["source"])))
    return [
        Table(
            f"The paper's claims at iteration 0, {source}",
            _SHOWN,
            rows[rows["source"] == source],
            caption=_ABOUT if source == sources[-1] else "",
            look="open",
        )
        for source in sources
    ]
