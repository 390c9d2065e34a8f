from __future__ import annotations

import pytest

from opscore.errors import Note, OpscoreError, UserError
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


def test_a_plug_in_that_cannot_be_loaded_is_named_and_left_out(monkeypatch):
    class Distribution:
        name = "their-package"

    class EntryPoint:
        name, value, dist = "theirs", "their.module", Distribution()

        def load(self):
            raise ImportError("No module named\n'gone'")

    monkeypatch.setattr("opscore.registry.metadata.entry_points", lambda group: [EntryPoint()])
    registry: Registry[int] = Registry("number", entry_points="opscore.numbers")
    registry.add("one", 1)
    with pytest.warns(Note, match=r"'their-package': its number plug-in 'theirs' .*gone") as told:
        assert registry["one"] == 1
    assert "\n" not in str(told[0].message)


def test_the_same_definition_replaces_and_another_one_does_not():
    def make(value):
        def entry():
            return value

        return entry

    registry: Registry[object] = Registry("thing")
    registry.add("one", make(1))
    with pytest.warns(Note, match="thing 'one' is defined again"):
        registry.add("one", make(2))
    assert registry["one"]() == 2
    with pytest.raises(OpscoreError, match="already registered"):
        registry.add("one", print)
