from __future__ import annotations

import pandas as pd
import pytest
from hearing import heard

import opscore
from opscore.errors import UserError
from opscore.experiments import OracleSettings
from opscore.search import (
    METHODS,
    SearchSettings,
    find_method,
    perturbation,
    proposal,
    resolve_search,
    validation,
    zero_cost_pt,
)


def same(a, b):
    assert a.architecture == b.architecture
    pd.testing.assert_frame_equal(a.candidates, b.candidates)
    pd.testing.assert_frame_equal(a.trace, b.trace)
    assert a.cost.perturbations == b.cost.perturbations
    assert a.cost.forward_passes == b.cost.forward_passes


@pytest.fixture(scope="module")
def whole(small):
    """A search that keeps nothing."""
    return zero_cost_pt("nwot", **small)


def test_the_winner_has_the_largest_total(whole, small):
    candidates = whole.candidates
    assert candidates["proposals"].sum() == small["proposals"]
    assert candidates.loc[candidates["score"].idxmax(), "chosen"]
    assert candidates["chosen"].sum() == 1
    chosen = candidates[candidates["chosen"]]["architecture"].iloc[0]
    assert chosen == str(whole.architecture)
    assert whole.cost.perturbations == len(whole.trace) == 30 * small["proposals"]
    passes = 30 * small["proposals"] + small["validation"] * len(candidates)
    assert whole.cost.forward_passes == passes


@pytest.mark.parametrize("part", ["proposals", "validation"])
def test_a_search_that_was_stopped_goes_on(whole, small, tmp_path, monkeypatch, part):
    calls = {"proposals": 0, "validation": 0}
    scored = validation.score_minibatches

    def counting(name, function, stop):
        def call(*arguments, **named):
            if stop and name == part and calls[name] == 1:
                raise KeyboardInterrupt
            calls[name] += 1
            return function(*arguments, **named)

        return call

    def arm(stop):
        monkeypatch.setattr(perturbation, "propose", counting("proposals", proposal.propose, stop))
        monkeypatch.setattr(validation, "score_minibatches", counting("validation", scored, stop))

    assert len(whole.candidates) == 2  # so that validation can stop between the two
    arm(stop=True)
    with pytest.raises(KeyboardInterrupt):
        zero_cost_pt("nwot", store=tmp_path, **small)
    arm(stop=False)
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)
    assert calls == {"proposals": 2, "validation": 2}  # nothing was done twice
    monkeypatch.setattr(perturbation, "propose", None)
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)


def test_progress_names_each_piece_and_ends_at_one(whole, small):
    with heard() as events:
        zero_cost_pt("nwot", **small)
    pieces = [f"proposal {n}" for n in range(2)]
    pieces += [f"candidate {n}, minibatch 2" for n in range(len(whole.candidates))]
    said = dict.fromkeys(event.where for event in events)
    assert [where for where in said if where in pieces] == pieces
    shares = [event.share for event in events if event.kind == "reached"]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


@pytest.mark.exhaustive  # a race and searches by several methods have the like
def test_workers_change_nothing(whole, small):
    same(zero_cost_pt("nwot", jobs=2, **small), whole)


def test_more_proposals_and_minibatches_go_on_from_fewer(whole, small, tmp_path):
    fewer = {**small, "proposals": 1, "validation": 1}
    zero_cost_pt("nwot", store=tmp_path, **fewer)
    before = {path.name for path in tmp_path.rglob("*.parquet")}
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)
    assert len(list(tmp_path.iterdir())) == 1
    assert before < {path.name for path in tmp_path.rglob("*.parquet")}


@pytest.mark.parametrize("weights", ["once", pytest.param("redrawn", marks=pytest.mark.exhaustive)])
def test_a_race_ends_where_all_minibatches_end(small, tmp_path, weights):
    asked = {**small, "proposals": 3, "validation": 12, "validation_weights": weights}
    whole = zero_cost_pt("nwot", **asked)
    raced = zero_cost_pt("nwot", race=0.95, store=tmp_path, **asked)
    assert raced.architecture == whole.architecture
    candidates = raced.candidates
    assert set(candidates["status"]) <= {"ok", "dropped"}
    counts = candidates["minibatches"]
    assert counts[candidates["chosen"]].item() == counts.max()
    saved = whole.cost.forward_passes - raced.cost.forward_passes
    assert saved == 12 * len(candidates) - counts.sum()
    assert saved > 0
    # The whole search goes on from the race's minibatches, and the race back from its.
    same(zero_cost_pt("nwot", store=tmp_path, **asked), whole)
    same(zero_cost_pt("nwot", race=0.95, store=tmp_path, **asked), raced)


def test_workers_change_nothing_in_a_race_with_redrawn_weights(small):
    asked = {**small, "validation": 8, "validation_weights": "redrawn", "race": 0.9}
    same(zero_cost_pt("nwot", jobs=2, **asked), zero_cost_pt("nwot", **asked))


def test_redrawn_weights_are_kept_beside_those_drawn_once(whole, small, tmp_path):
    redrawn = zero_cost_pt("nwot", validation_weights="redrawn", store=tmp_path, **small)
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)
    assert len(list(tmp_path.iterdir())) == 1  # the proposals are the same
    pd.testing.assert_frame_equal(redrawn.trace, whole.trace)
    assert (redrawn.candidates["score"] != whole.candidates["score"]).all()


def test_the_authors_validation_is_named_by_nothing(small):
    method = find_method("zero-cost-pt(nwot)")
    plain = resolve_search(SearchSettings(**small))
    assert not {"validation_weights", "race"} & set(method.key(plain))
    other = resolve_search(SearchSettings(**small, validation_weights="redrawn", race=0.99))
    assert method.key(other) == {
        **method.key(plain),
        "validation_weights": "redrawn",
        "race": 0.99,
    }
    assert method.piece_key(other) == method.piece_key(plain)


def test_without_validation_the_first_proposal_wins(whole, small):
    found = zero_cost_pt("nwot", **{**small, "validation": 0})
    assert found.candidates["chosen"].tolist()[0]
    assert found.candidates["score"].isna().all()
    assert str(found.architecture) == whole.candidates["architecture"].iloc[0]
    assert found.cost.forward_passes == found.cost.perturbations


def test_the_families_are_registered():
    assert {"zero-cost-pt", "zero-cost-disc"} <= set(METHODS)
    assert find_method("zero-cost-disc(synflow)").policy == "disc-zc(synflow)"
    assert opscore.zero_cost_pt is zero_cost_pt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"proxy": "nwat"}, "did you mean nwot"),
        ({"order": "randm"}, "did you mean random"),
        ({"orders": "author"}, "authors"),
        ({"proposals": 0}, "proposals is 1 or more, got 0"),
        ({"validation": -1}, "validation is 0 or more"),
        ({"policy": "darts"}, "proposes by zc-pt or disc-zc, not 'darts'"),
        ({"jobs": 0}, "jobs is 1 or more"),
        ({"proxy": "tenas", "order": "global-op-iter"}, "take 'fixed' or 'random'"),
        ({"proxy": "tenas", "race": 0.9}, "none can leave a race"),
        ({"race": 1.0}, "race is a confidence from 0.5 to below 1, for instance 0.99, got 1.0"),
        ({"race": float("nan")}, "race is a confidence"),
        ({"validation_weights": "redraw"}, "did you mean redrawn"),
    ],
)
def test_bad_input_is_one_clear_line(small, arguments, message):
    with pytest.raises(UserError, match=message):
        zero_cost_pt(**{**small, **arguments})


@pytest.mark.parametrize(
    ("space", "batch"),
    [("nasbench201", 256), ("darts", 64), ("mobilenet", 64), ("nb1shot1-1", 128)],
)
def test_minibatches_are_as_large_as_the_authors_on_a_space(space, batch):
    asked = {"space": space, "images": "noise", "oracle": OracleSettings(source="none")}
    assert resolve_search(SearchSettings(**asked)).batch_size == batch
    assert resolve_search(SearchSettings(**asked, batch_size=8)).batch_size == 8
