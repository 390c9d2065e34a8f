"""What things are cited for: keys of sources.bib, each of them used, and 'opscore cite'."""

from __future__ import annotations

import json
import re

import pytest

import opscore
from opscore.cli import main
from opscore.data.catalogue import FILES
from opscore.images import IMAGE_SETS
from opscore.policies import POLICIES
from opscore.proxies import PROXIES
from opscore.published.sources import THE_PAPER, entries, keys, named
from opscore.search import METHODS
from opscore.spaces import SPACES


def cited(capsys, *words):
    """What the command prints."""
    with pytest.raises(SystemExit) as end:
        main(["cite", *words])
    assert end.value.code == 0
    return capsys.readouterr().out


def sources():
    """The source of everything that ships and has one."""
    for registry in (POLICIES, METHODS, SPACES, IMAGE_SETS):
        yield from (registry.source(name) for name in registry)
    yield from (proxy.source for proxy in map(PROXIES.__getitem__, PROXIES))
    yield from (FILES[name].cite for name in FILES)


def test_every_source_is_a_key_and_every_entry_is_used():
    parts = {part for source in sources() if source for part in source.split("; ")}
    assert parts - set(entries()) == {"counted"}
    assert set(entries()) <= parts


def test_every_space_has_a_source():
    assert all(map(keys, map(SPACES.source, SPACES)))


@pytest.mark.parametrize("key", entries())
def test_an_entry_is_whole(key):
    fields = re.findall(r"^  (\w+) = \{(.+)\},$", entries()[key], re.MULTILINE)
    lines = entries()[key].splitlines()
    assert len(fields) == len(dict(fields)) == len(lines) - 2
    assert {"title", "author", "year"} <= dict(fields).keys()
    assert entries()[key].count("{") == entries()[key].count("}")
    assert key.startswith(named(key).split()[0].lower())
    assert dict(fields)["year"] in key


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("mellor2021", "Mellor et al. 2021"),
        ("zhang2022", "Zhang and Jia 2022"),
        ("krizhevsky2009", "Krizhevsky 2009"),
        ("dong2020; ying2019", "Dong and Yang 2020; Ying et al. 2019"),
        ("my idea", "my idea"),
    ],
)
def test_a_source_as_one_reads_it(source, text):
    assert named(source) == text


def test_what_is_named_is_cited_with_its_proxies(capsys):
    printed = cited(capsys, "zc-pt(nwot)", "random", "nasbench201-robustness")
    found = re.findall(r"^@\w+\{(\w+),$", printed, re.MULTILINE)
    assert found == [THE_PAPER, "mellor2021", "dong2020", "jung2023"]
    assert printed.endswith("% without an entry: random\n")


def test_a_store_is_cited_for_what_its_runs_used(capsys, tmp_path):
    opscore.initial(
        ["disc-zc(synflow)"], [0], size="smoke", images="digits", batch_size=8, store=tmp_path
    )
    found = json.loads(cited(capsys, "--runs", str(tmp_path), "--json"))["sources"]
    assert {row["key"] for row in found} == {THE_PAPER, "tanaka2020", "dong2020", "alpaydin1998"}
    assert next(row for row in found if row["key"] == "tanaka2020")["for"] == ["disc-zc(synflow)"]


def test_what_is_not_known_here_of_a_store_has_no_entry(capsys, tmp_path):
    @opscore.register_proxy("here", higher_is_better=True, source="this test")
    def here(network, batch):
        return float(batch.images.sum())

    store = tmp_path / "runs"
    try:
        opscore.initial(["zc-pt(here)"], [0], size="smoke", images="noise", store=store)
    finally:
        opscore.unregister_proxy("here")
    assert "without an entry: " in (printed := cited(capsys, "--runs", str(store)))
    assert "zc-pt(here)" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "message"),
    [("zc-pt(nwo)", "unknown proxy 'nwo'; did you mean nwot"), ("nasbench20", "did you mean")],
)
def test_an_unknown_name_is_one_line(capsys, name, message):
    with pytest.raises(SystemExit) as end:
        main(["cite", name])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["proxies", "policies"])
def test_lists_print_what_they_are_cited_for(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--bibtex"])
    printed = capsys.readouterr().out
    assert "@inproceedings{chen2021," in printed
    assert "% tenas" in printed or "% linear_regions, ntk" in printed
