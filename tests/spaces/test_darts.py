"""DARTS and S1-S4 as spaces: genotypes, and which cells each has."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from opscore.errors import UserError
from opscore.published.genotypes import genotypes, space_of
from opscore.spaces import DARTS_SPACES, Genotype, get_space
from opscore.spaces.darts import DARTS, DARTS_NONE, S1, S2

GOOD = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 2), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 2)], normal_concat=range(2, 6), reduce=[('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1)], reduce_concat=range(2, 6))"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, str(genotype)) for name, genotype in genotypes().items()],
)
def test_published_genotypes_come_back_as_they_are(name, text):
    space = get_space(space_of(name))
    assert str(Genotype.parse(text)) == text
    state = space.parse(text)
    assert space.format(state) == text
    assert space.canonical(state) == state


@pytest.mark.parametrize(
    ("table", "column", "inside"),
    [("darts_trained_545", "architecture", 545), ("darts_trained_1000", "genotype", 189)],
)
def test_trained_cells_come_back_as_they_are(data_dir, table, column, inside):
    """Most cells of the larger table read an input twice: genotypes, but none of the space."""
    read = 0
    for text in pd.read_parquet(data_dir / f"{table}.parquet")[column]:
        genotype = Genotype.parse(text)
        assert Genotype.parse(str(genotype)) == genotype
        try:
            state = DARTS_NONE.state_of(genotype)
        except UserError as error:
            assert "twice" in str(error)
            continue
        read += 1
        for kind in ("normal", "reduce"):
            theirs, ours = genotype.pairs(kind), DARTS_NONE.genotype(state).pairs(kind)
            for place in range(0, 8, 2):
                assert sorted(theirs[place : place + 2]) == sorted(ours[place : place + 2])
    assert read == inside


def test_architectures_that_differ_on_edges_that_no_node_keeps_are_one():
    state = S2.parse(GOOD)
    edge = S2.edge_index("normal 0->3")
    assert "0" not in [S2.operations[28][op] for op in state.remaining(28)]
    others = list(state.architecture_indices)
    others[edge] = 1
    other = S2.architecture(others)
    assert other != state
    assert S2.canonical(other) == state
    assert S2.format(other) == S2.format(state)


def test_counts():
    assert [len(space.edges) for space in DARTS_SPACES] == [34] * 6
    assert DARTS.size == (3 * 6 * 10) ** 2 * 7**28
    assert DARTS_NONE.shape[:28] == (8,) * 28
    assert {len(ops) for ops in S1.operations[:28]} == {2}
    draw = np.random.default_rng(0)
    state = DARTS.architecture([int(n) for n in draw.integers(DARTS.choice_counts)])
    assert DARTS.format(DARTS.parse(DARTS.format(state))) == DARTS.format(state)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Genotype(", "Cell(", "the form is Genotype"),
        (")", "", "the form is Genotype"),
        ("('sep_conv_3x3', 0), ('skip_connect', 1), ", "", "has 8 pairs, two for each node; got 6"),
        ("sep_conv_3x3", "sep_conv_3x4", "sep_conv_3x3"),
        ("('skip_connect', 1)", "('skip_connect', 4)", "node 2 of the normal cell reads nodes 0"),
        ("('skip_connect', 1)", "('skip_connect', 0)", "reads 0 twice"),
        ("('skip_connect', 1)", "('none', 1)", "'darts-none' has it"),
        ("('skip_connect', 1)", "__import__('os')", "lists .operation, node."),
        ("range(2, 6)", "range(3, 6)", "side by side, not 3, 4, 5"),
        ("range(2, 6)", "range(10**9)", "puts side by side is range"),
        ("normal_concat=range(2, 6), ", "", "this one normal, reduce, reduce_concat"),
    ],
)
def test_a_bad_genotype_is_refused_in_a_line(old, new, says):
    text = GOOD.replace(old, new, -1 if old == ")" else 1)
    with pytest.raises(UserError, match=says) as error:
        DARTS.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Genotype(", "03/14 12:00:01 AM genotype = Genotype("),
        ("Genotype(", "MINE = Genotype("),
        ("', 0)", "', np.int64(0))"),
        ("range(2, 6)", "range(np.int64(2), numpy.int32(6))"),
        ("range(2, 6)", "[np.int64(2), 3, 4, 5]"),
    ],
)
def test_genotypes_are_read_as_other_programs_print_them(old, new):
    assert str(Genotype.parse(GOOD.replace(old, new))) == GOOD


def test_pairs_may_stand_in_a_list_for_each_node():
    nested = re.sub(r"(\('\w+', \d\), \('\w+', \d\))", r"[\1]", GOOD)
    assert nested.count("[[") == 2
    assert str(Genotype.parse(nested)) == GOOD


@pytest.mark.parametrize("cell", ["[[]]", "[('none', 1e999)]"])
def test_a_cell_of_another_form_is_one_line(cell):
    text = f"Genotype(normal={cell}, normal_concat=[2], reduce={cell}, reduce_concat=[2])"
    with pytest.raises(UserError, match="a cell of a genotype lists"):
        Genotype.parse(text)


def test_operations_of_another_space_are_refused():
    with pytest.raises(UserError, match="s1 has no sep_conv_3x3 on edge 0->2 of the normal cell"):
        S1.parse(GOOD)


def cells(normal):
    """A genotype of S3 with this normal cell, and separable convolutions in the other."""
    plain = [("sep_conv_3x3", source) for _ in range(4) for source in (0, 1)]
    return Genotype(tuple(normal), (2, 3, 4, 5), tuple(plain), (2, 3, 4, 5))


def test_none_is_written_as_a_skip_connection_on_the_first_free_input():
    """As DARTS does it: what was removed weighs as little as an input of 'none'."""
    sep, skip, none = "sep_conv_3x3", "skip_connect", "none"
    found = cells(
        [(none, 0), (sep, 1), (sep, 0), (none, 2), (none, 1), (sep, 3), (none, 3), (none, 4)]
    )
    written = cells(
        [(skip, 0), (sep, 1), (sep, 0), (skip, 1), (skip, 0), (sep, 3), (skip, 0), (skip, 1)]
    )
    space = get_space("s3")
    assert space.genotype(space.written(space.state_of(found))) == written
    for published in ("init_pt_s3_C10_0", "init_pt_s2_C10_0"):
        own = get_space(space_of(published))
        state = own.parse(str(genotypes()[published]))
        assert own.written(state) == state
    first = found.normal[0]
    assert DARTS_NONE.genotype(DARTS_NONE.written(DARTS_NONE.state_of(found))).normal[0] == (
        "max_pool_3x3",
        first[1],
    )
