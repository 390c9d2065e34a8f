"""Policies that score many states for one number: completions, orders of removal, two proxies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from running import failing_proxy

from opscore.errors import UserError
from opscore.experiments.dependencies import policy_key
from opscore.policies import completions, make_policy, shapley
from opscore.policies.pairwise import next_to
from opscore.proxies import may_pass, proxies_in, register_proxy, unregister_proxy
from opscore.spaces import NASBENCH201, get_space
from opscore.supernets import StateNetwork
from tests.policies.test_policies import CONTEXT

INITIAL = NASBENCH201.initial_state()
#: Two edges are open, with three and two operations.
OPEN = INITIAL.perturb(0, 0).perturb(0, 1).perturb(1, 0).perturb(1, 1).perturb(1, 2)
for _edge in range(2, 6):
    OPEN = OPEN.discretize(_edge, 3)
WORTH = np.array([[0, 0, 1, 2, 4], [0, 0, 0, 1, 3]])


@pytest.fixture
def worth():
    """A proxy that is known by hand: worths of what remains, and 10 where both edges keep op 4."""

    def value(network: StateNetwork, batch) -> float:
        rows = network.weights.numpy()[:2] != 0
        return float((rows * WORTH).sum() + 10 * (rows[0, 4] and rows[1, 4]))

    register_proxy("worth", higher_is_better=True, source="a case worked by hand")(value)
    register_proxy("cost", higher_is_better=False, source="the same, turned")(
        lambda network, batch: -value(network, batch)
    )
    yield
    unregister_proxy("worth")
    unregister_proxy("cost")


def rows(name, state=OPEN, edges=(0, 1)):
    scores = make_policy(name, CONTEXT).scores(state, edges)
    return [[score.value for score in scores[edge]] for edge in edges]


@pytest.mark.usefixtures("worth")
@pytest.mark.parametrize(
    ("family", "expected"),
    [
        # completions of edge 0's op 2: 1 + 1 and 1 + 3; of op 3: 2 + 1, 2 + 3; of op 4: 5, 17
        ("best-zc", [[4, 5, 17], [5, 17]]),
        ("avg-zc", [[3, 4, 11], [10 / 3, 26 / 3]]),
        ("median-zc", [[3, 4, 11], [3, 5]]),
    ],
)
def test_completions_by_hand(family, expected):
    for found, wanted in zip(rows(f"{family}(worth)"), expected, strict=True):
        assert found == pytest.approx(wanted)
    turned = rows(f"{family}(cost)")
    for found, wanted in zip(turned, expected, strict=True):
        assert found == pytest.approx([-value for value in wanted])
    assert not make_policy(f"{family}(cost)", CONTEXT).higher_is_better


def test_drawn_completions_have_each_operation_equally_often():
    drawn = completions.drawn_completions(INITIAL, 0)
    assert len(drawn) == completions.SAMPLES
    for edge in range(6):
        counts = np.bincount([state.remaining(edge)[0] for state in drawn], minlength=5)
        assert (counts == completions.SAMPLES // 5).all()
    assert drawn == completions.drawn_completions(INITIAL, 0)
    assert drawn != completions.drawn_completions(INITIAL, 1)


@pytest.mark.usefixtures("worth")
def test_what_leaves_loses_its_worth():
    """Without the pair an operation's loss is its own worth in every order."""
    (first, second) = rows("shapley-zc(worth)")
    assert first[:2] == [1, 2]
    assert second[0] == 1
    # The pair's 10 are lost by whichever of the two leaves first, if both do not stay.
    assert 4 <= first[2] <= 14
    assert 3 <= second[1] <= 13


@pytest.mark.usefixtures("worth")
def test_the_standard_error_is_over_pairs_of_orders():
    (first, second) = make_policy("shapley-zc(worth)", CONTEXT).scores(OPEN, (0, 1)).values()
    assert first[0].error == second[0].error == 0  # what has no partner is worth the same always
    losses = {0: 4.0, 1: 14.0, 2: 14.0, 3: 14.0, 5: 4.0}  # order 4 says nothing
    means = [9, 14, 4]
    assert shapley.standard_error(losses) == pytest.approx(np.std(means, ddof=1) / np.sqrt(3))
    assert np.isnan(shapley.standard_error({0: 4.0, 1: 14.0}))


def test_an_order_is_broken_off_below_half_of_the_accuracy(monkeypatch):
    """By hand: edge 0 has a, b, c and edge 1 d, e; four orders, two of them reverses."""
    a, b, c, d, e = (0, 2), (0, 3), (0, 4), (1, 3), (1, 4)
    orders = [[a, d, b, e, c], [c, e, b, d, a], [b, e, c, a, d], [d, a, c, e, b]]
    worths = {a: 5.0, b: 20.0, c: 45.0, d: 0.0, e: 20.0}
    monkeypatch.setattr(shapley, "antithetic_orders", lambda state, seed: orders)
    monkeypatch.setattr(
        shapley,
        "accuracy_of",
        lambda context, supernet, state: sum(
            worth for (edge, op), worth in worths.items() if op in state.remaining(edge)
        ),
    )
    # 90 with all; the second order is broken off after e, when 25 are left: b loses nothing there.
    losses = {a: [5, 5], b: [20, 0, 20], c: [45, 45, 45], d: [0, 0], e: [20, 20]}
    context = SimpleNamespace(seed=0, trained_supernet=None)
    by_name = {
        reduction: make_policy(f"shapley-acc(reduce={reduction})", context).scores(OPEN, (0, 1))
        for reduction in ("mean", "mean-std")
    }
    for (edge, op), values in losses.items():
        place = OPEN.remaining(edge).index(op)
        mean, less = (by_name[name][edge][place].value for name in ("mean", "mean-std"))
        assert mean == pytest.approx(np.mean(values))
        assert less == pytest.approx(np.mean(values) - np.std(values))


@pytest.mark.usefixtures("worth")
def test_two_share_what_they_do_together():
    """Edges 0->1 and 0->2 meet in node 0; the pair's 10 are shared, as by Shapley's value."""
    assert rows("pairwise(worth)") == [[1, 2, 4 + 5], [1, 3 + 5]]
    assert rows("pairwise(cost)") == [[-1, -2, -9], [-1, -8]]
    assert not make_policy("pairwise(cost)", CONTEXT).higher_is_better


def test_edges_are_adjacent_that_share_a_node():
    def beside(space, edge):
        state = get_space(space).initial_state()
        return {state.space.edges[other] for other, _ in next_to(state, edge)}

    assert beside("nasbench201", 0) == {"0->2", "0->3", "1->2", "1->3"}
    others = ("1->2", "0->3", "2->3", "0->4", "2->4", "0->5", "2->5")
    assert beside("darts", 0) == {f"normal {name}" for name in others}
    assert beside("nb1shot1-1", 0) == {"block2", "block3", "block4"}


def test_each_order_has_its_reverse_and_leaves_one_operation_on_each_edge():
    orders = shapley.antithetic_orders(OPEN, 0)
    assert len(orders) == shapley.ORDERS
    assert [order[::-1] for order in orders[::2]] == orders[1::2]
    for order in orders:
        states = [state for state, _ in shapley.path(OPEN, order)]
        assert states[0] == OPEN
        assert states[-1].is_architecture
        assert len(states) == 1 + (3 - 1) + (2 - 1)


@pytest.mark.usefixtures("worth")
def test_preferences_of_one_proxy_and_deviations_of_another():
    """By ranks from 0 to 1: what P says of an operation on average, plus c times Q's deviation."""
    found = rows("main(worth)+0.5*residual(cost)")
    # Both proxies rank alike: edge 0 has 0, .5, 1 for its ops 2, 3, 4; edge 1 has 0, 1 for 3, 4.
    main = {2: 0, 3: 0.25, 4: 1}
    first = [main[2] + 0, main[3] + 0.5 * (0.5 - 0.25), main[4] + 0]
    second = [main[3] + 0.5 * (0 - 0.25), main[4] + 0]
    assert found == [pytest.approx(first), pytest.approx(second)]


@pytest.mark.usefixtures("worth")
def test_logarithms_of_ranks_are_added():
    """Edge 0 is ranked 1, 2, 3 of three by either proxy, edge 1 has 1, 2 of two."""
    found = rows("log-rank(worth,cost)")
    wanted = [[2 * np.log(rank / 3) for rank in (1, 2, 3)], [2 * np.log(1 / 2), 0]]
    assert found == [pytest.approx(row) for row in wanted]


@pytest.mark.parametrize(
    "name",
    [
        "main(nwot)",
        "main(nwot)+x*residual(snip)",
        "main(nwot)+1*residual(snap)",
        "log-rank(nwot)",
        "log-rank(nwot,snap)",
        "zc-pt(nwot, by=edge)",
        "zc-pt(snap, by=cell)",
        "zc-pt(by=cell)",
        "zc-pt(nwot, by=cell, by=cell)",
        "zc-pt(vote(nwot,snip), by=cell)",
        "shapley-acc(reduce=median)",
        "shapley-acc(mean)",
    ],
)
def test_bad_sums_are_one_line(name):
    with pytest.raises(UserError) as caught:
        make_policy(name, CONTEXT)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("worth")
def test_the_code_of_both_proxies_names_the_results():
    assert [proxy.name for proxy in proxies_in("worth)+0.5*residual(nwot")] == ["worth", "nwot"]
    assert set(policy_key("main(nwot)+0.5*residual(worth)")["proxy_code"]) == {"worth"}
    assert proxies_in("nor_conv_3x3>none") == ()


@pytest.mark.parametrize("name", ["shapley-zc(short)", "avg-zc(short)", "zc-pt(short, by=cell)"])
def test_memory_that_ran_out_for_a_part_is_no_mean_of_the_others(name):
    """What is made of the other parts would be kept as the result."""
    with failing_proxy("short", {3}):
        scores = make_policy(name, CONTEXT).scores(OPEN, (0, 1))
    statuses = [score.status for edge in scores.values() for score in edge]
    assert any(may_pass(status) for status in statuses)
