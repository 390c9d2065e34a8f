from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from opscore.data.pickles import PLAIN_GLOBALS, load_restricted
from opscore.errors import UserError


class Malicious:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("allowed", [{}, PLAIN_GLOBALS], ids=["none", "plain"])
def test_a_malicious_pickle_is_refused_before_it_runs(tmp_path, protocol, allowed):
    proof = tmp_path / "it-ran"
    content = pickle.dumps({"a": Malicious(f"touch {proof}")}, protocol=protocol)
    with pytest.raises(UserError, match=r"asks for (posix|nt|os)\.system; it is not trusted"):
        load_restricted(io.BytesIO(content), allowed)
    assert not proof.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_content_comes_through(protocol):
    value = {
        "tuple": (1, 2.5, "x", b"y", None),
        "set": {1, 2},
        "ordered": OrderedDict(a=1),
        "default": defaultdict(list, a=[1]),
        "scalar": np.float64(1.5),
        "array": np.arange(6.0).reshape(2, 3),
    }
    found = load_restricted(io.BytesIO(pickle.dumps(value, protocol=protocol)), PLAIN_GLOBALS)
    np.testing.assert_array_equal(found.pop("array"), value.pop("array"))
    assert found == value


def test_nothing_is_allowed_unless_it_is_said():
    content = pickle.dumps(OrderedDict(a=1))
    with pytest.raises(UserError, match=r"collections\.OrderedDict"):
        load_restricted(io.BytesIO(content))


def test_stand_ins_take_the_place_of_classes():
    class StandIn:
        pass

    content = b"cpackage.module\nThing\n)\x81."  # an instance of package.module.Thing
    found = load_restricted(io.BytesIO(content), {("package.module", "Thing"): StandIn})
    assert isinstance(found, StandIn)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"no pickle", pickle.dumps([1] * 50)[:-9]])
def test_damage_is_one_line(content):
    with pytest.raises(UserError, match=r"not a readable pickle") as caught:
        load_restricted(io.BytesIO(content))
    assert "\n" not in str(caught.value)
