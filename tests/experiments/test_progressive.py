from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from hearing import stopped_at

from opscore.errors import UserError
from opscore.experiments import (
    ProgressiveSettings,
    ScoringContext,
    follow,
    progressive_units,
    resolve,
)
from opscore.experiments.progressive.iterations import resolve_order, score_step
from opscore.policies import make_policy
from opscore.proxies import register_proxy, unregister_proxy
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import NASBENCH201
from opscore.supernets.training import Trainer

PROFILE = TrainingProfile(
    "tiny", epochs=1, steps=1, images=64, validation=8, tuning_epochs=2, batch_size=4
)
SETTINGS = resolve(
    ProgressiveSettings(
        policies=("zc-pt(nwot)", "darts"),
        size="smoke",
        images="digits",
        batch_size=16,
        device="cpu",
        training=PROFILE,
    )
)
INITIAL = NASBENCH201.initial_state()


def unit_of(policy, settings=SETTINGS, **options):
    (unit,) = progressive_units(replace(settings, policies=(policy,), **options))
    return unit


def assert_same(steps, others):
    assert [(s.edge, s.op, s.state) for s in steps] == [(s.edge, s.op, s.state) for s in others]
    for one, other in zip(steps, others, strict=True):
        pd.testing.assert_frame_equal(
            one.scores.drop(columns="seconds"),
            other.scores.drop(columns="seconds"),
            check_exact=True,
        )


def test_orders():
    assert resolve_order(NASBENCH201, "fixed", 0) == (0, 1, 2, 3, 4, 5)
    drawn = {seed: resolve_order(NASBENCH201, "random", seed) for seed in range(8)}
    assert all(sorted(order) == list(range(6)) for order in drawn.values())
    assert len(set(drawn.values())) > 4
    assert drawn[3] == resolve_order(NASBENCH201, "random", 3)
    assert resolve_order(NASBENCH201, [5, "0->1", 1, 2, 3, 4], 0) == (5, 0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("backwards", "unknown order 'backwards'; known: fixed, random"),
        ([0, 1, 2], "each of the 6 edges once, got 0, 1, 2"),
        ([0, 0, 1, 2, 3, 4], "each of the 6 edges once"),
        ([], "got none"),
        ([0, 1, 2, 3, 4, "5->6"], "unknown edge"),
    ],
)
def test_bad_orders_are_one_line(order, message):
    with pytest.raises(UserError, match=message.replace(">", ".")):
        resolve_order(NASBENCH201, order, 0)


def test_units_have_their_own_k_and_a_seed_where_something_is_drawn():
    settings = replace(SETTINGS, policies=("best-acc", "disc-acc", "darts-pt"), seeds=(0, 1))
    units = progressive_units(replace(settings, retrain_epochs={"disc-acc": 25}))
    found = [(u.policy, u.seed, u.settings.profile.tuning_epochs) for u in units]
    assert found == [
        ("best-acc", None, 2), ("disc-acc", 0, 25), ("disc-acc", 1, 25),
        ("darts-pt", 0, 2), ("darts-pt", 1, 2),
    ]  # fmt: skip
    for_all = progressive_units(replace(settings, retrain_epochs=7))
    assert {u.settings.profile.tuning_epochs for u in for_all} == {7}
    drawn = progressive_units(replace(settings, order="random"))
    assert [u.seed for u in drawn if u.policy == "best-acc"] == [0, 1]
    with pytest.raises(UserError, match="retraining epochs 'disc-ac'; did you mean disc-acc"):
        progressive_units(replace(settings, retrain_epochs={"disc-ac": 1}))


def test_the_key_tells_orders_and_k_apart():
    base, other = unit_of("darts"), unit_of("darts", retrain_epochs=3)
    reverse = unit_of("darts", order=[5, 4, 3, 2, 1, 0])
    assert base.key() != other.key()
    assert base.key() != reverse.key()
    assert base.key()["kind"] == "progressive"
    assert unit_of("best-acc").key() == unit_of("best-acc", retrain_epochs=3).key()


def test_open_edges_are_scored_and_one_is_decided_at_each_iteration():
    steps = follow(unit_of("zc-pt(nwot)", order=[2, 0, 1, 5, 4, 3]))
    assert [step.edge for step in steps] == [2, 0, 1, 5, 4, 3]
    state = INITIAL
    for iteration, step in enumerate(steps):
        assert step.state == state
        assert step.scores["iteration"].unique().tolist() == [iteration]
        assert step.scores["edge"].unique().tolist() == list(state.open_edges)
        assert len(step.scores) == 5 * (6 - iteration)
        state = step.after
    assert state.is_architecture


def test_each_iteration_has_a_new_minibatch_and_the_first_is_that_of_initial_scoring():
    unit = unit_of("zc-pt(nwot)")
    context = ScoringContext(SETTINGS, 0)
    initial = make_policy("zc-pt(nwot)", context).scores(INITIAL, [0])
    first = follow(unit)[0].scores
    assert first["score"].tolist()[:5] == [score.value for score in initial[0]]
    batches = [context.batch, *(context.redrawn("progressive", t).batch for t in (1, 2))]
    assert len({float(batch.images.sum()) for batch in batches}) == 3
    assert context.redrawn("progressive", 1).supernet is context.supernet


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_a_second_minibatch_decides_in_the_faithful_meaning_only(meaning):
    settings = replace(SETTINGS, meaning=meaning)
    unit = unit_of("zc-pt(nwot)", settings)
    context = ScoringContext(settings, 0)
    step = score_step(unit, context, 0, INITIAL)
    deciding = context.redrawn("decision", 0) if meaning == "faithful" else context
    assert step.op == make_policy("zc-pt(nwot)", deciding).choose(INITIAL, 0)

    # It does make a difference: over some seeds the two draws disagree somewhere.
    def disagree(seed):
        step = score_step(unit, ScoringContext(settings, seed), 0, INITIAL)
        rows = step.scores[step.scores["edge"] == 0]
        return int(rows["strength"].to_numpy().argmax()) != step.op

    seeds = range(6) if meaning == "faithful" else range(2)
    assert any(disagree(seed) for seed in seeds) == (meaning == "faithful")


def test_memory_that_ran_out_for_a_decision_is_no_result(tmp_path):
    calls = []

    @register_proxy("short", higher_is_better=True, source="this test")
    def short(network, batch):
        calls.append(batch.images.sum().item())
        if calls.count(calls[-1]) == 1 and len(set(calls)) == 2:
            raise MemoryError  # the first of those that decide
        return float(len(calls))

    try:
        steps = follow(unit_of("zc-pt(short)"), tmp_path)
    finally:
        unregister_proxy("short")
    assert (steps[0].scores["status"] == "ok").all()
    assert [bool(step.failed) for step in steps] == [True, *[False] * 5]
    assert not list(tmp_path.glob("iteration-*"))


def test_retraining_between_decisions_moves_the_alphas():
    steps = follow(unit_of("darts", retrain_epochs=2))
    rows = pd.concat([step.scores for step in steps])
    of_last_edge = rows[rows["edge"] == 5].pivot_table(
        index="iteration", columns="op", values="score"
    )
    assert len(of_last_edge.drop_duplicates()) == 6
    still = pd.concat([step.scores for step in follow(unit_of("darts", retrain_epochs=0))])
    still = still[still["edge"] == 5].pivot_table(index="iteration", columns="op", values="score")
    assert len(still.drop_duplicates()) == 1
    assert still.iloc[0].tolist() == of_last_edge.iloc[0].tolist()


class StoppedError(Exception):
    pass


@pytest.mark.parametrize(
    "policy", ["zc-pt(nwot)", pytest.param("darts-pt", marks=pytest.mark.exhaustive)]
)
def test_a_stopped_run_goes_on_after_its_last_iteration(policy, tmp_path):
    unit = unit_of(policy, replace(SETTINGS, cache=tmp_path / "supernets"))
    folder = tmp_path / "run"

    with stopped_at("iterations", 3), pytest.raises(KeyboardInterrupt):
        follow(unit, folder)
    written = {path.name: path.stat().st_mtime_ns for path in folder.glob("iteration-*")}
    assert set(written) == {f"iteration-{t}.parquet" for t in range(3)}
    resumed = follow(unit, folder)
    for name, date in written.items():
        assert (folder / name).stat().st_mtime_ns == date, "not redone"
    assert_same(resumed, follow(unit))
    assert not list(folder.glob("*.pt")), "checkpoints of retraining are removed at the end"
    assert_same(resumed, follow(unit, folder))


def test_retraining_that_was_stopped_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    unit = unit_of("darts", replace(SETTINGS, cache=tmp_path / "supernets"))
    folder, epoch, done = tmp_path / "run", Trainer.epoch, []

    def stop_in_the_middle(self, number):
        if self.purpose == ("tuning", 2) and len(self.log) == 1:
            raise StoppedError
        epoch(self, number)

    def note(self, number):
        done.append((*self.purpose, len(self.log)))
        epoch(self, number)

    monkeypatch.setattr(Trainer, "epoch", stop_in_the_middle)
    with pytest.raises(StoppedError):
        follow(unit, folder)
    assert {path.name for path in folder.glob("supernet-*.pt")} == {
        "supernet-1.pt", "supernet-2.pt",
    }  # fmt: skip
    monkeypatch.setattr(Trainer, "epoch", note)
    resumed = follow(unit, folder)
    assert done[0] == ("tuning", 2, 1), "nothing of what was finished is redone"
    assert_same(resumed, follow(unit))


def test_an_iteration_that_cannot_be_read_or_is_anothers_is_named(tmp_path):
    unit = unit_of("best-acc")
    follow(unit, tmp_path)
    other = unit_of("best-acc", order=[5, 4, 3, 2, 1, 0])
    with pytest.raises(UserError, match=r"iteration-0.parquet is of another run"):
        follow(other, tmp_path)
    (tmp_path / "iteration-3.parquet").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"iteration-3.parquet cannot be read"):
        follow(unit, tmp_path)


def test_best_acc_reaches_the_optimum():
    steps = follow(unit_of("best-acc", order=[3, 1, 5, 0, 4, 2]))
    oracle = ScoringContext(SETTINGS, 0).oracle
    assert oracle.best(steps[-1].after) == oracle.best(INITIAL)


def test_trained_policies_share_the_supernet_object_but_not_with_the_cache(tmp_path):
    settings = replace(SETTINGS, cache=tmp_path)
    before = ScoringContext(settings, 0).trained_supernet.alphas.clone()
    follow(unit_of("darts", settings))
    assert torch.equal(ScoringContext(settings, 0).trained_supernet.alphas, before)
