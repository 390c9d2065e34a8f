"""A store that opscore 0.1.0 wrote (``golden/``, five runs of smoke size) is read as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import opscore
from opscore.paper.toy_model.result import toy_model

GOLDEN = Path(__file__).with_name("golden")
SMALL = {"size": "smoke", "batch_size": 4, "images": "noise"}
POLICIES = ["zc-pt(nwot)", "darts"]
#: Runs of the golden store by what they hold.
NWOT = GOLDEN / "initial-d7c6295b5e7543ee"
DARTS = GOLDEN / "initial-c7630e6cfd157999"
PROGRESSIVE = GOLDEN / "progressive-22c8b131b51644be"
SEARCH = GOLDEN / "search-5c52bc32abb6c5ff"


@pytest.fixture
def store(tmp_path):
    return shutil.copytree(GOLDEN, tmp_path / "store")


def taken_over(store, kind):
    """Records that say that their runs come from the earlier version."""
    records = [json.loads(path.read_text()) for path in store.glob(f"{kind}-*/run.json")]
    return [record for record in records if "migrated" in record]


def assert_same(found, path):
    """Equal scores and wall times: these show that nothing was computed again."""
    old = pd.read_parquet(path)
    for column in ("edge", "op", "score", "seconds"):
        assert found[column].tolist() == old[column].tolist()


def test_initial_scores_are_taken_over(store):
    scores = opscore.initial(POLICIES, store=store, **SMALL).scores
    for policy, folder in zip(POLICIES, (NWOT, DARTS), strict=True):
        assert_same(scores[scores.policy == policy], folder / "scores.parquet")
    assert len(taken_over(store, "initial")) == 2


def test_iterations_are_taken_over(store):
    scores = opscore.progressive(["zc-pt(nwot)"], store=store, **SMALL).scores
    own = scores[scores.policy == "zc-pt(nwot)"]
    for iteration in range(6):
        path = PROGRESSIVE / f"iteration-{iteration}.parquet"
        assert_same(own[own.iteration == iteration], path)


def test_searches_are_taken_over(store):
    result = opscore.run_search(
        ["zero-cost-pt(nwot)"], store=store, proposals=2, validation=1, order="random", **SMALL
    )
    old = json.loads((SEARCH / "run.json").read_text())
    space = opscore.get_space("nasbench201")
    found = set(result.architectures.architecture)
    assert found == {space.format(space.architecture(old["architecture"]))}
    assert len(taken_over(store, "search")) == 1


def test_chains_are_taken_over(store):
    scores = toy_model(lengths=[1], seeds=[0], batch_size=4, images="noise", store=store).scores
    assert len(scores) > 0
    assert len(taken_over(store, "toy")) == 1


def test_the_earlier_runs_are_left_as_they_are(store):
    opscore.initial(POLICIES, store=store, **SMALL)
    for path in GOLDEN.rglob("*.parquet"):
        assert (store / path.relative_to(GOLDEN)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.iloc[:15],
        lambda table: table.iloc[:0],
        lambda table: table.assign(score=float("nan")),
        lambda table: pd.concat([table.iloc[:29], table.iloc[:1]]),
        lambda table: table.drop(columns="score"),
    ],
    ids=["half", "none", "NaN", "a row twice", "a column less"],
)
def test_an_earlier_table_that_is_not_whole_is_computed_again(store, spoil):
    path = store / NWOT.name / "scores.parquet"
    spoil(pd.read_parquet(path)).to_parquet(path)
    scores = opscore.initial(["zc-pt(nwot)"], store=store, **SMALL).scores
    own = scores[scores.policy == "zc-pt(nwot)"]
    assert len(own) == 30
    assert own.score.notna().all()
    assert taken_over(store, "initial") == []
