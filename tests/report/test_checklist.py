"""What reviewers ask, answered from a store."""

from __future__ import annotations

import json

import pytest

import opscore
from opscore.cli import main
from opscore.experiments import OracleSettings


def asked(store, capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["report", "--runs", str(store), "--checklist", *words])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("data_dir")
def test_every_question_has_its_answer(tmp_path, capsys):
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "store": tmp_path}
    opscore.initial(["zc-pt(params)"], seeds=(0, 1), **small)
    valid = OracleSettings(split="valid")
    opscore.initial(["random"], seeds=(7,), oracle=valid, **small)
    rows = json.loads(asked(tmp_path, capsys, "--json"))["checklist"]
    answers = {row["question"]: row["answer"] for row in rows}
    seeds = answers["On how many seeds?"]
    assert "0, 1: zc-pt(params)" in seeds
    assert "7: random" in seeds
    assert "space nasbench201, size smoke" in answers["In which spaces, at which size?"]
    assert "images digits, batch_size 4" in answers["On which images?"]
    assert "split valid" in answers["Against which truth, on which split?"]
    assert f"opscore {opscore.__version__}" in answers["With which versions?"]
    assert "cores" in answers["On which hardware?"]
    assert "best-fixed-order" in answers["What was known in hindsight?"]
    assert all(answers.values())
    assert not list(tmp_path.glob("*.html"))


def test_a_store_without_runs_says_so(tmp_path, capsys):
    printed = asked(tmp_path, capsys)
    assert "nothing" in printed
    assert "the store does not say" in printed
