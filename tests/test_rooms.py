"""Which rooms know a space by its name, beyond what the import contracts can say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import opscore
from opscore.data.catalogue import PROXY_VALUES
from opscore.paper.proxy_values import PUBLISHED_VALUES

PACKAGE = Path(opscore.__file__).parent

#: Rooms that are about one space each, file by file, and what was printed of them.
ROOMS = ("spaces", "supernets", "oracles", "data", "published", "paper")

#: How the names of spaces with a table begin.
NAMES = ("nasbench", "nb1shot1", "transnas")

#: The command that shows one published table, by that table's name.
ALLOWED = ("cli/replay.py",)


def test_only_some_rooms_know_a_space_by_its_name() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place.split("/")[0] not in ROOMS and place not in ALLOWED:
            code = path.read_text().lower()
            found += [
                f"{place}: {name}" for name in NAMES if f'"{name}' in code or f"'{name}" in code
            ]
            found += [f"{place}: {name}" for name in NAMES if f"import {name}" in code]
    assert not found


def test_the_default_space_is_the_papers() -> None:
    assert opscore.spaces.DEFAULT_SPACE == "nasbench201"
    assert "nasbench201" not in (PACKAGE / "cli" / "options.py").read_text()


def test_published_values_are_those_of_the_catalogue() -> None:
    assert tuple(PUBLISHED_VALUES) == PROXY_VALUES


IMPORTS = """
import sys

def absent(*libraries):
    found = [library for library in libraries if library in sys.modules]
    assert not found, found

import opscore.cli
import opscore.oracles
opscore.oracles.load_oracle(source="anb").table()
absent("torch", "matplotlib", "scipy")
for name in opscore.__all__:
    getattr(opscore, name)
absent("matplotlib", "seaborn", "sklearn", "scipy", "jinja2", "requests")
"""


def test_a_command_imports_what_it_uses() -> None:
    """Tables and oracles need no torch, and what computes needs nothing that draws."""
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
