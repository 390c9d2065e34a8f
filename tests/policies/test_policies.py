from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import opscore
from opscore.errors import UserError
from opscore.images import load_images
from opscore.oracles import Oracle
from opscore.policies import find_family, list_policies, make_policy
from opscore.proxies import FAITHFUL, PROXIES, How, Memo, Score, register_proxy
from opscore.registry import split_names
from opscore.spaces import NASBENCH201
from opscore.supernets import build_supernet

INITIAL = NASBENCH201.initial_state()


@dataclass(frozen=True)
class SmallContext:
    seed: int = 0
    how: How = FAITHFUL
    memo: Memo = field(default_factory=Memo)
    space: object = NASBENCH201
    accuracies: np.ndarray = field(
        default_factory=lambda: np.random.default_rng(0).uniform(10, 95, (5,) * 6)
    )

    @cached_property
    def oracle(self):
        return Oracle(
            space=NASBENCH201,
            trials=self.accuracies[..., None],
            dataset="cifar10",
            split="test",
            epochs=200,
            seeds="max",
            source="random numbers",
        )

    @cached_property
    def supernet(self):
        return build_supernet(size="smoke", seed=self.seed)

    @cached_property
    def batch(self):
        return load_images("digits").minibatch(16, self.seed, "test")


CONTEXT = SmallContext()
NAMES = ["best-acc", "avg-acc", "random", "zc-pt(nwot)", "disc-zc(nwot)", "zc-pt(synflow)"]


def values(scores):
    return {edge: [score.value for score in row] for edge, row in scores.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_open_operation_gets_a_finite_score(name):
    policy = make_policy(name, CONTEXT)
    state = INITIAL.perturb(0, 2).discretize(3, 1)
    scores = policy.scores(state, state.open_edges)
    assert policy.name == name
    assert list(scores) == [0, 1, 2, 4, 5]
    assert [len(row) for row in scores.values()] == [4, 5, 5, 5, 5]
    assert all(score.status == "ok" for row in scores.values() for score in row)


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_the_order_in_which_they_are_asked(name):
    together = values(make_policy(name, CONTEXT).scores(INITIAL, range(6)))
    policy = make_policy(name, SmallContext())
    apart = {edge: values(policy.scores(INITIAL, [edge]))[edge] for edge in reversed(range(6))}
    for edge in range(6):
        assert apart[edge] == pytest.approx(together[edge], rel=1e-9)


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_removing_none_leaves_nwot_unchanged(meaning):
    context = SmallContext(how=How(meaning))
    whole = PROXIES["nwot"].scores(context.supernet, [INITIAL], context.batch, How(meaning))
    column = [
        row[0].value
        for row in make_policy("zc-pt(nwot)", context).scores(INITIAL, range(6)).values()
    ]
    assert column == pytest.approx([whole[0].value] * 6, rel=1e-12)


def test_the_equations_and_their_directions():
    nwot, context = PROXIES["nwot"], CONTEXT
    removed = nwot.scores(context.supernet, [INITIAL.perturb(2, 3)], context.batch)[0].value
    chosen = nwot.scores(context.supernet, [INITIAL.discretize(2, 3)], context.batch)[0].value
    zc_pt, disc_zc = make_policy("zc-pt(nwot)", context), make_policy("disc-zc(nwot)", context)
    assert zc_pt.scores(INITIAL, [2])[2][3].value == pytest.approx(removed)
    assert disc_zc.scores(INITIAL, [2])[2][3].value == pytest.approx(chosen)
    assert not zc_pt.higher_is_better
    assert disc_zc.higher_is_better
    assert zc_pt.strength(Score.of(3.0)) == -3.0


def test_a_proxy_whose_smaller_values_are_better_turns_both_round():
    @register_proxy("test_cost", higher_is_better=False, source="this test")
    def cost(network, batch):
        return float((network.weights != 0).sum())

    try:
        assert make_policy("zc-pt(test_cost)", CONTEXT).higher_is_better
        assert not make_policy("disc-zc(test_cost)", CONTEXT).higher_is_better
    finally:
        PROXIES.remove("test_cost")


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 1000))
def test_a_greedy_walk_by_best_acc_reaches_the_optimum_in_any_order(order, seed):
    context = SmallContext(accuracies=np.random.default_rng(seed).uniform(10, 95, (5,) * 6))
    policy = make_policy("best-acc", context)
    state = INITIAL
    for edge in order:
        state = state.discretize(edge, policy.choose(state, edge))
    assert context.accuracies[state.architecture_indices] == context.accuracies.max()


def test_oracle_policies_are_equations_1_and_2():
    state = INITIAL.discretize(0, 3)
    best = values(make_policy("best-acc", CONTEXT).scores(state, [1]))[1]
    mean = values(make_policy("avg-acc", CONTEXT).scores(state, [1]))[1]
    assert best == pytest.approx(CONTEXT.accuracies[3].max(axis=(1, 2, 3, 4)))
    assert mean == pytest.approx(CONTEXT.accuracies[3].mean(axis=(1, 2, 3, 4)))


def test_ties_go_to_the_first_operation_and_failures_never_win():
    policy = make_policy("random", CONTEXT)
    policy.scores = lambda state, edges: {  # type: ignore[method-assign]
        edge: [Score.of(float("nan")), Score.of(1.0), Score.of(2.0), Score.of(2.0), Score.of(0.0)]
        for edge in edges
    }
    assert policy.choose(INITIAL, 0) == 2
    policy.scores = lambda state, edges: {edge: [Score.of(float("inf"))] * 5 for edge in edges}
    with pytest.raises(UserError, match="random has no score for any operation of edge 0->1"):
        policy.choose(INITIAL, 0)


def test_random_scores_differ_between_seeds_and_states():
    base = values(make_policy("random", CONTEXT).scores(INITIAL, [0, 1]))
    assert base[0] != base[1]
    assert base != values(make_policy("random", SmallContext(seed=1)).scores(INITIAL, [0, 1]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zc-pt(nwat)", "unknown proxy 'nwat'; did you mean nwot"),
        ("zcpt(nwot)", "unknown policy 'zcpt'; did you mean zc-pt"),
        ("zc-pt", "policy 'zc-pt' needs a proxy"),
        ("zc-pt()", "policy 'zc-pt' needs a proxy"),
        ("random(nwot)", "policy 'random' takes no argument"),
        ("zc-pt(nwot", "bad policy name"),
    ],
)
def test_bad_names_say_what_is_wrong(name, message):
    with pytest.raises(UserError) as caught:
        find_family(name)
    assert message in str(caught.value)


def test_lists_of_names_split_at_outer_commas():
    assert split_names(" zc-pt(nwot), random ,") == ["zc-pt(nwot)", "random"]
    assert split_names("") == []
    for text in ("random,,best-acc", ",random", ","):
        with pytest.raises(UserError, match="nothing stands before a comma"):
            split_names(text)
    assert split_names("zc-pt(vote(a,b)),best-acc") == ["zc-pt(vote(a,b))", "best-acc"]


def test_a_policy_is_called_as_it_was_asked_for():
    name = "zc-pt(vote(params, flops))"
    result = opscore.initial([f" {name}"], size="smoke", batch_size=4, images="noise", seeds=(0,))
    assert name in set(result.scores["policy"])
    assert result.tables()


def test_the_registered_families():
    assert {"best-acc", "avg-acc", "random", "zc-pt", "disc-zc"} <= set(list_policies())


def test_what_is_left_of_two_operations_weighs_what_it_did():
    """On S2 A - (e, o) is not A + (e, o'): by hand, from tables of weights written down here."""
    supernet = build_supernet("s2", "smoke", seed=0)
    with torch.no_grad():
        supernet.alphas[3, :2] = torch.tensor([0.7, -0.2])
    start, edge = supernet.space.initial_state(), 3
    theta = supernet.weights(start)
    assert theta[edge, 0] == pytest.approx(1 / (1 + np.exp(-0.9)))
    state = start.perturb(edge, 1)
    for survivors, weight in (("theta", theta[edge, 0]), ("renormalized", 1.0), ("uniform", 0.5)):
        found = supernet.weights(state, survivors=survivors)[edge].tolist()
        assert found[:2] == pytest.approx([float(weight), 0])
    assert supernet.weights(start.discretize(edge, 0))[edge, 0] == 1

    table = theta.clone()
    table[edge, 1] = 0
    batch = load_images("digits").minibatch(8, 0, "test")
    proxy = PROXIES["nwot"]
    (by_hand,) = proxy.scores_under(supernet, [table], batch, How(fast=False))
    (discretized,) = proxy.scores(supernet, [start.discretize(edge, 0)], batch)
    for fast in (True, False):
        (found,) = proxy.scores(supernet, [state], batch, How(fast=fast))
        assert found.value == pytest.approx(by_hand.value, rel=1e-6)
        assert found.value != discretized.value
