"""The claims of the paper's section 3.2 that a number can speak for or against."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from opscore.analysis import Correlation, paired_differences
from opscore.published import published_correlations, published_initial

#: The policy that the paper proposes.
PROPOSED = "zc-pt(nwot)"

#: An exact p-value below this decides a claim.
LEVEL = 0.05

COLUMNS = (
    "claim",
    "size",
    "policy",
    "other",  # the policy that it is compared with; missing for a correlation
    "reference",
    "iteration",
    "expected",  # the sign that the claim implies
    "published",  # the same quantity from the published numbers, where there are any
    "estimate",  # rho, or the difference of two rho
    "ci_low",
    "ci_high",
    "p_value",
    "n_edges",
    "holds",  # yes, no, open or too few edges
)


@dataclass(frozen=True)
class _Claim:
    """A statement about the sign of a correlation at iteration 0."""

    text: str
    policy: str
    reference: str
    sign: int


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


def check_claims(scores: pd.DataFrame, size: str) -> pd.DataFrame:
    """Each claim that these scores can speak to, with its number and whether it holds.

    A claim holds ('yes') when the sign is as claimed and the exact p-value is below 0.05; 'no' when
    the sign is the other one with such a p-value; else it is 'open'. Flipping the signs of n edges
    has no p-value below 2 / 2^n, so differences over five edges or fewer are 'too few edges'. Words
    of degree ('weakly', 'strongly') are not tested: the interval shows them.

    Args:
        scores: a score table (schema SCORES) with best-acc.
        size: what the column of that name says.

    Returns:
        A frame with columns :data:`COLUMNS`: first correlations at iteration 0, then zc-pt(nwot)
        minus every other policy at every iteration, paired by seed and edge and tested by flipping
        the signs of edges.
    """
    rows = [*_correlations(scores), *_differences(scores)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(size=size)


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
            "expected": "> 0" if claim.sign > 0 else "< 0",
            "published": published_initial(claim.reference).get(claim.policy),
            "estimate": row["rho"],
            **{name: row[name] for name in ("ci_low", "ci_high", "p_value", "n_edges")},
            "holds": _verdict(claim.sign * float(row["rho"]), float(row["p_value"])),
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
                "n_edges": row["n_units"],
                "holds": _verdict(sign * float(row["difference"]), float(row["p_value"]))
                if 2 / 2 ** row["n_units"] < LEVEL
                else "too few edges",
            }
        )
    return rows


def _verdict(signed: float, p_value: float) -> str:
    if not p_value < LEVEL:
        return "open"
    return "yes" if signed > 0 else "no"
