"""docs/proxies.md on where a proxy says nothing, against the networks of every space."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from opscore.proxies import get_proxy, list_proxies
from opscore.spaces import list_spaces
from opscore.supernets import build_supernet, images_for

PAGE = Path(__file__).parents[2] / "docs" / "proxies.md"


@cache
def silent():
    """(proxy, space) -> 'fails' or 'same', as the page says."""
    section = PAGE.read_text().split("## Where a proxy says nothing")[1].split("\n\n")[1]
    found = {}
    for row in section.splitlines()[2:]:
        proxies, spaces = (re.findall("`([^`]+)`", cell) for cell in row.split("|")[1:3])
        kind = "fails" if "every state fails" in row else "same"
        found |= {(proxy, space): kind for proxy in proxies for space in spaces}
    return found


#: Spaces of large networks: 'make test-all' has them.
LARGE = ("darts-none", "s2", "s3", "nb1shot1-3", "transnas-macro")

NAMED = ("jacob_cov", "epe_nas", "ntk", "synflow")


def named_and_spaces():
    """What the page names on all but large networks; ntk, of most work, on fewer still."""
    for name in list_proxies():
        for space in list_spaces():
            later = name not in NAMED or space in LARGE
            later |= name == "ntk" and space in ("darts", "mobilenet", "s1", "s4")
            yield pytest.param(name, space, marks=pytest.mark.exhaustive if later else ())


@pytest.mark.parametrize(("name", "space"), [*named_and_spaces()])
def test_a_proxy_says_something_where_the_page_does_not_deny_it(name, space):
    images = images_for(space, "digits", size="smoke")
    supernet = build_supernet(space, "smoke", n_classes=images.n_classes)
    start = supernet.space.initial_state()
    edge = start.next_edges[len(start.next_edges) // 2]
    states = [start.perturb(edge, op) for op in start.remaining(edge)[-2:]]
    scores = get_proxy(name).scores(supernet, states, images.minibatch(8, 0, "page"))
    if any(score.status != "ok" for score in scores):
        found = "fails"
    else:
        found = "same" if scores[0].value == scores[1].value else None
    assert found == silent().get((name, space)), scores
    assert found is None or get_proxy(name).limits


def test_the_page_names_known_spaces_and_proxies():
    assert {proxy for proxy, _ in silent()} == set(NAMED)
    assert {space for _, space in silent()} < set(list_spaces())
