"""The search methods that Zero-Cost-PT is compared with, at smoke size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hearing import heard, steps_done
from running import failing_proxy

import opscore
from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.oracles import Oracle
from opscore.proxies import may_pass
from opscore.rng import numpy_generator, torch_generator
from opscore.runs.store import Pieces
from opscore.search import (
    evolution,
    pruning,
    reference,
    resolve_search,
    sampling,
    score_record,
    trained_methods,
)
from opscore.search.base import CANDIDATES, TRACE, SearchSettings, SearchTask, find_method
from opscore.search.validation import candidate_network, parts_of, validation_batch
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import NASBENCH201
from opscore.supernets import StateNetwork, build_supernet, nasbench201

TINY = TrainingProfile(
    "tiny", epochs=1, steps=1, images=64, validation=16, tuning_epochs=1, batch_size=4
)
SMALL = SearchSettings(
    size="smoke", batch_size=4, images="digits", evaluations=12, device="cpu", training=TINY
)


def context(settings=SMALL, seed=0):
    found = ScoringContext(resolve_search(settings), seed)
    accuracies = numpy_generator(7, "test").uniform(10, 95, size=(*NASBENCH201.shape, 1))
    found.__dict__["oracle"] = Oracle(
        NASBENCH201, accuracies, "cifar10", "test", 200, "mean", "made for a test"
    )
    return found


def search(name, settings=SMALL, seed=0, folder=None):
    method = find_method(name)
    settings = replace(settings, methods=(name,))
    return method.search(SearchTask(settings, context(settings, seed), Pieces(folder)))


@pytest.mark.parametrize(
    "name",
    [
        "random",
        "naswot(synflow)",
        "naswot(vote(params,synflow))",
        "evolution(params)",
        "regularized-evolution",
        "max-params",
        "optimum",
        "darts",
    ],
)
def test_a_search_ends_on_an_architecture_and_says_so_again(name):
    found, again = search(name), search(name)
    assert found.architecture.is_architecture
    assert found.architecture == again.architecture
    assert list(found.candidates.columns) == list(CANDIDATES)
    assert list(found.trace.columns) == list(TRACE)
    chosen = found.candidates[found.candidates["chosen"]]["architecture"].tolist()
    assert chosen == [NASBENCH201.format(found.architecture)]
    pd.testing.assert_frame_equal(found.candidates, again.candidates)


def test_random_is_uniform_over_operations():
    draw = numpy_generator(0, "test")
    states = sampling.draw_architectures(NASBENCH201, 4000, draw)
    table = np.array([state.architecture_indices for state in states])
    for edge in range(6):
        counts = np.bincount(table[:, edge], minlength=5)
        assert ((counts - 800) ** 2 / 800).sum() < 20  # chi-square with 4 degrees of freedom


def test_naswot_takes_the_best_of_its_own_sample():
    found = search("naswot(params)")
    draw = numpy_generator(0, "search", "naswot")
    drawn = sampling.draw_architectures(NASBENCH201, 12, draw)

    def convolutions(state):
        return sum({2: 1, 3: 9}.get(op, 0) for op in state.architecture_indices)

    assert found.architecture in drawn
    assert convolutions(found.architecture) == max(map(convolutions, drawn))
    assert found.cost.forward_passes == 0  # params are counted
    assert search("naswot(synflow)").cost.forward_passes == len(set(drawn))


def test_live_scores_are_kept_and_found(tmp_path, monkeypatch):
    found = search("naswot(nwot)", folder=tmp_path)

    def refuse(*arguments):
        raise AssertionError("scored again")

    monkeypatch.setattr(sampling, "nwot_of_architectures", refuse)
    again = search("naswot(nwot)", folder=tmp_path)
    assert again.architecture == found.architecture
    assert again.cost == found.cost
    assert found.cost.seconds > 0
    with pytest.raises(AssertionError, match="scored again"):
        search("naswot(nwot)", replace(SMALL, evaluations=14), folder=tmp_path)


@pytest.mark.parametrize("name", ["naswot(nwot)", "evolution(snip)", "naswot(vote(params,snip))"])
def test_other_spaces_than_the_records_score_networks_of_their_own(name, tmp_path):
    """Fresh weights for each network, and validation's first minibatch for all of them."""
    settings = resolve_search(replace(SMALL, methods=(name,), space="s2", evaluations=5))
    method = find_method(name)
    task = SearchTask(settings, ScoringContext(settings, 1), Pieces(tmp_path))
    found = method.search(task)
    assert found.cost.forward_passes == len(found.candidates)
    drawn = [task.context.space.parse(each) for each in found.candidates["architecture"]]
    batch = validation_batch(task.context, 0)
    proxies = parts_of(method.proxy)
    own = [
        [p.score_network(candidate_network(task.context, a), batch).value for a in drawn]
        for p in proxies
    ]
    wanted = own[0] if len(proxies) == 1 else method.proxy.combine(np.array(own))
    assert found.candidates["score"].tolist() == pytest.approx(list(wanted), rel=1e-6)
    assert found.candidates["chosen"].tolist().index(True) == np.argmax(wanted)
    assert "supernet" not in vars(task.context)
    assert method.key(settings)["scored"] == "alone"  # runs of before are not taken for these
    assert "scored" not in method.key(SMALL)


@pytest.mark.parametrize("space", ["nasbench201", "s2"])
def test_memory_that_ran_out_is_no_result_of_a_search(space, tmp_path):
    settings = {"space": space, "size": "smoke", "batch_size": 4, "images": "digits"}
    with failing_proxy("short", {2}) as calls:
        results = [
            opscore.run_search(["naswot(short)"], evaluations=15, store=tmp_path, **settings)
            for _ in range(3)
        ]
    statuses = [set(result.candidates["status"]) for result in results]
    assert [any(map(may_pass, found)) for found in statuses] == [True, False, False]
    drawn = len(calls) - 1
    assert drawn <= 15, "all but one were found again, and no third search was made"
    if space == "s2":
        assert results[1].costs["forward_passes"].item() == drawn


@pytest.mark.parametrize(
    ("method", "failing"), [("naswot(short)", 40), ("zero-cost-pt(short)", 12)]
)
def test_where_all_ran_out_of_memory_it_is_tried_again(method, failing):
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "proposals": 1, "validation": 1}
    with failing_proxy("short", range(1, failing + 1)):
        found = opscore.run_search([method], evaluations=30, retries=5, **small)
    assert found.candidates["status"].eq("ok").all()


def test_a_stopped_search_goes_on_from_the_networks_it_has(tmp_path, monkeypatch):
    settings = replace(SMALL, methods=("naswot(snip)",), space="s2", evaluations=6)
    settings = resolve_search(settings)
    monkeypatch.setattr(sampling, "TOGETHER", 2)
    scored, original = [], sampling.score_minibatches

    def stopping(context, proxy, architecture, numbers):
        if len(scored) == 3:
            raise KeyboardInterrupt
        scored.append(architecture)
        return original(context, proxy, architecture, numbers)

    def search_on():
        task = SearchTask(settings, ScoringContext(settings, 0), Pieces(tmp_path))
        return find_method("naswot(snip)").search(task)

    monkeypatch.setattr(sampling, "score_minibatches", stopping)
    with pytest.raises(KeyboardInterrupt):
        search_on()
    monkeypatch.setattr(
        sampling, "score_minibatches", lambda *asked: scored.append(asked[2]) or original(*asked)
    )
    found = search_on()
    # The third was scored, and lost with the fourth; the first two were kept.
    assert len(scored) - 1 == found.cost.forward_passes == len(set(scored))
    monkeypatch.undo()
    again = find_method("naswot(snip)").search(SearchTask(settings, ScoringContext(settings, 0)))
    pd.testing.assert_frame_equal(found.candidates, again.candidates)


def test_a_search_that_reads_the_record_says_with_what_it_was_made():
    import opscore

    settings = {"evaluations": 5, "meaning": "clean", "batch_size": 8}
    computed = opscore.run_search(["naswot(params)"], size="smoke", images="digits", **settings)
    assert not any("record" in note for note in computed.notes())
    told = replace(
        computed,
        settings=replace(
            computed.settings, methods=("naswot(nwot)", "random"), size="paper", images="cifar10"
        ),
    )
    (line,) = [line for line in told._record_notes() if "shipped record" in line]
    assert line.startswith("naswot(nwot): ")
    assert "batch 64, nwot in train mode" in line


def test_the_record_is_read_at_paper_size_only(monkeypatch):
    strengths = {s: float(sum(s)) for s in np.ndindex(NASBENCH201.shape)}
    strengths[4, 4, 4, 4, 4, 4] = math.nan
    monkeypatch.setattr(score_record, "has_record", lambda: True)
    monkeypatch.setattr(sampling, "record_hash", lambda: "abc")
    monkeypatch.setattr(sampling, "recorded_strengths", lambda proxy, seed: strengths)
    paper = replace(SMALL, size="paper", images="cifar10", evaluations=12)
    assert find_method("naswot(nwot)").key(paper) == {"evaluations": 12, "record": "abc"}
    assert "record" not in find_method("naswot(nwot)").key(SMALL)
    assert "record" not in find_method("naswot(snip)").key(paper)
    found = search("exhaustive(nwot)", paper)
    assert sum(found.architecture.architecture_indices) == 23  # 24 has no score
    assert found.cost.forward_passes == 5**6
    draw = numpy_generator(0, "search", "naswot")
    drawn = sampling.draw_architectures(NASBENCH201, 12, draw)
    best = max(sum(state.architecture_indices) for state in drawn)
    assert sum(search("naswot(nwot)", paper).architecture.architecture_indices) == best
    with pytest.raises(UserError, match="record"):
        search("exhaustive(nwot)")


def test_a_mutation_changes_one_edge_and_reaches_every_neighbour():
    parent = NASBENCH201.architecture([0, 1, 2, 3, 4, 0])
    draw = numpy_generator(0, "test")
    children = {evolution.mutate(parent, draw).architecture_indices for _ in range(600)}
    assert len(children) == 6 * 4
    for child in children:
        pairs = zip(child, parent.architecture_indices, strict=True)
        assert sum(a != b for a, b in pairs) == 1


def test_evolution_forgets_the_oldest():
    calls = []

    def fitness(states):
        calls.append(states)
        return [100.0 if len(calls) == 1 else 1.0 for _ in states]

    start = sampling.draw_architectures(NASBENCH201, 3, numpy_generator(0, "start"))
    parents = []

    def note(state, draw):
        parents.append(state)
        return NASBENCH201.architecture([len(parents) % 5] * 6)

    original, evolution.mutate = evolution.mutate, note
    try:
        evolution.AgingEvolution(3, 20).run(start, fitness, 6, numpy_generator(0, "draw"))
    finally:
        evolution.mutate = original
    # The first three children have parents from the start, which are much fitter; then all of
    # the start are gone however fit they were.
    assert all(parent in start for parent in parents[:3])
    assert not any(parent in start for parent in parents[4:])


def test_evolution_by_accuracy_does_better_than_its_first_population():
    settings = replace(SMALL, evaluations=300)
    found = search("regularized-evolution", settings)
    oracle = context().oracle
    draw = numpy_generator(0, "search", "evolution")
    first = sampling.draw_architectures(NASBENCH201, 50, draw)
    assert oracle.accuracy(found.architecture) > max(map(oracle.accuracy, first))
    assert found.cost.queries <= 300
    assert search("optimum").architecture == oracle.top(1)[0][0]
    with pytest.raises(UserError, match="ranks candidates"):
        search("evolution(vote(params,synflow))")


def test_max_params_has_the_most():
    found = search("max-params")
    assert set(found.architecture.architecture_indices) == {3}
    assert not reference.MaxParams.seeded


def test_the_authors_max_param_chooses_inputs_by_perturbation(tmp_path):
    """Their space s6: one operation on every edge, so nothing but inputs is scored."""
    name = "max-params-inputs(nwot)"
    settings = replace(SMALL, methods=(name,), space="darts", proposals=2, validation=1)
    settings = resolve_search(settings)
    method = find_method(name)
    task = SearchTask(settings, ScoringContext(settings, 0), Pieces(tmp_path))
    found = method.search(task)
    genotype = task.context.space.genotype(found.architecture)
    assert {op for op, _ in genotype.normal + genotype.reduce} == {"sep_conv_5x5"}
    assert found.cost.perturbations == 2 * 2 * (3 + 4 + 5)
    first = found.trace[found.trace["proposal"] == 0]
    assert sorted(set(first["edge"])) == list(range(28, 34))
    kept = first[first["decided"]].groupby("edge")["score"].max()
    others = first[~first["decided"]].groupby("edge")["score"].min()
    assert (kept <= others).all()  # what is kept is what is missed most
    again = method.search(SearchTask(settings, ScoringContext(settings, 0), Pieces(tmp_path)))
    pd.testing.assert_frame_equal(again.candidates, found.candidates)
    with pytest.raises(UserError, match="nasbench201 has none to choose; its largest is what"):
        resolve_search(replace(SMALL, methods=(name,)))


def test_darts_reads_the_alphas_of_the_trained_supernet():
    own = context()
    supernet = build_supernet(size="smoke")
    supernet.alphas.zero_()
    for edge, op in enumerate((1, 2, 3, 4, 0, 2)):
        supernet.alphas[edge, op] = 1.0
    own.__dict__["trained_supernet"] = supernet
    found = trained_methods.DARTS().search(SearchTask(SMALL, own))
    assert found.architecture.architecture_indices == (1, 2, 3, 4, 0, 2)
    assert found.cost.training_steps == 2  # one step, of a train and a validation minibatch


def test_darts_pt_decides_edge_by_edge(tmp_path):
    with heard() as events:
        found = search("darts-pt", folder=tmp_path)
    assert [event.done for event in steps_done(events, "iterations")] == [1, 2, 3, 4, 5, 6]
    decided = found.trace[found.trace["decided"]]
    assert sorted(decided["edge"].tolist()) == list(range(6))
    by_edge = dict(zip(decided["edge"], decided["op"], strict=True))
    assert found.architecture == NASBENCH201.architecture([by_edge[edge] for edge in range(6)])
    for _, rows in found.trace[found.trace["pass"] == 1].groupby("step"):
        kept = rows[rows["decided"]]["score"].item()
        assert kept == rows["score"].min()
    # 30 + 25 + ... scores; 5 retrainings of one step after 1 epoch of one.
    assert found.cost.perturbations == 5 * (6 + 5 + 4 + 3 + 2 + 1)
    assert found.cost.training_steps == 2 + 5 * 2
    assert search("darts-pt", folder=tmp_path).architecture == found.architecture


def test_fixed_alphas_do_not_move():
    method = trained_methods.PerturbationSelection(fixed=True)
    settings = method._settings(SMALL)
    supernet = ScoringContext(settings, 0).trained_supernet
    assert torch.equal(supernet.alphas, build_supernet(size="smoke").alphas)
    assert (
        trained_methods.training_minibatches(
            TINY, ScoringContext(settings, 0).images, learned=False
        )
        == 1
    )
    moved = ScoringContext(SMALL, 0).trained_supernet
    assert not torch.equal(moved.alphas, supernet.alphas)


def te_nas():
    own = pruning.TENASSettings(repeats=1, images=2, size={"channels": 1, "cells": 1}, samples=40)
    return pruning.TENAS(own)


def test_te_nas_prunes_one_operation_of_every_edge_a_round(tmp_path):
    with heard() as events:
        found = te_nas().search(SearchTask(SMALL, context(), Pieces(tmp_path)))
    shares = {event.where: event.share for event in events if event.where.startswith("round")}
    assert list(shares.values()) == pytest.approx(
        [25 / 57, 44 / 57, 1]
    )  # by the states of each round
    assert 0 not in found.architecture.architecture_indices  # 'none' was never there
    assert found.trace.groupby("step").size().tolist() == [24, 18, 12]
    assert found.cost.forward_passes == (25 + 19 + 13) * 2
    last = found.trace[found.trace["step"] == 2]
    for edge, rows in last.groupby("edge"):
        kept = rows[rows["decided"]]
        op = NASBENCH201.operations[0][found.architecture.architecture_indices[int(edge)]]
        assert kept["op"].tolist() == [op]
        assert kept["score"].item() == rows["score"].max()
    again = te_nas().search(SearchTask(SMALL, context(), Pieces(tmp_path)))
    pd.testing.assert_frame_equal(again.trace, found.trace)
    # What is on disk is of this seed; another seed's folder is another.
    with pytest.raises(UserError, match="another run"):
        state = pruning.without_none(NASBENCH201.initial_state())
        pruning._read(Pieces(tmp_path), 1, state, [])


@pytest.mark.parametrize("name", ["zero-cost-pt(nwot)", "naswot(nwot)", "te-nas", "darts-pt"])
def test_a_piece_that_is_not_what_was_written_is_refused(name, tmp_path):
    """One altered value moves the winner; a damaged file is one line, whatever the method."""
    settings = replace(SMALL, proposals=1, validation=1, evaluations=3)
    task = SearchTask(settings, context(settings), Pieces(tmp_path))
    method = te_nas() if name == "te-nas" else find_method(name)
    method.search(task)
    paths = sorted(tmp_path.glob("*.parquet"))
    assert paths
    for path in paths:
        whole, table = path.read_bytes(), pd.read_parquet(path)
        number = table.select_dtypes("number").columns[-1]
        table[number] += 1
        table.to_parquet(path, index=False)
        altered = path.read_bytes()
        for content in (altered, b"broken"):
            path.write_bytes(content)
            with pytest.raises(UserError, match="delete it to redo it") as caught:
                method.search(task)
            assert "\n" not in str(caught.value)
        path.write_bytes(whole)


def test_te_nas_ranks_changes():
    changes = pruning.relative_changes(np.array([100.0, 50.0, 150.04, math.inf]), 3)
    assert changes.tolist() == [0.5, -0.5, -math.inf]
    unknown = pruning.relative_changes(np.array([math.inf, 5.0, math.inf]), 3)
    assert unknown.tolist() == [0.0, -math.inf]
    state = pruning.without_none(NASBENCH201.initial_state())
    pairs = [(edge, op) for edge in range(6) for op in state.remaining(edge)]
    pruned = pruning.prune(state, pairs, [float(-op) for _, op in pairs])
    assert all(pruned.remaining(edge) == (1, 2, 3) for edge in range(6))


def test_te_nas_draws_kaiming_weights():
    for mode, fan in (("fan_in", 3 * 9), ("fan_out", 64 * 9)):
        weight = torch.empty(64, 3, 3, 3)
        pruning.kaiming_normal(weight, mode, torch_generator(0, "test"))
        assert float(weight.std()) == pytest.approx(math.sqrt(2 / fan), rel=0.05)


def test_one_cell_is_the_supernets_cell():
    supernet = build_supernet(size="smoke", seed=1)
    weights = supernet.weights(NASBENCH201.architecture([3] * 6))
    images = torch.randn(2, 4, 5, 5)
    cell = nasbench201.OneCell(supernet, weights)
    expected = supernet.cells[0](images, [[0.0, 0.0, 0.0, 1.0, 0.0]] * 6, False)
    assert torch.equal(cell(images), expected)
    assert StateNetwork(supernet, weights).supernet is supernet


@pytest.mark.usefixtures("data_dir")
def test_costs_count_networks_that_differ():
    """An architecture that stands for others is one network, and a sample is what was queried."""
    settings = resolve_search(SearchSettings(space="nasbench-macro", evaluations=300))
    task = SearchTask(settings, ScoringContext(settings, 0))
    found = find_method("regularized-evolution").search(task)
    space = task.context.space
    states = [space.parse(name) for name in found.candidates["architecture"]]
    assert states == [space.canonical(state) for state in states]
    assert len(set(states)) == len(states)
    best = find_method("optimum").search(task)
    assert best.cost.queries == task.context.oracle.n_places < space.size
