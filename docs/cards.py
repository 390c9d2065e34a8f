"""A card for each proxy and each policy, in Markdown, made of what the package says and ships.

The directives of docs/directives.py put them into the site.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pandas as pd
from make import table
from values import dotted, fixed, interval, p_text, proxy_correlations

import opscore
from opscore.analysis import HINDSIGHT
from opscore.policies import POLICIES, PolicyFamily
from opscore.policies.residual import RESIDUAL
from opscore.proxies import PROXIES, Proxy, proxies_in
from opscore.published.sources import keys, named

#: What stands below the entrants of a card, to be beaten.
BARS = (RESIDUAL, "op-params", HINDSIGHT)

#: The parts of the context that policies use, in words.
USES = {
    "oracle": "the truth",
    "supernet": "a supernet's weights",
    "batch": "a minibatch",
    "trained": "a trained supernet",
    "seed": "the seed",
}


# --- what was measured


@cache
def board() -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Ranking and cost of the board that ships, by entrant, and the reference it is by."""
    found = opscore.leaderboard()
    cost = found.cost[found.cost["space"] == "nasbench201"]
    return found.ranking.set_index("entrant"), cost.set_index("entrant"), found.reference


def on_the_board(entrants: Iterable[str]) -> str:
    """Entrants of the board with their cost, beside the bars; '' for none."""
    ranking, cost, reference = board()
    known = [name for name in ranking.index if name in set(entrants)]
    if not known:
        return ""
    shown = known + [name for name in BARS if name not in known]
    rows = []
    for name in shown:
        row = ranking.loc[name]
        price = cost.loc[name] if name in cost.index else None
        mark = "**" if name in BARS else ""
        rows.append(
            [
                f"{mark}`{name}`{mark}",
                dotted(row["rho"]),
                interval(row),
                "" if pd.isna(row["edge_specific"]) else dotted(row["edge_specific"]),
                str(int(row["n_spaces"])),
                "" if price is None or pd.isna(price["states"]) else f"{int(price['states'])}",
                "" if price is None or pd.isna(price["seconds"]) else fixed(price["seconds"], 1),
            ]
        )
    headings = ["entrant", "rho", "95 %", "edge-specific", "spaces", "states scored", "seconds"]
    return (
        f"On [the board](leaderboard.md), by agreement with {reference} (bars in bold; states and "
        f"seconds of one seed on NAS-Bench-201):\n\n{table(headings, rows)}\n"
    )


def on_a_reduced_supernet(policies: Iterable[str]) -> str:
    """Policies measured on the reduced supernet of NAS-Bench-201; '' for none."""
    found = proxy_correlations()
    found = found[found["policy"].isin(list(policies))]
    if found.empty:
        return ""
    rows = [
        [f"`{row['policy']}`", dotted(row["rho"]), interval(row), p_text(row["p_common"])]
        for row in found.to_dict("records")
    ]
    text = table(["policy", "rho", "95 %", "p common"], rows)
    return (
        "With best-acc on the reduced supernet of NAS-Bench-201 "
        f"([measured](proxies.md#inside-zc-pt-and-disc-zc)):\n\n{text}\n"
    )


def measured(names: Iterable[str]) -> str:
    """Both tables, or one sentence where neither has the names."""
    names = list(names)
    found = on_the_board(names) + on_a_reduced_supernet(names)
    return found or "Not on the board, and not in the table of the reduced supernet.\n"


# --- cards


def plain(docstring: str | None) -> str:
    """A docstring as Markdown: references become code, indented lines are code already."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":\w+:`~?(?:[^`<]*<)?([^`>]+)>?`", r"`\1`", text)
    return re.sub(r"\(docs/(\w+)\.md\)", r"([\1](\1.md))", text)


def module_of(thing: Any) -> ModuleType:
    """The module that something was written in."""
    found = inspect.getmodule(thing)
    assert found is not None
    return found


def asked_of(name: str, entrants: Iterable[str]) -> Iterator[str]:
    """Those policies that a proxy is an argument of."""
    for entrant in entrants:
        argument = entrant.partition("(")[2].removesuffix(")")
        if argument and any(proxy.name == name for proxy in proxies_in(argument)):
            yield entrant


def known_names() -> list[str]:
    """Every policy that something was measured of."""
    return list(dict.fromkeys([*board()[0].index, *proxy_correlations()["policy"]]))


def proxy_card(name: str, proxy: Proxy) -> str:
    """What there is to know of a proxy."""
    facts = {
        "larger is": "better" if proxy.higher_is_better else "worse",
        "needs": ", ".join(sorted(proxy.needs)) or "images, or nothing but the network",
        "mode": proxy.mode,
        "two meanings": "yes" if proxy.clean else "no",
        "fast path": "yes" if proxy.engine else "no",
        "precisions": ", ".join(sorted(proxy.precisions, reverse=True)),
        "no value": proxy.limits or proxy.undefined,
        "source": cited(proxy.source),
    }
    code = module_of(proxy.function)
    return card(name, facts, plain(code.__doc__), measured(asked_of(name, known_names())))


def family_card(name: str, family: PolicyFamily) -> str:
    """What there is to know of a family of policies."""
    uses = [USES[use] for use in USES if use in family.policy.uses]
    facts = {
        "in short": family.summary,
        "argument": family.argument if family.check_argument else "none",
        "looks at": ", ".join(uses) or "nothing but the space",
        "source": cited(POLICIES.source(name)),
        "written in": f"`{module_of(family.policy).__name__}`",
    }
    entrants = [each for each in known_names() if each.partition("(")[0] == name]
    text = "\n\n".join([plain(module_of(family.policy).__doc__), plain(family.policy.__doc__)])
    return card(name, facts, text, measured(entrants))


def cited(source: str) -> str:
    """A source as text, with the keys that ``opscore cite`` prints the BibTeX of."""
    known = ", ".join(f"`{key}`" for key in keys(source))
    return f"{named(source)} ({known})" if known else source


def card(name: str, facts: dict[str, str], text: str, agreement: str) -> str:
    """A section of Markdown."""
    lines = "\n".join(f"- **{key}**: {value}" for key, value in facts.items() if value)
    return f"## {name}\n\n{text}\n\n{lines}\n\n{agreement}\n"


def cards(which: str) -> str:
    """All cards of the proxies or of the policies, in the order of their names."""
    if which == "proxies":
        return "".join(proxy_card(name, PROXIES[name]) for name in sorted(PROXIES))
    return "".join(family_card(name, POLICIES[name]) for name in sorted(POLICIES))
