from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.proxies import get_proxy
from opscore.runs.store import Pieces
from opscore.search import SearchSettings, SearchTask, resolve_search, validation
from opscore.search.race import check_race, level, looks, survivors
from opscore.search.validation import VALUES, ValidationStage
from opscore.spaces import NASBENCH201


def test_looks_come_at_growing_distances_and_end_before_the_last_minibatch():
    assert looks(100) == [5, 8, 12, 18, 27, 41, 62, 93]
    assert looks(10) == [5, 8]
    assert looks(8) == [5]
    assert looks(5) == looks(0) == []


def test_the_error_is_shared_out_over_looks_and_pairs():
    assert level(0.99, 10, 3) == pytest.approx(0.01 / (2 * 3 * 2))
    assert level(0.99, 10, 1) == pytest.approx(0.01)
    assert level(0.99, 3, 4) == pytest.approx(0.01)


@pytest.mark.parametrize("confidence", [0.4, 1.0, 1.5, -1.0, math.nan])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(UserError, match="a confidence from 0"):
        check_race(confidence)
    check_race(None)
    check_race(0.5)


@pytest.mark.parametrize(("factor", "stays"), [(0.999, True), (1.001, False)])
def test_the_bound_is_that_of_the_total_over_all_minibatches(factor, stays):
    # Differences m - 1, m, m + 1: their deviation is 1.
    known, rounds, error = 3, 12, 0.05
    quantile = stats.t.ppf(1 - error, known - 1)
    mean = factor * quantile * math.sqrt(rounds * (rounds - known) / known) / rounds
    strengths = np.array([[mean - 1, mean, mean + 1], [0.0, 0.0, 0.0]])
    assert survivors(strengths, rounds, error).tolist() == [True, stays]
    assert survivors(-strengths, rounds, error).tolist() == [stays, True]


def test_equal_candidates_stay_and_a_steady_difference_decides_at_once():
    strengths = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.5, 1.5, 2.5]])
    assert survivors(strengths, 10, 0.001).tolist() == [True, True, False]


def test_a_candidate_that_failed_has_lost():
    strengths = np.array([[1.0, math.nan, 9.0], [1.0, 2.0, 3.0], [1.1, 1.9, 3.0]])
    assert survivors(strengths, 10, 0.001).tolist() == [False, True, True]
    assert not survivors(np.full((2, 3), math.nan), 10, 0.001).any()


def test_the_winner_of_all_minibatches_is_dropped_as_rarely_as_promised():
    draw = np.random.default_rng(0)
    rounds, error, wrong, dropped, repeats = 20, 0.1, 0, 0, 4000
    for _ in range(repeats):
        strengths = draw.normal(size=(2, rounds))
        total = strengths.sum(axis=1)
        stay = survivors(strengths[:, :5], rounds, error)
        dropped += not stay.all()
        wrong += not stay[int(np.argmax(total))]
    # One look and two ordered pairs: at most 2 x 0.1, but for three standard errors.
    assert 0 < wrong / repeats < 0.2 + 3 * math.sqrt(0.2 * 0.8 / repeats)
    assert dropped > 2 * wrong


ARCHITECTURES = [NASBENCH201.architecture([3, 1, 2, 3, 4, op]) for op in range(4)]


class Made:
    """Values that are made up, and how often each was asked for."""

    def __init__(self, means, deviation=0.1, rounds=60):
        noise = np.random.default_rng(1).normal(0, deviation, (len(means), rounds))
        self.table = np.array(means, dtype=float)[:, None] + noise
        self.asked = np.zeros(self.table.shape, dtype=int)

    def __call__(self, context, proxy, architecture, numbers, weights):
        place = ARCHITECTURES.index(architecture)
        self.asked[place, list(numbers)] += 1
        values = self.table[place, list(numbers)]
        status = ["ok" if math.isfinite(value) else "failed" for value in values]
        rows = zip(numbers, ["nwot"] * len(values), values, status, strict=True)
        return pd.DataFrame([(*row, 0.0) for row in rows], columns=list(VALUES)).astype(VALUES)


def run(made, monkeypatch, small, *, folder=None, proxy="nwot", race=0.99):
    monkeypatch.setattr(validation, "score_minibatches", made)
    settings = SearchSettings(**{**small, "validation": made.table.shape[1], "race": race})
    resolved = resolve_search(settings)
    task = SearchTask(resolved, ScoringContext(resolved, 0), Pieces(folder))
    candidates = ARCHITECTURES[: len(made.table)]
    shares = []
    monkeypatch.setattr(validation, "reach", lambda share, note: shares.append(share))
    values, racing = ValidationStage(task, get_proxy(proxy), candidates, 0.25).run()
    assert shares == sorted(shares)
    assert shares[0] > 0.25
    assert shares[-1] == pytest.approx(1)
    return values, racing


def test_only_those_that_may_win_are_scored_further(monkeypatch, small):
    made = Made([1.0, 5.0, 4.98, 3.0])
    values, racing = run(made, monkeypatch, small)
    counts = [len(frame) for frame in values]
    assert made.asked.sum(axis=1).tolist() == counts
    assert made.asked.max() == 1
    assert counts[0] in looks(60)[:4]
    assert counts[3] in looks(60)[:4]
    assert counts[1] == counts[2] > counts[0]
    for frame, own in zip(values, made.table, strict=True):
        assert frame["value"].tolist() == own[: len(frame)].tolist()
    assert racing
    assert racing <= {1, 2}


def test_the_smallest_wins_where_smaller_is_better(monkeypatch, small):
    assert run(Made([1.0, 5.0]), monkeypatch, small, proxy="ntk")[1] == {0}
    assert run(Made([1.0, 5.0]), monkeypatch, small)[1] == {1}


def test_without_a_race_all_are_scored_on_everything(monkeypatch, small):
    made = Made([1.0, 5.0, 4.98, 3.0])
    values, racing = run(made, monkeypatch, small, race=None)
    assert (made.asked == 1).all()
    assert racing == {0, 1, 2, 3}
    assert [len(frame) for frame in values] == [60] * 4


def test_a_race_that_was_stopped_goes_on(monkeypatch, small, tmp_path):
    whole, left = run(Made([1.0, 5.0, 4.98, 3.0]), monkeypatch, small)
    made = Made([1.0, 5.0, 4.98, 3.0])
    calls = 0

    class Stopped(Made):
        def __call__(self, *arguments):
            nonlocal calls
            calls += 1
            if calls == 7:
                raise KeyboardInterrupt
            return made(*arguments)

    with pytest.raises(KeyboardInterrupt):
        run(Stopped([1.0, 5.0, 4.98, 3.0]), monkeypatch, small, folder=tmp_path)
    assert made.asked.any()
    values, racing = run(made, monkeypatch, small, folder=tmp_path)
    assert made.asked.max() == 1  # nothing was done twice
    assert racing == left
    for one, other in zip(values, whole, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_failures_leave_the_race_and_a_race_may_have_no_winner(monkeypatch, small):
    made = Made([1.0, 5.0, 4.9, 3.0])
    made.table[1, 2] = math.nan
    values, racing = run(made, monkeypatch, small)
    assert len(values[1]) == 5
    assert racing == {2}
    failed = Made([1.0, 5.0])
    failed.table[:, 3] = math.nan
    values, racing = run(failed, monkeypatch, small)
    assert not racing
    assert [len(frame) for frame in values] == [5, 5]


def test_a_candidate_alone_has_won_at_the_first_look(monkeypatch, small):
    made = Made([1.0])
    values, racing = run(made, monkeypatch, small)
    assert racing == {0}
    assert len(values[0]) == 5
