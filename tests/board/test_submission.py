"""Entering the board: what is refused, each in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest

from opscore.board import BoardTruth, read_board
from opscore.board.submission import ENTRY, SCORES, check, submit
from opscore.data.files import file_hash, write_table
from opscore.errors import UserError
from opscore.policies import POLICIES
from opscore.policies.base import Policy, PolicyFamily
from opscore.proxies import Score

BOARD = replace(
    read_board(),
    version="small",
    seeds=(0, 1),
    size="smoke",
    images="noise",
    truths=(BoardTruth("nasbench-macro", ("cifar10",), "0", "held-out"),),
)
SAID = {
    "authors": ["A. Nother"],
    "licence": "MIT",
    "bibtex": "@misc{nother}",
    "no_truth_was_read": True,
}


@pytest.fixture(scope="module")
def entered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submission")
    submit("zc-pt(l2_norm)", folder, board=BOARD, batch_size=4, **SAID)
    return folder


@pytest.fixture
def submission(entered: Path, tmp_path: Path) -> Path:
    return Path(copytree(entered, tmp_path / "submission"))


def rewritten(folder: Path, table: pd.DataFrame) -> None:
    """Write the scores again, and the hash that belongs to them."""
    path = write_table(folder / SCORES, table)
    changed(folder, scores=file_hash(path))


def changed(folder: Path, **fields: object) -> None:
    entry = json.loads((folder / ENTRY).read_text())
    (folder / ENTRY).write_text(json.dumps({**entry, **fields}))


def refused(folder: Path, match: str, **settings: object) -> None:
    with pytest.raises(UserError, match=match) as caught:
        check(folder, board=BOARD, **settings)
    assert "\n" not in str(caught.value)


def test_an_honest_one_is_taken(submission: Path) -> None:
    found = check(submission, board=BOARD, share=1)
    assert found.cells == found.recomputed == 2 * 8
    assert found.largest == 0
    assert check(submission, board=BOARD, seed=0).recomputed == 1  # a twentieth of 16 cells
    assert found.entry.states == {"nasbench-macro": 24}


def test_an_altered_score_is_refused(submission: Path) -> None:
    table = pd.read_parquet(submission / SCORES)
    table.loc[7, ["score", "strength"]] *= 1.05
    write_table(submission / SCORES, table)
    refused(submission, "is not the file that entry.json names")
    rewritten(submission, table)  # who alters the hash too is found by computing again
    refused(submission, "do not recompute", share=1)


def test_one_without_a_cell_is_refused(submission: Path) -> None:
    table = pd.read_parquet(submission / SCORES)
    rewritten(submission, table.drop(index=7))
    row = table.loc[7]
    refused(submission, f"lacks nasbench-macro, seed {row.seed}, edge {row.edge}, {row.op}")
    rewritten(submission, pd.concat([table, table.loc[[7]]]))
    refused(submission, "or twice")
    (submission / SCORES).unlink()
    refused(submission, "there is none")


def test_one_that_reads_the_truth_is_refused(submission: Path, tmp_path: Path) -> None:
    changed(submission, policy="best-acc(k=10)")
    refused(submission, "reads the truth")
    with pytest.raises(UserError, match="reads the truth"):
        submit("best-acc", tmp_path / "other", board=BOARD, **SAID)


class Peeking(Policy):
    """It does not say that it uses the oracle."""

    name, higher_is_better = "peeking", True

    def __init__(self, context) -> None:
        self.context = context

    def scores(self, state, edges):
        best = self.context.oracle.best
        return {
            edge: [Score.of(best(state.discretize(edge, op))) for op in state.remaining(edge)]
            for edge in edges
        }


def test_one_that_hides_that_it_reads_the_truth_finds_none(tmp_path: Path) -> None:
    POLICIES.add("peeking", PolicyFamily(lambda context, _: Peeking(context), Peeking, "peeks"))
    try:
        with pytest.raises(UserError, match="there is no truth"):
            submit("peeking", tmp_path, board=BOARD, **SAID)
    finally:
        POLICIES.remove("peeking")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"licence": ""}, "says its licence"),
        ({"no_truth_was_read": False}, "no truth was read"),
        ({"code": "0"}, "is not the code"),
        ({"board": "2026.1"}, "not small"),
        ({"images": "cifar10"}, "on noise, the scores on cifar10"),
        ({"seeds": "all"}, "seeds is"),
        ({"seconds_": 1}, "did you mean seconds"),
        ({"policy": "zc-pt(l3_norm)"}, "did you mean l2_norm"),
    ],
)
def test_a_wrong_entry_is_one_line(submission: Path, fields: dict, match: str) -> None:
    changed(submission, **fields)
    refused(submission, match)


def test_an_entry_says_everything(submission: Path, tmp_path: Path) -> None:
    entry = json.loads((submission / ENTRY).read_text())
    del entry["bibtex"]
    (submission / ENTRY).write_text(json.dumps(entry))
    refused(submission, "lacks bibtex")
    with pytest.raises(UserError, match="your word"):
        submit(
            "zc-pt(l2_norm)", tmp_path / "x", board=BOARD, **{**SAID, "no_truth_was_read": False}
        )
