from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from opscore.errors import UserError
from opscore.spaces.nasbench101_cells import (
    CONV1X1,
    CONV3X3,
    INPUT,
    MAXPOOL3X3,
    OUTPUT,
    PARENTS,
    Cell,
    oneshot_cells,
    oneshot_graphs,
)

#: graphs, cells, and classes of isomorphic cells of each space.
COUNTS = {1: (49, 2487, 2127), 2: (65, 3609, 3258), 3: (234, 24066, 17940)}


@cache
def cells_of(space):
    return list(oneshot_cells(space))


@cache
def hashes_of(space):
    return [one.graph_hash() for one in cells_of(space)]


def cell(edges, *operations):
    size = len(operations) + 2
    adjacency = np.zeros((size, size), dtype=np.int64)
    for source, target in edges:
        adjacency[source, target] = 1
    return Cell(adjacency, (INPUT, *operations, OUTPUT))


@pytest.mark.parametrize("space", COUNTS)
def test_every_graph_obeys_the_rules_of_its_space(space):
    graphs = list(oneshot_graphs(space))
    assert len(graphs) == len({graph.tobytes() for graph in graphs}) == COUNTS[space][0]
    parents = PARENTS[space] if space == 3 else (*PARENTS[space][:5], 0, PARENTS[space][5])
    for graph in graphs:
        assert (graph == np.triu(graph, 1)).all()
        assert graph.sum() <= 9
        wanted = np.array(parents)
        used = graph.any(axis=1)
        used[-1] = True
        np.testing.assert_array_equal(graph.sum(axis=0), np.where(used, wanted, 0))
        assert used[1:-1].any()


@pytest.mark.parametrize("space", COUNTS)
def test_there_are_as_many_cells_as_the_benchmark_has(space):
    assert len(cells_of(space)) == COUNTS[space][1]
    if space < 3:  # 24,066 hashes take nine seconds
        assert len(set(hashes_of(space))) == COUNTS[space][2]


@pytest.mark.parametrize("space", [1, 2])
def test_cells_and_their_order_are_those_of_the_tables(space, data_dir):
    table = pd.read_parquet(data_dir / f"nb1shot1_space{space}.parquet")
    names = table[["input", *(f"node{i}" for i in range(1, 6)), "output"]]
    cells = cells_of(space)
    assert [one.operations for one in cells] == list(names.itertuples(index=False, name=None))
    digits = ["".join(map(str, one.adjacency.ravel())) for one in cells]
    assert digits == table["adjacency"].tolist()
    assert hashes_of(space) == table["graph_hash"].tolist()
    assert [len(one.used()) - 2 for one in cells] == table["n_nodes_used"].tolist()


def test_isomorphic_cells_share_their_hash_and_others_do_not():
    edges = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]
    first = cell(edges, CONV1X1, CONV3X3, MAXPOOL3X3)
    assert first.graph_hash() == cell(edges, CONV3X3, CONV1X1, MAXPOOL3X3).graph_hash()
    others = {cell(edges, *names).graph_hash() for names in permutations(first.operations[1:-1])}
    assert len(others) == 3
    assert cell(edges[1:], *first.operations[1:-1]).graph_hash() != first.graph_hash()


def test_loose_ends_do_not_count():
    whole = cell([(0, 1), (1, 2)], CONV3X3)
    loose = cell([(0, 1), (0, 2), (1, 3)], CONV3X3, CONV1X1)  # 2 leads nowhere
    orphan = cell([(0, 1), (2, 3), (1, 3)], CONV3X3, CONV1X1)  # 2 comes from nowhere
    assert loose.used() == orphan.used() == [0, 1, 3]
    assert whole.graph_hash() == loose.graph_hash() == orphan.graph_hash()
    assert loose.pruned().operations == (INPUT, CONV3X3, OUTPUT)


def test_what_is_no_cell_is_one_line():
    with pytest.raises(UserError, match=r"no path"):
        cell([(0, 1)], CONV1X1).graph_hash()
    with pytest.raises(UserError, match=r"spaces 1, 2 and 3, not 4"):
        next(oneshot_cells(4))
