"""docs/architecture.md names files, names and rooms that there are, and all of the rooms."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", TEXT)))
PATHS = [name for name in QUOTED if re.fullmatch(r"[\w./-]*(/|\.(py|md|csv|toml))", name)]
NAMES = [name for name in QUOTED if re.fullmatch(r"opscore(\.\w+)+", name)]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = SETTINGS["tool"]["importlinter"]["contracts"]


def resolve(name):
    """The object of a dotted name; the longest part that is a module is imported."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def test_the_page_names_much():
    assert len(PATHS) > 30
    assert len(NAMES) > 60


@pytest.mark.parametrize("name", PATHS)
def test_every_path_exists(name):
    path = ROOT / name
    assert path.is_dir() if name.endswith("/") else path.is_file()


@pytest.mark.parametrize("name", NAMES)
def test_every_dotted_name_exists(name):
    assert resolve(name) is not None


def test_a_name_that_is_not_there_is_found():
    with pytest.raises(AttributeError):
        resolve("opscore.paper.table2.table3")


def test_rooms_are_those_of_the_contract_in_its_order():
    layers = next(own["layers"] for own in CONTRACTS if own["type"] == "layers")
    rooms = []
    for layer in layers:
        for name in re.split(r"\s*[|:]\s*", layer):
            room = ".".join(name.split(".")[:2])
            if room not in rooms:
                rooms.append(room)
    assert re.findall(r"^\| `(opscore\.\w+)` \|", TEXT, re.MULTILINE) == rooms


def test_every_contract_is_told():
    assert re.findall(r"^- \*\*(.+)\*\*:", TEXT.split("## How")[0], re.MULTILINE) == [
        contract["name"] for contract in CONTRACTS
    ]


def test_every_room_has_a_place():
    package = ROOT / "opscore"
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in package.glob("*/__init__.py")}
    rooms -= {"__init__", "__main__", "_version"}
    assert not {room for room in rooms if f"`opscore.{room}`" not in TEXT}
