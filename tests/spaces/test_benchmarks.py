"""NAS-Bench-Macro, NAS-Bench-1Shot1 and TransNAS-Bench-101 as spaces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from opscore.errors import UserError
from opscore.spaces import DARTS_SPACES, NASBENCH_MACRO, NB1SHOT1, SPACES, TRANSNAS_MICRO, get_space
from opscore.spaces.nasbench101_cells import oneshot_cells


def drawn(space, count, seed=0):
    draw = np.random.default_rng(seed)
    for choices in draw.integers(space.choice_counts, size=(count, len(space.edges))):
        yield space.architecture([int(choice) for choice in choices])


@pytest.mark.parametrize("name", list(SPACES))
def test_every_space_reads_what_it_writes(name):
    space = SPACES[name]
    for state in drawn(space, 30):
        one = space.canonical(state)
        read = space.parse(space.format(state))
        # A genotype of DARTS says nothing of edges that no node keeps, and the digits of a macro
        # network name what its modules change.
        plain = name in {*(s.name for s in DARTS_SPACES), "transnas-macro"}
        assert read == (one if plain else state)
        assert space.canonical(one) == one
        assert space.is_valid(one) == space.is_valid(state)


def test_macro_counts_strings_and_networks():
    assert NASBENCH_MACRO.size == 6561
    states = NASBENCH_MACRO.initial_state().completions()
    assert len({NASBENCH_MACRO.canonical(state) for state in states}) == 3969


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("22202212", "22220212"), ("10101001", "10110010"), ("00000000", "00000000")],
)
def test_macro_moves_identities_to_the_end_of_a_stage(text, canonical):
    state = NASBENCH_MACRO.parse(text)
    assert NASBENCH_MACRO.format(NASBENCH_MACRO.canonical(state)) == canonical


@pytest.mark.parametrize("text", ["2221222", "222122200", "22212223", "abcdefgh", ""])
def test_macro_says_what_a_string_looks_like(text):
    with pytest.raises(UserError, match="8 digits of 0, 1 and 2, such as 22212220"):
        NASBENCH_MACRO.parse(text)


@pytest.mark.parametrize(
    ("space", "size", "keeps"),
    [
        (NB1SHOT1[0], 14_580, (1, 1, 1, 1, 2, 2, 2)),
        (NB1SHOT1[1], 29_160, (1, 1, 1, 1, 1, 2, 2, 3)),
        (NB1SHOT1[2], 1_312_200, (1, 1, 1, 1, 1, 1, 1, 2, 2, 2)),
    ],
)
def test_oneshot_blocks_parents_and_output_are_three_stages(space, size, keeps):
    assert space.size == size
    assert space.keeps == keeps
    blocks, parents, output = space.stages
    assert {space.operations[edge] for edge in blocks} == {
        ("maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu")
    }
    assert [space.edges[edge] for edge in output] == ["parents of output"]
    assert all(space.edges[edge].startswith("parents of block") for edge in parents)


@pytest.mark.parametrize("space", NB1SHOT1[:2], ids=lambda space: space.name)
def test_oneshot_validity_and_equality_are_those_of_the_benchmarks_list(space):
    listed = {cell.graph_hash() for cell in oneshot_cells(space.number)}
    for state in drawn(space, 120):
        cell = space.cell(state)
        valid = bool(cell.used()) and cell.graph_hash() in listed
        assert space.is_valid(state) == valid
        assert space.cell(space.canonical(state)).graph_hash() == cell.graph_hash()


def test_oneshot_blocks_without_a_part_do_not_matter():
    space = NB1SHOT1[0]
    ops = ["conv3x3-bn-relu"] * 4
    rest = [("input", "block1"), ("input", "block1"), ("input", "block1")]
    first = space.architecture([*ops, *rest])
    other = space.architecture(["conv3x3-bn-relu", "maxpool3x3", "maxpool3x3", ops[3], *rest])
    assert space.canonical(first) == space.canonical(other)


def test_transnas_strings():
    state = TRANSNAS_MICRO.parse("64-41414-1_23_032")
    assert state.architecture_indices == (1, 2, 3, 0, 3, 2)
    assert TRANSNAS_MICRO.size == 4096
    with pytest.raises(UserError, match="the form is 64-41414-a_bc_def"):
        TRANSNAS_MICRO.parse("64-41414-1_23_042")


def test_transnas_cells_that_differ_in_dead_edges_only():
    live = {TRANSNAS_MICRO.live(state) for state in TRANSNAS_MICRO.initial_state().completions()}
    # 4,096 cells have 2,128 live parts: 76 of these belong to several cells, 2,044 in all.
    assert len(live) == 4096 - 2044 + 76
    assert (
        TRANSNAS_MICRO.format(TRANSNAS_MICRO.live(TRANSNAS_MICRO.parse("64-41414-0_13_222")))
        == "64-41414-0_10_202"
    )


def test_macro_strings_are_those_of_the_benchmark(data_dir):
    space = get_space("transnas-macro")
    states = list(space.initial_state().completions())
    assert len(states) == space.size == 4**4 * 5**2
    names = {space.format(state) for state in states if space.is_valid(state)}
    table = pd.read_parquet(data_dir / "transnas_macro.parquet", columns=["arch_str"])
    assert names == set(table["arch_str"])


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ((3, 3, 0, 2, 4, 4), "64-4413-basic"),  # as the benchmark writes it
        ((0, 1, 0, 2, 4, 1), "64-12132-basic"),  # the last module moves forward
        ((1, 1, 1, 1, 2, 4), "64-22213-basic"),  # a fourth doubling keeps the width
        ((3, 3, 3, 3, 3, 0), "64-444311-basic"),  # and a fifth halving the resolution
    ],
)
def test_macro_networks_that_can_be_written_in_several_ways(written, same):
    space = get_space("transnas-macro")
    state = space.architecture(written)
    assert space.format(state) == same
    assert space.canonical(state) == space.parse(same)
    assert space.is_valid(state)


def test_macro_networks_get_wider_and_coarser():
    space = get_space("transnas-macro")
    assert not space.is_valid(space.parse("64-1212-basic"))
    assert not space.is_valid(space.parse("64-131313-basic"))
    assert space.is_valid(space.parse("64-1114-basic"))
    for bad in ("64-444-basic", "64-4444444-basic", "64-4405-basic", "32-4411-basic"):
        with pytest.raises(UserError, match="4 to 6 digits 1 to 4"):
            space.parse(bad)
