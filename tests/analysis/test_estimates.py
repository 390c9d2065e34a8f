from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore.analysis import (
    Correlation,
    agreement_of_halves,
    estimates_as_scores,
    fit_additive,
    operation_estimates,
)
from opscore.analysis.estimates import ESTIMATES
from opscore.errors import Note, UserError
from opscore.spaces import get_space


def some(space, count, seed=0):
    """Accuracies of architectures drawn uniformly: 50 + the sum of their choices."""
    draw = np.random.default_rng(seed)
    found = get_space(space)
    drawn = [
        found.architecture([int(i) for i in draw.integers(found.choice_counts)])
        for _ in range(count)
    ]
    return {found.format(state): 50.0 + sum(state.architecture_indices) for state in drawn}


def test_means_and_standard_errors_by_hand():
    accuracies = some("nasbench201", 40)
    space = get_space("nasbench201")
    found = operation_estimates("nasbench201", accuracies)
    assert list(found) == list(ESTIMATES)
    edges = found[found["level"] == "edge"]
    assert len(edges) == 30
    for row in edges.itertuples():
        own = [
            accuracy
            for name, accuracy in accuracies.items()
            if space.operations[row.edge][space.parse(name).remaining(row.edge)[0]] == row.op
        ]
        assert row.n == len(own)
        assert row.estimate == pytest.approx(np.mean(own))
        assert row.standard_error == pytest.approx(np.std(own, ddof=1) / math.sqrt(len(own)))
    anywhere = found[found["level"] == "kind"].set_index("op")
    own = [accuracy for name, accuracy in accuracies.items() if "none" in name]
    assert anywhere.loc["none", "n"] == len(own), "once, however many edges have it"
    assert anywhere.loc["none", "estimate"] == pytest.approx(np.mean(own))


def test_an_architecture_without_an_accuracy_counts_nowhere():
    accuracies = some("nasbench201", 40)
    first = next(iter(accuracies))
    rest = {name: value for name, value in accuracies.items() if name != first}
    with pytest.warns(Note, match="1 architectures without an accuracy are left out"):
        found = operation_estimates("nasbench201", {**accuracies, first: math.nan})
    pd.testing.assert_frame_equal(found, operation_estimates("nasbench201", rest))


def test_an_edge_that_no_node_keeps_has_no_operation():
    space = get_space("darts")
    state = space.initial_state()
    for edge in range(len(space.edges)):
        kept = list(range(space.keeps[edge]))
        state = state.discretize(edge, kept if len(kept) > 1 else 0)
    found = operation_estimates("darts", {space.format(state): 90.0})
    edges = found[(found["level"] == "edge") & (found["n"] > 0)]
    names = {"normal 0->2", "normal 1->2", "normal 0->5", "normal 1->5", "inputs of normal 5"}
    assert names < set(edges["where"])
    assert "normal 4->5" not in set(edges["where"])
    assert len(edges) == 2 * (8 + 3 * 2), "eight edges and three times two inputs in each cell"
    assert edges["standard_error"].isna().all()
    kinds = found[(found["level"] == "kind") & (found["n"] > 0)]
    assert kinds[["where", "op"]].to_numpy().tolist() == [
        ["normal", "max_pool_3x3"],
        ["reduce", "max_pool_3x3"],
    ]


def test_halves_agree_where_accuracies_depend_on_operations_and_not_otherwise():
    accuracies = some("nasbench-macro", 400)
    assert agreement_of_halves("nasbench-macro", accuracies, draws=4) > 0.9
    draw = np.random.default_rng(0)
    noise = dict(zip(accuracies, draw.normal(size=len(accuracies)), strict=True))
    assert abs(agreement_of_halves("nasbench-macro", noise, draws=10)) < 0.4
    with pytest.raises(UserError, match="four architectures"):
        agreement_of_halves("nasbench-macro", {"00000000": 1.0})


def test_halves_of_some_edges_alone():
    """Accuracies that depend on the first layer alone agree there, and nowhere else."""
    space = get_space("nasbench-macro")
    accuracies = {
        name: float(space.parse(name).architecture_indices[0])
        for name in some("nasbench-macro", 300)
    }
    assert agreement_of_halves("nasbench-macro", accuracies, edges=[0], draws=3) == 1.0
    rest = agreement_of_halves("nasbench-macro", accuracies, edges=range(1, 8), draws=10)
    assert abs(rest) < 0.5


def test_a_sum_is_fitted_and_its_error_is_of_what_is_left_out():
    """Against a ridge regression that is made anew without each architecture."""
    accuracies = some("nasbench201", 25)
    draw = np.random.default_rng(1)
    accuracies = {name: value + draw.normal() for name, value in accuracies.items()}
    penalty = 2.0
    model = fit_additive("nasbench201", accuracies, [penalty])
    space = get_space("nasbench201")
    states = [space.parse(name) for name in accuracies]
    has = np.zeros((25, 30))
    for row, state in zip(has, states, strict=True):
        row[[5 * edge + op for edge, op in enumerate(state.architecture_indices)]] = 1
    values = np.array(list(accuracies.values()))
    errors = []
    for left_out in range(25):
        own = np.arange(25) != left_out
        # The mean is not penalised.
        rows = np.column_stack([np.ones(24), has[own] - has.mean(axis=0)])
        penalties = np.diag([0.0, *[penalty] * 30])
        fitted = np.linalg.solve(rows.T @ rows + penalties, rows.T @ values[own])
        errors.append(fitted @ [1, *(has[left_out] - has.mean(axis=0))] - values[left_out])
    assert model.error == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    mean = np.mean([model.predict(name) for name in accuracies])
    assert mean == pytest.approx(values.mean())


def test_a_sum_expects_what_accuracies_are_made_of():
    accuracies = some("nasbench-macro", 200)
    model = fit_additive("nasbench-macro", accuracies)
    assert model.error < 0.1
    assert model.predict("22222222") == pytest.approx(50 + 16, abs=0.2)
    with pytest.raises(UserError, match="four architectures"):
        fit_additive("nasbench-macro", {"00000000": 1.0})


def test_estimates_stand_beside_policies_in_a_score_table():
    estimates = operation_estimates("nasbench201", some("nasbench201", 200))
    as_scores = estimates_as_scores(estimates)
    same = as_scores.assign(policy="mine")
    rows = Correlation()(pd.concat([as_scores, same]), references=["table-estimate"])
    assert rows["rho"].tolist() == pytest.approx([1.0])
    few = estimates_as_scores(operation_estimates("nasbench201", some("nasbench201", 1)))
    assert (few["status"] == "no architecture of the table has it").sum() == 24


def test_the_functions_are_at_the_top():
    assert opscore.operation_estimates is operation_estimates
