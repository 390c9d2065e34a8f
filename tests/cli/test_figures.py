"""The commands figure2, table1, toy-model and retraining."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from opscore.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    return capsys.readouterr().out


def run_live(capsys: pytest.CaptureFixture[str], command: str, runs: Path, *, seeds: str) -> str:
    small = ["--live", "--size", "smoke", "--policies", "zc-pt(params)", "--json"]
    return run(capsys, command, *small, "--seeds", seeds, "--runs", str(runs))


def test_figure2_of_the_shipped_scores(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = run(capsys, "figure2", "--out", str(tmp_path), "--figures", "pdf")
    assert "published" in out
    assert "measured, paper size" in out
    assert (tmp_path / "figure2_left.pdf").is_file()
    claims = pd.read_csv(tmp_path / "claims.csv")
    # Each claim at iteration 0 is one line, below the scores that it was tested on.
    for source, rows in claims[claims["iteration"] == 0].groupby("source"):
        below = out.partition(f"claims at iteration 0, {source}")[2].splitlines()
        for row in rows.itertuples():
            against = row.other if isinstance(row.other, str) else row.reference
            words = f"{row.claim} {against} {row.expected}".split()
            line = next(line for line in below if line.split()[: len(words)] == words)
            assert f"{row.estimate:+.2f}" in line
            assert line.split()[-1] == row.holds.split()[-1]
    assert set(claims["holds"]) <= {"yes", "no", "open", "too few edges"}


def test_figure2_live(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run_live(capsys, "figure2", tmp_path, seeds="0")
    found = json.loads(text)
    assert {row["source"] for row in found["right"]} == {
        "published",
        "measured, smoke size (reduced)",
    }
    assert list(tmp_path.glob("progressive-*"))


def test_table1_live(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run_live(capsys, "table1", tmp_path, seeds="0,1")
    rows = json.loads(text)["summary"]
    assert {row["policy"]: row["n_seeds"] for row in rows}["zc-pt(params)"] == 2


def test_table1_prints_operations(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "table1")
    assert "none none none skip none none" in out  # disc-acc, as published


def test_toy_model_live(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run(
        capsys,
        "toy-model",
        "--live",
        "--lengths",
        "1-2",
        "--seeds",
        "0",
        "--images",
        "digits",
        "--batch-size",
        "8",
        "--runs",
        str(tmp_path),
        "--json",
    )
    rows = json.loads(text)["toy_model"]
    assert {row["length"] for row in rows} == {1, 2}


@pytest.mark.exhaustive  # tests/paper/test_retraining.py has the computation
def test_retraining_prints_a_row_for_each_epoch(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = run(
        capsys,
        "retraining",
        "--size",
        "smoke",
        "--epochs",
        "1",
        "--edge",
        "1->3",
        "--images",
        "digits",
        "--runs",
        str(tmp_path),
        "--json",
    )
    found = json.loads(text)
    assert [row["epoch"] for row in found["correlation"]] == [0, 1]
    assert {row["edge"] for row in found["curves"]} == {4}


def test_figures_are_written_as_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    look = ("--style", "talk", "--width", "column", "--figures", "svg,pdf")
    run(capsys, "toy-model", "--out", str(tmp_path), *look)
    names = {path.name for path in tmp_path.iterdir() if path.suffix != ".parquet"}
    assert names == {f"toy_model.{end}" for end in ("svg", "pdf", "csv", "txt")} | {
        "croissant.json"
    }
    points = float(
        (tmp_path / "toy_model.svg").read_text().partition('width="')[2].partition("pt")[0]
    )
    assert points == pytest.approx(72 * 6.5, rel=0.1), "a column of a talk"


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["retraining", "--epochs", "0", "--size", "smoke", "--runs", str(tmp_path)])
    assert stopped.value.code == 2
    assert "1 epoch or more" in capsys.readouterr().err
