"""The loop over runs: found, computed, tried again; one that fails says so, and loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import get_args

import pandas as pd
import pytest

import opscore
from opscore.errors import UserError
from opscore.runs.loop import Manner, StoreFullError, complete, ends
from opscore.runs.run import Run
from opscore.runs.store import Outcome, RunStore
from opscore.settings import RunSettings
from opscore.typed import types_of


@dataclass(frozen=True)
class Counted(Run):
    """A run that fails as often as it is told, and counts how often it was computed."""

    name: str
    fails: int = 0
    error: type[Exception] = RuntimeError
    told: list[str] = field(default_factory=list)

    def key(self):
        return {"kind": "counted", "name": self.name}

    @property
    def label(self):
        return self.name

    def compute(self, pieces):
        self.told.append(self.name)
        if len(self.told) <= self.fails:
            raise self.error("not now")
        return Outcome({"scores": pd.DataFrame({"computed": [len(self.told)]})})


def values(outcomes):
    return [int(outcome.tables["scores"]["computed"].iloc[0]) for outcome in outcomes]


def test_each_word_for_finished_runs(tmp_path):
    store = RunStore(tmp_path)
    good, bad = Counted("good"), Counted("bad", fails=1)
    with pytest.raises(RuntimeError, match="not now"):
        complete([good, bad], RunSettings(store=store.root))
    for word in ("never", "only-cache"):
        with pytest.raises(UserError, match=f"1 of 2 runs have no result, .*bad.*'{word}'"):
            complete([good, bad], RunSettings(store=store.root, finished=word))
    with pytest.raises(UserError, match="1 of 1 runs have no result"):
        complete([Counted("new")], RunSettings(store=store.root, finished="only-cache"))
    assert (good.told, bad.told) == (["good"], ["bad"])
    assert values(complete([Counted("new")], RunSettings(store=store.root, finished="never"))) == [
        1
    ]
    assert values(complete([good, bad], RunSettings(store=store.root))) == [1, 2]
    assert values(complete([good, bad], RunSettings(store=store.root, finished="only-cache"))) == [
        1,
        2,
    ]
    assert values(complete([good, bad], RunSettings(store=store.root, finished="always"))) == [2, 3]
    assert values(complete([good, bad], RunSettings(store=store.root))) == [2, 3]


@dataclass(frozen=True)
class Trained(Counted):
    """A run with a checkpoint among its results."""

    def compute(self, pieces):
        outcome = super().compute(pieces)
        path = pieces.path("network.pt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"weights {len(self.told)}")
        return replace(outcome, files=("network.pt",))


def test_files_of_a_run_made_anew_take_the_place_of_the_old_ones(tmp_path):
    run = Trained("net")
    for word, number in (("only-missing", 1), ("always", 2), ("only-missing", 2)):
        outcomes = complete([run], RunSettings(store=tmp_path, finished=word))
        assert values(outcomes) == [number]
        kept = RunStore(tmp_path).path(run.key())
        assert (kept / "network.pt").read_text() == f"weights {number}"
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [kept]


def test_what_fails_is_tried_again_as_often_as_asked(tmp_path):
    run = Counted("late", fails=2)
    assert values(complete([run], RunSettings(store=tmp_path, retries=2))) == [3]
    refuses = Counted("refuses", fails=1, error=UserError)
    with pytest.raises(UserError, match="not now"):
        complete([refuses], RunSettings(store=tmp_path, retries=5))
    assert refuses.told == ["refuses"]


def test_one_that_fails_stops_no_other(tmp_path):
    runs = [Counted("a"), Counted("b", fails=9), Counted("c", fails=9, error=UserError)]
    keys = [(run.key(), None) for run in runs]
    found = list(ends(runs, RunStore(tmp_path), Manner(alone=True), keys=keys))
    assert [(end.place, end.status) for end in found] == [
        (0, "finished"), (1, "failed"), (2, "failed"),
    ]  # fmt: skip
    assert [str(end.error) for end in found[1:]] == ["not now", "not now"]


def test_a_full_store_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("opscore.runs.loop.refusal_of", lambda folder: OSError(28, "full"))
    run = Counted("full", fails=1, error=lambda text: OSError(28, text))
    with pytest.raises(StoreFullError, match=r"No space left.* is kept: make room"):
        complete([run], RunSettings(store=tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"finished": "allways"}, "unknown finished 'allways'; did you mean always"),
        ({"retries": -1}, "retries is 0 or more, got -1"),
        ({"jobs": True}, "jobs is a whole number, got True"),
    ],
)
def test_bad_ways_are_one_line(wrong, message):
    with pytest.raises(UserError, match=message):
        complete([Counted("a")], RunSettings(**wrong))


@pytest.mark.parametrize("word", get_args(types_of(RunSettings)["finished"]))
def test_initial_and_search_take_the_words(tmp_path, word):
    settings = {"size": "smoke", "images": "noise", "batch_size": 4, "store": tmp_path}
    calls = {
        "initial": lambda **more: opscore.initial(["random"], baselines=False, **settings, **more),
        "search": lambda **more: opscore.run_search(["random"], **settings, **more),
    }
    for call in calls.values():
        if word == "only-cache":
            with pytest.raises(UserError, match="runs have no result"):
                call(finished=word)
            call()
        call(finished=word, retries=1)
