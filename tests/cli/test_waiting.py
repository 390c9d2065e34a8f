"""How threads wait, where the user has not said so."""

import os

import pytest

from opscore import cli

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """The process's environment, in which nobody has said anything."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in NAMES:
        os.environ.pop(name, None)


def waiting():
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    return {name: os.environ[name] for name in NAMES if name in os.environ}


def test_threads_of_a_command_give_their_core_up():
    assert waiting() == {"OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(("name", "value"), [(name, "7") for name in NAMES])
def test_what_the_user_says_stands(name, value):
    os.environ[name] = value
    assert waiting() == {name: value}
