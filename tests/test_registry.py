from __future__ import annotations

import pytest

from opscore.errors import OpscoreError, UserError
from opscore.registry import Registry


def test_a_second_entry_under_a_name_is_an_error():
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    with pytest.raises(OpscoreError, match="number 'one' is already registered"):
        registry.add("one", 2)
    assert registry["one"] == 1


def test_an_unknown_name_lists_the_near_ones():
    registry: Registry[int] = Registry("number")
    for index, name in enumerate(["synflow", "snip", "nwot"]):
        registry.add(name, index)
    with pytest.raises(UserError, match=r"unknown number 'sinflow'; did you mean synflow"):
        registry["sinflow"]
    with pytest.raises(UserError, match=r"known: nwot, snip, synflow"):
        registry["zzz"]


def test_names_come_sorted_and_can_be_removed():
    registry: Registry[int] = Registry("number")
    registry.add("b", 1)
    registry.add("a", 2)
    assert list(registry) == ["a", "b"]
    registry.remove("a")
    assert "a" not in registry
    assert len(registry) == 1


def test_entry_points_are_read_once_and_only_when_asked(monkeypatch):
    loaded = []

    class EntryPoint:
        def load(self):
            loaded.append(1)
            registry.add("from-plugin", 7)

    def entry_points(group):
        assert group == "opscore.test"
        return [EntryPoint()]

    monkeypatch.setattr("opscore.registry.metadata.entry_points", entry_points)
    registry: Registry[int] = Registry("number", entry_points="opscore.test")
    assert loaded == []
    assert registry["from-plugin"] == 7
    assert list(registry) == ["from-plugin"]
    assert loaded == [1]
