from __future__ import annotations

import pandas as pd
import pytest

import opscore
from opscore.errors import UserError
from opscore.search import METHODS, find_method, proposal, validation, zero_cost, zero_cost_pt


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


@pytest.mark.parametrize("stage", ["proposals", "validation"])
def test_a_search_that_was_stopped_goes_on(whole, small, tmp_path, monkeypatch, stage):
    calls = {"proposals": 0, "validation": 0}

    def counting(name, function, stop):
        def call(*arguments, **named):
            if stop and name == stage and calls[name] == 1:
                raise KeyboardInterrupt
            calls[name] += 1
            return function(*arguments, **named)

        return call

    def arm(stop):
        monkeypatch.setattr(zero_cost, "propose", counting("proposals", proposal.propose, stop))
        network = counting("validation", original, stop)
        monkeypatch.setattr(validation, "candidate_network", network)

    original = validation.candidate_network
    assert len(whole.candidates) == 2  # so that validation can stop between the two
    arm(stop=True)
    with pytest.raises(KeyboardInterrupt):
        zero_cost_pt("nwot", store=tmp_path, **small)
    arm(stop=False)
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)
    assert calls == {"proposals": 2, "validation": 2}  # nothing was done twice
    monkeypatch.setattr(zero_cost, "propose", None)
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)


def test_progress_names_each_piece_and_ends_at_one(whole, small):
    said = []
    zero_cost_pt("nwot", progress=lambda line, share: said.append((line, share)), **small)
    pieces = [f"proposal {n}" for n in range(2)]
    pieces += [f"candidate {n}" for n in range(len(whole.candidates))]
    assert [line for line, _ in said] == [f"zero-cost-pt(nwot), seed 0, {p}" for p in pieces]
    shares = [share for _, share in said]
    assert shares == sorted(set(shares))
    assert shares[-1] == pytest.approx(1)


def test_workers_change_nothing(whole, small):
    same(zero_cost_pt("nwot", jobs=2, **small), whole)


def test_more_proposals_and_minibatches_go_on_from_fewer(whole, small, tmp_path):
    fewer = {**small, "proposals": 1, "validation": 1}
    zero_cost_pt("nwot", store=tmp_path, **fewer)
    before = {path.name for path in tmp_path.rglob("*.parquet")}
    same(zero_cost_pt("nwot", store=tmp_path, **small), whole)
    assert len(list(tmp_path.iterdir())) == 1
    assert before < {path.name for path in tmp_path.rglob("*.parquet")}


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
    ],
)
def test_bad_input_is_one_clear_line(small, arguments, message):
    with pytest.raises(UserError, match=message):
        zero_cost_pt(**{**small, **arguments})
