"""Every space that ships has a page with its picture, and the pictures are drawn by the script."""

import importlib.util
import re
from pathlib import Path

import pytest

from opscore.errors import UserError
from opscore.spaces import SPACES

#: Pages of several spaces.
PAGES = {
    **{f"nb1shot1-{number}": "nb1shot1" for number in (1, 2, 3)},
    "darts-none": "darts",
    **{f"s{number}": "s1-s4" for number in (1, 2, 3, 4)},
}

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "spaces"


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", FOLDER / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_space_has_a_page_with_its_picture(pictures):
    pages = {path.stem: path.read_text() for path in FOLDER.glob("*.md")}
    for name in SPACES:
        page = PAGES.get(name, name)
        assert name in pages[page].splitlines()[0]
        assert f"]({page}.png)" in pages[page]
        assert page in pictures.PICTURES
        assert (FOLDER / f"{page}.png").is_file()
        assert f"({page}.md)" in pages["README"]


def test_the_pages_architectures_are_of_their_spaces():
    found = {}
    for path in FOLDER.glob("*.md"):
        for text in re.findall(r"`([^`\n]+)`", path.read_text().replace("\\|", "|")):
            for name, space in [(name, SPACES[name]) for name in SPACES]:
                try:
                    state = space.parse(text)
                except UserError:
                    continue
                assert space.is_valid(state), text
                found.setdefault(path.stem, set()).add(name)
    assert {"nasbench201", "nasbench-macro", "nb1shot1", "transnas-micro"} <= set(found)


def test_a_picture_is_drawn_and_an_unknown_one_refused(pictures, tmp_path, capsys):
    pictures.main(["nasbench-macro", "--out", str(tmp_path / "new")])
    assert (tmp_path / "new" / "nasbench-macro.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(SystemExit) as stopped:
        pictures.main(["nowhere"])
    assert stopped.value.code == 2
    assert "no picture 'nowhere'" in capsys.readouterr().err
