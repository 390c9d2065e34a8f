from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from opscore import schema
from opscore.errors import UserError
from opscore.oracles import Oracle
from opscore.spaces import NASBENCH201, SearchSpace, State

SPACE = SearchSpace(
    name="small", edges=("a", "b", "c"), operations=(("x", "y"), ("x", "y", "z"), ("x", "z"))
)
STATES = st.tuples(
    *(st.lists(st.booleans(), min_size=n, max_size=n).filter(any) for n in SPACE.shape)
).map(lambda mask: State(SPACE, tuple(tuple(row) for row in mask)))
# Few distinct values, so that ties happen.
TABLES = arrays(float, SPACE.shape, elements=st.integers(0, 20).map(float))


def make(trials, seeds="max", space=SPACE, **more):
    return Oracle(
        space=space,
        trials=np.asarray(trials, dtype=float),
        dataset="cifar10",
        split="test",
        epochs=200,
        seeds=seeds,
        source="made up",
        **more,
    )


@pytest.fixture
def trials():
    """Three trials, the second missing for one architecture and the third for two."""
    values = np.random.default_rng(0).uniform(0, 100, (*SPACE.shape, 3))
    values[0, 0, 0, 1:] = values[1, 2, 1, 2] = np.nan
    return values


@given(TABLES, STATES)
def test_best_and_mean_are_those_of_the_completions(table, state):
    oracle = make(table[..., None])
    values = [table[done.architecture_indices] for done in state.completions()]
    assert oracle.best(state) == max(values)
    assert oracle.mean(state) == pytest.approx(np.mean(values))


@given(TABLES, STATES)
def test_what_is_removed_cannot_raise_the_best(table, state):
    oracle = make(table[..., None])
    for edge in state.open_edges:
        kept = [oracle.best(state.discretize(edge, op)) for op in state.remaining(edge)]
        assert max(kept) == oracle.best(state)
        assert all(
            oracle.best(state.perturb(edge, op)) <= oracle.best(state)
            for op in state.remaining(edge)
        )


def greedy(oracle, order):
    """Keep the operation with the best conditional best-acc, edge after edge."""
    state = oracle.space.initial_state()
    for edge in order:
        state = max((state.discretize(edge, op) for op in state.remaining(edge)), key=oracle.best)
    return state


@given(TABLES)
def test_a_greedy_walk_by_best_acc_finds_the_optimum_in_any_order(table):
    oracle = make(table[..., None])
    for order in itertools.permutations(range(len(SPACE.edges))):
        assert oracle.accuracy(greedy(oracle, order)) == table.max()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(6)))
def test_the_greedy_walk_in_the_real_space(seed, order):
    table = np.random.default_rng(seed).uniform(0, 100, (*NASBENCH201.shape, 1))
    oracle = make(table, space=NASBENCH201)
    assert oracle.accuracy(greedy(oracle, order)) == table.max()


@given(TABLES)
def test_rank_percentile_and_top_agree(table):
    oracle = make(table[..., None])
    ordered = oracle.top(SPACE.size)
    assert len(ordered) == SPACE.size
    values = [accuracy for _, accuracy in ordered]
    assert values == sorted(values, reverse=True)
    for state, accuracy in ordered:
        assert oracle.rank(state) == 1 + sum(value > accuracy for value in values)
        worse = sum(value < accuracy for value in values)
        assert oracle.percentile(state) == pytest.approx(100 * worse / SPACE.size)
        assert oracle.error(state) == 100 - accuracy


def test_trials_are_reduced_as_asked(trials):
    state = SPACE.architecture((1, 2, 1))
    seen = trials[1, 2, 1, :2]
    oracle = make(trials)
    assert oracle.best(state) == seen.max()
    assert oracle.mean(state) == pytest.approx(seen.mean())
    assert oracle.accuracy(state) == pytest.approx(seen.mean())
    assert make(trials, seeds="mean").best(state) == pytest.approx(seen.mean())
    first = make(trials, seeds=0)
    assert first.best(state) == first.mean(state) == seen[0]
    assert first.accuracy(state) == pytest.approx(seen.mean())


def test_a_trial_that_some_lack_needs_allow_partial(trials):
    with pytest.raises(UserError, match=r"2 of 12 architectures have no trial 2"):
        make(trials, seeds=2)
    partial = make(trials, seeds=2, allow_partial=True)
    everything = SPACE.initial_state()
    assert partial.best(everything) == np.nanmax(trials[..., 2])
    assert partial.mean(everything) == pytest.approx(np.nanmean(trials[..., 2]))


def test_a_table_that_lacks_architectures_needs_allow_partial(trials):
    trials[0, 1, 0] = np.nan
    with pytest.raises(UserError, match=r"lacks 1 of 12 architectures \(made up\)"):
        make(trials)
    oracle = make(trials, allow_partial=True)
    assert oracle.n_missing == 1
    assert len(oracle.top(99)) == 11
    worst = oracle.top(11)[-1][0]
    assert oracle.percentile(worst) == 0
    assert oracle.percentile(oracle.top(1)[0][0]) == pytest.approx(100 * 10 / 11)


@pytest.mark.parametrize("seeds", ["median", 3, -1])
def test_bad_reductions_say_what_there_is(trials, seeds):
    with pytest.raises(UserError, match=r"trials 0\.\.2|'max', 'mean' or an index"):
        make(trials, seeds=seeds)


def test_shapes_and_spaces_are_checked(trials):
    with pytest.raises(UserError, match="shape"):
        make(trials[..., 0])
    with pytest.raises(UserError, match="shape"):
        make(trials, space=NASBENCH201)
    for ask in (make(trials).best, make(trials).rank):
        with pytest.raises(UserError, match="nasbench201"):
            ask(NASBENCH201.architecture((0,) * 6))


def test_the_table_has_the_schemas_columns(trials):
    frame = make(trials).table()
    assert list(frame.columns) == list(schema.ORACLE)
    assert len(frame) == sum(SPACE.shape)


def test_the_description_says_what_was_measured(trials):
    assert make(trials).describe() == (
        "cifar10 test accuracy, 200 epochs, max over up to 3 trainings; made up"
    )
    assert "trial 0" in make(trials, seeds=0).describe()
    single = make(trials[..., :1], note="mean over trainings")
    assert "mean over trainings" in single.describe()
    assert "one training each" in make(trials[..., :1]).describe()


def test_noise(trials):
    noise = make(trials).noise(top=4)
    repeated = [row[~np.isnan(row)] for row in trials.reshape(-1, 3)]
    repeated = [row for row in repeated if len(row) > 1]
    assert noise.n_repeated == len(repeated) == 11
    assert noise.std == pytest.approx(np.mean([row.std(ddof=1) for row in repeated]))
    assert -1 <= noise.spearman <= 1
    assert noise.top == 4


def test_trials_that_agree_have_no_noise(trials):
    same = make(np.repeat(trials[..., :1], 3, axis=-1))
    noise = same.noise()
    assert noise.std == pytest.approx(0)
    assert noise.spearman == noise.spearman_top == pytest.approx(1)


def test_noise_needs_two_trainings(trials):
    with pytest.raises(UserError, match="one training of each"):
        make(trials[..., :1]).noise()
