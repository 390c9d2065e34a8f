"""The site's list of pages, the links between pages, and the cards; 'make site' does the rest."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from opscore.policies import list_policies
from opscore.proxies import get_proxy, list_proxies

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), ROOT / "data" / "README.md"]


def prose(path):
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(path):
    """Where a page's links and pictures lead, addresses elsewhere left out."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(path):
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_links_to_look_at():
    assert sum(len(links(path)) for path in PAGES) > 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(path):
    for link in links(path):
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_first_page_names_every_page_and_notebook():
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", (DOCS / "index.md").read_text(), re.M | re.S)
    named = [line for tree in trees for line in tree.splitlines() if line and line[0] != ":"]
    assert len(named) == len(set(named))
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    notebooks = {f"/notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(named) == (pages - {"index"}) | notebooks | {"/CHANGELOG", "/SECURITY"}


def test_every_proxy_and_policy_has_its_card(cards):
    assert re.findall(r"^## (.+)$", cards.cards("policies"), re.MULTILINE) == sorted(
        list_policies()
    )
    text = cards.cards("proxies")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == sorted(list_proxies())
    for part in text.split("\n## "):
        name = part.splitlines()[0].removeprefix("## ")
        assert get_proxy(name).source in part
        assert " = " in part
        assert "no value" in part or not get_proxy(name).limits


def test_a_card_sets_what_was_measured_beside_the_bars(cards):
    card = cards.proxy_card("nwot", get_proxy("nwot"))
    ranking = cards.board()[0]
    row = next(line for line in card.splitlines() if line.startswith("| `zc-pt(nwot)` |"))
    assert f"| {cards.dotted(ranking.loc['zc-pt(nwot)', 'rho'])} |" in row
    assert [bar for bar in cards.BARS if f"**`{bar}`**" in card] == list(cards.BARS)


def test_what_was_not_measured_is_not_claimed(cards):
    assert cards.measured(["zc-pt(nobody)"]).startswith("Not on the board")
