from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from opscore.errors import UserError
from opscore.policies import make_policy
from opscore.proxies import PROXIES, register_proxy
from opscore.rng import torch_generator
from opscore.runs.store import Pieces
from opscore.search.base import ORDERS, TRACE
from opscore.search.orders import find_order
from opscore.search.perturbation import zero_cost_pt
from opscore.search.proposal import propose, read_proposal, with_alphas, write_proposal
from opscore.spaces import NASBENCH201, get_space

E, OPS = 6, 5
A0 = NASBENCH201.initial_state()

#: Perturbations by (order, meaning): Table 5, and the authors' code where that differs.
COUNTS = {
    ("fixed", "paper"): OPS * E,
    ("random", "paper"): OPS * E,
    ("global-op-iter", "paper"): OPS * E * (E + 1) // 2,
    ("global-edge-iter", "paper"): OPS * E * (E + 1) // 2,
    ("global-op-once", "paper"): 2 * OPS * E - OPS,
    ("global-edge-once", "paper"): 2 * OPS * E - OPS,
    ("global-op-iter", "authors"): OPS * E * (E + 1) // 2,
    ("global-edge-iter", "authors"): OPS * E * (E + 1) // 2 + OPS * E,
    ("global-op-once", "authors"): OPS * E,
    ("global-edge-once", "authors"): OPS * E,
}


@pytest.fixture
def by_size():
    """A proxy that says how many operations of which kind are left: quick, and known by hand."""

    def worth(supernet, weights, batch, how):
        # Operation o of edge e is worth 10 o + e.
        for place, table in enumerate(weights):
            yield [place], sum(10 * o + e for e, o in (table != 0).nonzero().tolist())

    @register_proxy("by-size", higher_is_better=True, source="test", engine=worth)
    def by_size(network, batch):
        raise AssertionError("the engine has every value")

    yield by_size
    PROXIES.remove("by-size")


@pytest.mark.parametrize(("order", "orders"), list(COUNTS))
def test_the_perturbations_are_those_of_table_5(context, by_size, order, orders):
    proposal = propose(context, "zc-pt(by-size)", find_order(order, orders), 0)
    assert len(proposal.trace) == COUNTS[order, orders]
    assert proposal.trace["decided"].sum() == E
    # The most valuable operation stays on every edge, whatever the order.
    assert proposal.architecture == NASBENCH201.architecture([4] * E)
    edges = proposal.trace[proposal.trace["decided"]]["edge"].tolist()
    expected = {"fixed": [0, 1, 2, 3, 4, 5], "random": None}.get(order, [5, 4, 3, 2, 1, 0])
    assert sorted(edges) == list(range(E)) if expected is None else edges == expected


def test_every_order_is_counted():
    assert {order for order, _ in COUNTS} == set(ORDERS)


def test_disc_zc_keeps_what_is_worth_most(context, by_size):
    proposal = propose(context, "disc-zc(by-size)", find_order("fixed"), 0)
    assert proposal.architecture == NASBENCH201.architecture([4] * E)
    scores = proposal.trace[proposal.trace["edge"] == 0]["score"]
    assert scores.is_monotonic_increasing
    assert scores.diff().dropna().eq(10).all()


def test_ties_go_to_the_first_operation_and_failures_are_passed_over(context):
    @register_proxy("tied", higher_is_better=True, source="test")
    def tied(network, batch):
        # Without operation 0 of an edge there is no score.
        return math.nan if bool((network.weights[:, 0] == 0).any()) else 1.0

    try:
        proposal = propose(context, "zc-pt(tied)", find_order("fixed"), 0)
    finally:
        PROXIES.remove("tied")
    # Edge 0 loses 'none' at its first decision, and then nothing has a score.
    assert proposal.architecture is None
    first = proposal.trace[proposal.trace["step"] == 0]
    assert first[first["decided"]]["op"].tolist() == ["skip_connect"]
    assert first["status"].tolist() == ["not finite (nan)", "ok", "ok", "ok", "ok"]
    assert proposal.status == "no operation of edge 1 has a score: not finite (nan)"


def test_a_step_is_the_policy_on_the_supernet_of_the_seed_with_new_alphas(context):
    number = 3
    proposal = propose(context, "zc-pt(nwot)", find_order("fixed"), number)
    step = proposal.trace[proposal.trace["step"] == 2]
    state = A0
    for row in proposal.trace[proposal.trace["decided"]].itertuples():
        if row.step < 2:
            state = state.discretize(row.edge, row.op)
    own = context.redrawn("search", number, 2, "decide")
    generator = torch_generator(0, "search", "alphas", number)
    own.__dict__["supernet"] = with_alphas(context.supernet, generator)
    scores = make_policy("zc-pt(nwot)", own).scores(state, [2])[2]
    assert step["score"].tolist() == [score.value for score in scores]
    assert step["state"].unique().tolist() == [str(state)]


def test_proposals_share_weights_and_differ_in_alphas_and_images(context):
    supernet = context.supernet
    before = supernet.alphas.clone()
    copied = with_alphas(supernet, torch.Generator().manual_seed(1))
    assert torch.equal(supernet.alphas, before)
    assert not torch.equal(copied.alphas, before)
    for mine, theirs in zip(copied.parameters(), supernet.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    first, second = (propose(context, "zc-pt(nwot)", find_order("fixed"), p) for p in (0, 1))
    assert first.trace["score"].iloc[0] != second.trace["score"].iloc[0]


def test_a_proposal_does_not_depend_on_those_before_it(context):
    rule = find_order("random")
    late = propose(context, "zc-pt(nwot)", rule, 1)
    propose(context, "zc-pt(nwot)", rule, 0)
    pd.testing.assert_frame_equal(propose(context, "zc-pt(nwot)", rule, 1).trace, late.trace)


def test_files_hold_proposals(context, by_size, tmp_path):
    proposal = propose(context, "zc-pt(by-size)", find_order("random"), 0)
    pieces = Pieces(tmp_path)
    assert read_proposal(pieces, 0, A0) is None
    write_proposal(pieces, proposal)
    found = read_proposal(pieces, 0, A0)
    assert (found.architecture, found.seconds) == (proposal.architecture, proposal.seconds)
    assert list(found.trace) == list(TRACE)
    pd.testing.assert_frame_equal(found.trace, proposal.trace)
    write_proposal(pieces, replace(proposal, number=1, trace=proposal.trace.iloc[:10]))
    assert read_proposal(pieces, 1, A0).architecture is None
    (tmp_path / "proposal-0.parquet").write_bytes(b"half")
    with pytest.raises(UserError, match="cannot be read"):
        read_proposal(pieces, 0, A0)


def test_a_proposal_of_the_authors_decides_both_kinds_of_cell_on_one_minibatch(by_size):
    asked = {"space": "darts", "size": "smoke", "batch_size": 4, "images": "noise"}
    theirs = {**asked, "order": "random", "orders": "authors", "proposals": 2, "validation": 0}
    trace = zero_cost_pt("by-size", **theirs).trace
    assert (trace.groupby("proposal").size() == 7 * 28 + 2 * 12).all()
    decided = trace[trace["decided"]].drop_duplicates(["proposal", "step", "edge"])
    per_step = decided.groupby(["proposal", "step"])["edge"].apply(list)
    assert len(per_step) == 2 * 17
    cells = get_space("darts").by_cell(range(34))
    assert all(edge in cell for row in per_step for edge, cell in zip(row, cells, strict=True))
    states = trace[trace["proposal"] == 0].groupby("step")["state"].nunique()
    assert (states == 2).all(), "the reduction cell is scored with the normal one decided"
    assert per_step[0].tolist() != per_step[1].tolist()
