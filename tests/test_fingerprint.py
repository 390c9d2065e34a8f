"""What names the code that a user registers: source as written, present values, any Python."""

import functools
import importlib
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import opscore
from opscore.errors import Note
from opscore.fingerprint import _Reader, fingerprint, named_once
from opscore.registry import Registry

SAMPLE = """
import dataclasses, enum, functools, math
from pathlib import Path
from typing import NamedTuple

import numpy as np

import helpers_of_a_user as helpers

POWERS = [1.0]
CACHE = {}
COUNT = 0


class Kind(enum.Enum):
    A = 1


@dataclasses.dataclass(frozen=True)
class Options:
    gain: float = 1.0
    kinds: tuple = (Kind.A,)


class Pair(NamedTuple):
    a: int
    b: int = 2


OPTIONS = Options()


@functools.lru_cache
def cached(x):
    return math.sqrt(x) + OPTIONS.gain


def plain(network, batch):
    return sum(p**k for p in network for k in POWERS)


def rich(network, batch):
    global COUNT
    COUNT += 1
    values = [helpers.scale(x) for x in network if x in CACHE or not CACHE.setdefault(x, 1)]
    return f"{values!r:>9} {[k for k in batch]}", cached(2), Pair(1), Path("."), np.mean([1])


def make(power):
    def inner(network, batch):
        return [power for _ in range(3)]
    return inner


closed = make(3)
one, two = (lambda n, b: 1 + n), (lambda n, b: 2 + n)


class Proxy:
    table = {"a": np.arange(3)}

    def __init__(self, k=2):
        self.k, self.pair = k, Pair(k)

    @functools.cached_property
    def doubled(self):
        return [self.k for _ in "ab"]

    def __call__(self, network, batch):
        with open("x") as file:
            return super().__repr__() + self.doubled
"""

GOLDEN = [
    "62cb6a3cc58a9c4a",
    "ec495ac1e28d9b9b",
    "f08c488e81755e2b",
    "d7e029da5d17a284",
    "987ff9590e1a82ab",
    "b7bdade2cd2a68b5",
    "9e618ef173340576",
]

HELPERS = """
FACTOR = 3


def scale(x):
    return FACTOR * x
"""


@pytest.fixture
def user(tmp_path, monkeypatch):
    """The sample as an imported module; ``user.helpers`` is the other one."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("helpers_of_a_user", HELPERS), ("code_of_a_user", SAMPLE)):
        (tmp_path / f"{name}.py").write_text(text)
        sys.modules.pop(name, None)
    return importlib.import_module("code_of_a_user")


def test_names_are_the_same_under_every_python(user):
    """The values were made by Python 3.11, 3.12 and 3.13 alike."""
    things = (user.plain, user.rich, user.closed, user.one, user.two, user.Proxy, user.Proxy(3))
    assert [fingerprint(thing) for thing in things] == GOLDEN


def test_no_compiled_code_enters_where_there_is_source(user, monkeypatch):
    monkeypatch.setattr(_Reader, "_compiled", None)
    fingerprint((user.plain, user.rich, user.closed, user.one, user.Proxy(3), user.Options()))


CHANGES = {
    "a list": ("plain", lambda user: user.POWERS.append(3.0)),
    "a dictionary": ("rich", lambda user: user.CACHE.update(a=1)),
    "another module's value": ("rich", lambda user: setattr(user.helpers, "FACTOR", 4)),
    "what a helper of a helper reads": ("rich", lambda user: setattr(user, "OPTIONS", None)),
    "a default": ("plain", lambda user: setattr(user.plain, "__defaults__", (1,))),
    "an attribute": ("plain", lambda user: setattr(user.plain, "gain", 1)),
    "a class attribute": ("Proxy", lambda user: user.Proxy.table.update(b=1)),
    "a method": ("Proxy", lambda user: setattr(user.Proxy, "__call__", user.plain)),
    "an array": ("Proxy", lambda user: user.Proxy.table["a"].__setitem__(0, 9)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_present_values_count(user, change):
    name, act = CHANGES[change]
    before = fingerprint(getattr(user, name))
    assert fingerprint(getattr(user, name)) == before
    act(user)
    assert fingerprint(getattr(user, name)) != before


def test_what_the_code_itself_assigns_is_its_state(user):
    before = fingerprint(user.rich)
    user.COUNT = 7
    assert fingerprint(user.rich) == before


def test_what_scoring_fills_is_no_setting_but_what_the_user_changes_is(user):
    before = fingerprint(user.rich)
    with named_once():
        assert fingerprint(user.rich) == before
        user.rich([1, 2], [])
        assert fingerprint(user.rich) == before
    assert fingerprint(user.rich) == before, "in the next call too"
    with named_once():
        assert fingerprint(user.rich) == before
        user.rich([3], [])
    assert fingerprint(user.rich) == before
    user.CACHE[9] = 9
    assert fingerprint(user.rich) != before


def test_lambdas_of_one_line_are_two(user):
    assert fingerprint(user.one) != fingerprint(user.two)
    same = functools.partial(user.one, 1)
    assert fingerprint(same) == fingerprint(functools.partial(user.one, 1))


def test_an_edited_file_does_not_name_the_code_that_runs(user, tmp_path):
    """The process still has the old function, whatever its file says now."""
    before = fingerprint(user.plain)
    path = tmp_path / "code_of_a_user.py"
    path.write_text(SAMPLE.replace("p**k", "p * k"))
    with pytest.warns(Note, match=r"plain: its source is not to be had.*edited since"):
        assert fingerprint(user.plain) != before
    path.write_text(SAMPLE)
    assert fingerprint(user.plain) == before


def test_code_without_source_is_named_by_what_it_was_compiled_to():
    def made(text):
        space = {}
        exec(text, space)
        return space["f"]

    with pytest.warns(Note, match="its compiled code names its results"):
        one = fingerprint(made("def f(x): return x + 1"))
    with pytest.warns(Note):
        assert fingerprint(made("def f(x):\n\n    return x + 1")) == one
    with pytest.warns(Note):
        assert fingerprint(made("def f(x): return x + 2")) != one


def test_cells_of_a_notebook_have_their_source(monkeypatch):
    """Run again they are the same; their settings count as they are now."""
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setattr(_Reader, "_compiled", None)
    shell = InteractiveShell()
    cell = "def mine(network, batch):\n    return PARAMS['gain'] * math.sqrt(2)"
    shell.run_cell("from __future__ import annotations\nimport math\nPARAMS = {'gain': 1}\n" + cell)
    first = fingerprint(shell.user_ns["mine"])
    shell.run_cell(cell)
    assert fingerprint(shell.user_ns["mine"]) == first
    shell.run_cell("PARAMS['gain'] = 2")
    assert fingerprint(shell.user_ns["mine"]) != first


def test_a_package_whose_name_begins_as_ours_is_somebody_elses():
    """As opscore_plugin beside opscore: its code counts, and what it registers is from outside."""
    things = Registry("thing")

    def made(value):
        file = f"{Path(opscore.__file__).parent}_plugin/own.py"
        text = f"def own(network, batch):\n    return {value}\nthings.add('own-{value}', own)\n"
        given = {"__name__": "opscore_plugin.own", "things": things}
        exec(compile(text, file, "exec"), given)
        return given["own"]

    with pytest.warns(Note):
        assert fingerprint(made(1)) != fingerprint(made(2))
    assert things.is_from_outside("own-1")


def test_objects_count_by_what_they_hold():
    assert fingerprint(random.Random(1)) != fingerprint(random.Random(2))
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint({1: 2, 3: 4}) == fingerprint({3: 4, 1: 2})
    assert fingerprint(np.zeros(2)) != fingerprint(np.zeros(2, np.float32))
    ring = []
    ring.append(ring)
    assert fingerprint(ring) == fingerprint(ring)


def test_a_version_names_a_policy_or_method_whatever_its_code_is():
    from opscore.experiments.dependencies import policy_key
    from opscore.policies import POLICIES, PolicyFamily
    from opscore.policies.random import RandomPolicy
    from opscore.search.base import METHODS, MethodFamily, SearchSettings, find_method
    from opscore.search.method_keys import search_key
    from opscore.search.sampling import RandomArchitecture

    def named(policy, method, version):
        POLICIES.remove("mine")
        METHODS.remove("mine")
        POLICIES.add("mine", PolicyFamily(lambda c, a: policy(c), policy, "", version=version))
        METHODS.add("mine", MethodFamily(lambda argument: method(), "", version=version))
        return policy_key("mine"), search_key(find_method("mine"), SearchSettings(), 0)

    class Policy(RandomPolicy):
        factor = 1

    class Method(RandomArchitecture):
        name = "mine"
        factor = 1

    try:
        for version, same in ((None, False), ("2", True)):
            before = named(Policy, Method, version)
            Policy.factor = Method.factor = Policy.factor + 1
            after = named(Policy, Method, version)
            assert [one == other for one, other in zip(before, after, strict=True)] == [same, same]
    finally:
        POLICIES.remove("mine")
        METHODS.remove("mine")
