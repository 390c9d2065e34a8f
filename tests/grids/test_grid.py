"""What a grid file may say; whatever is wrong in one is refused in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import opscore
from opscore.errors import Note, UserError
from opscore.grids.grid import Grid

EXAMPLE = Path(__file__).parents[2] / "examples" / "grid.toml"


def cells(**block):
    shared = block.pop("shared", {"size": "smoke", "images": "noise"})
    return Grid.of({"settings": shared, "grid": [block]}).cells()


@pytest.mark.usefixtures("data_dir")
def test_the_example_has_two_spaces_six_policies_five_seeds():
    found = Grid.of(EXAMPLE).cells()
    measured = {(c.space, c.policy, c.seed) for c in found if c.seed is not None}
    assert len({c.space for c in found}) == 2
    assert len({policy for _, policy, _ in measured}) == 6
    assert {seed for _, _, seed in measured} == set(range(5))
    assert len(measured) == 60
    assert len({c.name for c in found}) == len(found)


@pytest.mark.usefixtures("data_dir")
def test_the_grid_of_the_page_is_one():
    page = (EXAMPLE.parents[1] / "docs" / "batch.md").read_text()
    content = tomllib.loads(page.split("```toml\n")[1].split("```")[0])
    assert {c.kind for c in Grid.of(content).cells()} == {"initial", "search"}


def test_a_cell_that_is_named_twice_is_one():
    once = cells(policies=["random"], seeds=[0, 1])
    with pytest.warns(Note, match="taken once"):
        twice = cells(policies=["random", "random"], seeds=[0, 1, 0], settings=[{}, {}])
    assert [c.name for c in twice] == [c.name for c in once]


@pytest.mark.parametrize("kind", ["initial", "progressive", "search"])
def test_every_kind_of_run_has_cells(kind):
    word, names = ("methods", ["random"]) if kind == "search" else ("policies", ["random"])
    found = cells(kind=kind, seeds="0-2", **{word: names})
    assert {c.seed for c in found if c.policy == "random"} == {0, 1, 2}
    assert all(c.kind == kind and c.name.startswith(kind) for c in found)


def test_one_name_is_a_list_of_one_and_methods_are_those_of_a_search():
    assert {c.policy for c in cells(policies="random")} >= {"random"}
    assert {c.kind for c in cells(methods="random")} == {"search"}


def test_settings_are_a_dimension_of_the_grid():
    found = cells(policies=["zc-pt(nwot)"], seeds=[0], settings=[{"batch_size": n} for n in (4, 8)])
    sizes = [c.key["batch_size"] for c in found if c.policy == "zc-pt(nwot)"]
    assert sizes == [4, 8]


def test_paths_are_those_beside_the_file(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(
        '[settings]\nsize = "smoke"\nbatch_file = "mine.pt"\n[[grid]]\npolicies = ["random"]\n'
    )
    with pytest.raises(UserError, match=str(tmp_path / "mine.pt")):
        opscore.batch(path, tmp_path / "runs", finished="only-cache")


BAD = {
    "no block": ({}, r"no \[\[grid\]\] block"),
    "an empty list of blocks": ({"grid": []}, r"no \[\[grid\]\] block"),
    "blocks that are a text": ({"grid": "all"}, r"no \[\[grid\]\] block"),
    "a block that is none": ({"grid": [3]}, "block 1 is a table"),
    "an unknown entry": ({"grids": []}, "unknown entry 'grids'; did you mean grid"),
    "an unknown kind": ({"grid": [{"kind": "intial"}]}, "did you mean initial"),
    "a list as kind": ({"grid": [{"kind": []}]}, "unknown kind"),
    "no policies": ({"grid": [{}]}, "policies is a list of names, got nothing"),
    "a number as policy": ({"grid": [{"policies": [1]}]}, "list of names, got 1"),
    "an unknown policy": ({"grid": [{"policies": ["zc-pt(nwott)"]}]}, "did you mean nwot"),
    "an unknown space": (
        {"grid": [{"policies": ["random"], "spaces": ["nasbench202"]}]},
        "did you mean nasbench201",
    ),
    "a flag as seed": ({"grid": [{"policies": ["random"], "seeds": [True]}]}, "seed .* got True"),
    "a text as oracle": (
        {"grid": [{"policies": ["random"]}], "settings": {"oracle": "cifar10"}},
        "block 1: oracle is a table, got 'cifar10'",
    ),
    "an unknown setting of the oracle": (
        {"grid": [{"policies": ["random"]}], "settings": {"oracle": {"sources": "x"}}},
        "unknown setting 'sources'; did you mean source",
    ),
    "an order that is none": (
        {"grid": [{"kind": "progressive", "policies": ["random"], "settings": {"order": 3}}]},
        "order is a text or a list, got 3",
    ),
    "a negative seed": ({"grid": [{"policies": ["random"], "seeds": [-1]}]}, "seed"),
    "a half seed": ({"grid": [{"policies": ["random"], "seeds": [0.5]}]}, "seed"),
    "a NaN seed": ({"grid": [{"policies": ["random"], "seeds": [float("nan")]}]}, "seed"),
    "seeds that run backwards": (
        {"grid": [{"policies": ["random"], "seeds": "4-0"}]},
        "runs backwards",
    ),
    "very many seeds": ({"grid": [{"policies": ["random"], "seeds": "0-999999999"}]}, "more than"),
    "very many cells": (
        {"grid": [{"policies": ["random", "darts"], "seeds": "0-99998"}] * 2},
        "are the most",
    ),
    "an unknown setting": ({"settings": {"batchsize": 4}}, "did you mean batch_size"),
    "a setting of the wrong type": (
        {"grid": [{"policies": ["random"], "settings": {"batch_size": "4"}}]},
        "batch_size is a whole number, got '4'",
    ),
    "a flag as number": (
        {"grid": [{"policies": ["random"], "settings": {"batch_size": True}}]},
        "batch_size is a whole number",
    ),
    "a batch of none": (
        {"grid": [{"policies": ["random"], "settings": {"batch_size": 0}}]},
        "batch",
    ),
    "an unknown size": ({"grid": [{"policies": ["random"], "settings": {"size": "huge"}}]}, "size"),
    "no settings": ({"grid": [{"policies": ["random"], "settings": []}]}, "empty list"),
    "an unknown method": ({"grid": [{"kind": "search", "methods": ["zero"]}]}, "zero"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_line(case, tmp_path):
    content, words = BAD[case]
    with pytest.raises(UserError, match=words) as caught:
        opscore.batch(content, tmp_path / "runs")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"[[grid]\n", "cannot be read"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (b"a = " + b"[" * 5000, "nested too deep|cannot be read"),
    ],
)
def test_a_file_that_is_no_grid_is_refused(content, words, tmp_path):
    path = tmp_path / "grid.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        Grid.of(path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["nwot", "random", "zc-pt(nwot)", "search", "0-3", "nasbench201", "smoke"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "grid", "settings", "kind", "policies", "methods", "spaces", "seeds", "size",
            "batch_size", "images", "oracle", "device", "order", "name", "repeats", "split",
        ])
        | st.text(max_size=8),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::opscore.errors.Note")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(block=st.dictionaries(
    st.sampled_from(["kind", "policies", "methods", "spaces", "seeds", "settings"]), PLAIN
))  # fmt: skip
def test_no_content_ends_in_a_traceback(block):
    """Cells, or one line: never another error."""
    try:
        Grid.of({"grid": [{"policies": ["random"], **block}]}).cells()
    except UserError as error:
        assert "\n" not in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=60), place=st.integers(0, 2000))
def test_no_damaged_file_ends_in_a_traceback(noise, place, tmp_path_factory):
    whole = EXAMPLE.read_bytes()
    path = tmp_path_factory.mktemp("noise") / "grid.toml"
    place %= len(whole)
    path.write_bytes(whole[:place] + noise + whole[place + len(noise) :])
    try:
        Grid.of(path).cells()
    except UserError as error:
        assert "\n" not in str(error)


def test_images_of_ones_own_are_beside_the_file(tmp_path):
    np.savez(tmp_path / "own.npz", images=np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 0, 1])
    path = tmp_path / "grid.toml"
    path.write_text('[settings]\nimages = "own.npz"\n[[grid]]\npolicies = ["zc-pt(nwot)"]\n')
    (entry,) = Grid.of(path).entries
    assert entry.settings[0]["images"] == str(tmp_path / "own.npz")
    (tmp_path / "photos").mkdir()
    path.write_text('[settings]\nimages = "photos@16"\n[[grid]]\npolicies = ["zc-pt(nwot)"]\n')
    (entry,) = Grid.of(path).entries
    assert entry.settings[0]["images"] == str(tmp_path / "photos@16")
    path.write_text('[settings]\nimages = "digits"\n[[grid]]\npolicies = ["zc-pt(nwot)"]\n')
    (entry,) = Grid.of(path).entries
    assert entry.settings[0]["images"] == "digits"
