"""zc-pt in one cell at a time: by a proxy worked by hand, and by the networks themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from opscore.experiments import ScoringContext, ScoringSettings
from opscore.experiments.initial.units import score_table
from opscore.policies import make_policy
from opscore.proxies import How, Score, get_proxy, register_proxy, unregister_proxy
from opscore.spaces import NASBENCH201
from opscore.supernets.cells import CellByCell, cells_of
from tests.cases import batch_of, new_supernet, weights_of
from tests.policies.test_policies import CONTEXT

INITIAL = NASBENCH201.initial_state()
NAME = "zc-pt(here, by=cell)"


@pytest.fixture
def here():
    """Worths 0 to 4 of the operations, in the last of three cells turned round; level on edge 5."""
    worth = np.tile(np.arange(5.0), (3, 6, 1))
    worth[2] = worth[2, :, ::-1]
    worth[:, 5] = 1
    worth[1, 0] = 0  # the second cell says nothing of edge 0

    @register_proxy("here", higher_is_better=True, source="a case worked by hand")
    def value(network, batch):
        return float(((network.weights.numpy() != 0) * worth.reshape(18, 5)).sum())

    yield
    unregister_proxy("here")


@pytest.mark.usefixtures("here")
def test_ranks_of_cells_are_averaged():
    found = make_policy(NAME, CONTEXT).scores(INITIAL, range(6))
    for edge in (1, 2, 3, 4):  # ranks r, r, 1 - r
        for op, score in enumerate(found[edge]):
            ranks = [op / 4, op / 4, 1 - op / 4]
            assert score.value == pytest.approx(np.mean(ranks))
            assert score.error == pytest.approx(np.std(ranks, ddof=1) / np.sqrt(3))
    for op, score in enumerate(found[0]):  # r, 1 - r
        assert score.value == pytest.approx(0.5)
        assert score.error == pytest.approx(np.std([op / 4, 1 - op / 4], ddof=1) / np.sqrt(2))
    assert {(score.value, score.error) for score in found[5]} == {(0.5, 0.0)}
    assert make_policy(NAME, CONTEXT).higher_is_better


def test_a_cell_that_tells_no_two_operations_apart_is_left_out():
    policy = make_policy("zc-pt(params, by=cell)", CONTEXT)
    lacking = Score(math.nan, "not finite (nan)")

    def ranked(*cells):
        rows = [
            [lacking if math.isnan(v) else Score(-v) for v in row]
            for row in zip(*cells, strict=True)
        ]
        return [score.value for score in policy._together(rows)]

    told = [0.0, 1.0, 2.0]
    assert ranked(told) == [0, 0.5, 1]
    assert ranked(told, [1.0, 1.0, math.nan]) == [0, 0.5, 1]
    assert ranked(told, [math.nan, 1.0, math.nan]) == [0, 0.5, 1]


@pytest.mark.usefixtures("here")
def test_tables_have_the_error_where_there_is_one():
    with_error = score_table(make_policy(NAME, CONTEXT), NASBENCH201, 0)
    assert with_error["error"].notna().all()
    assert "error" not in score_table(make_policy("zc-pt(l2_norm)", CONTEXT), NASBENCH201, 0)


@pytest.mark.parametrize("space", ["nasbench201", "transnas-micro", "nb1shot1-1", "darts"])
def test_with_the_same_rows_it_is_the_supernet(space):
    supernet, batch = new_supernet(space).eval(), batch_of(4, 32)
    own = CellByCell(supernet)
    count = len(cells_of(supernet))
    assert count > 1
    usual, changed = weights_of(space)[0], weights_of(space)[-1]
    with torch.no_grad():
        wanted = supernet(batch.images, usual)
        torch.testing.assert_close(own(batch.images, usual.repeat(count, 1)), wanted)
        tables = own.tables(usual, changed)
        assert len(tables) == count
        assert not torch.equal(own(batch.images, tables[0]), wanted)
    assert not any(cell._forward_pre_hooks for cell in cells_of(supernet))


@pytest.mark.parametrize("name", ["nwot", "synflow"])
def test_one_cell_is_changed_and_fast_is_plain(name):
    supernet, batch = new_supernet("nasbench201"), batch_of(4, 32)
    own, proxy = CellByCell(supernet), get_proxy(name)
    table = own.tables(supernet.weights(INITIAL), supernet.weights(INITIAL.perturb(3, 3)))[-1]
    (fast,) = proxy.scores_under(own, [table], batch)
    (plain,) = proxy.scores_under(own, [table], batch, How(fast=False))
    assert fast.value == pytest.approx(plain.value, rel=1e-9)
    whole = proxy.scores(supernet, [INITIAL], batch)[0].value
    assert fast.value != whole


def test_where_an_edge_stands_in_one_place_it_is_zc_pt():
    context = ScoringContext(
        ScoringSettings(
            space="nasbench-macro", size="smoke", batch_size=4, images="digits", device="cpu"
        ),
        0,
    )
    state = context.space.initial_state()
    by_cell = make_policy("zc-pt(l2_norm, by=cell)", context).scores(state, [0, 5])
    plain = make_policy("zc-pt(l2_norm)", context)
    for edge, row in plain.scores(state, [0, 5]).items():
        order = np.argsort([plain.strength(score) for score in row])
        assert [by_cell[edge][op].value for op in order] == [0, 0.5, 1]
        assert all(np.isnan(score.error) for score in by_cell[edge])
