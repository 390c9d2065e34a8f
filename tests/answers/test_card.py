"""The card of a folder's tables, read by Croissant's own library."""

from __future__ import annotations

import mlcroissant as croissant
import pandas as pd
import pytest

import opscore
from opscore.answers.card import FILE
from opscore.cli import main


def test_a_card_is_valid_and_leads_to_the_rows_and_finds_a_change(tmp_path):
    result = opscore.initial(["zc-pt(params)"], [0], size="smoke", images="digits", batch_size=8)
    assert tmp_path / FILE in result.save(tmp_path)
    found = croissant.Dataset(jsonld=tmp_path / FILE)
    assert not found.metadata.ctx.issues.errors
    assert found.metadata.description.endswith(result.notes()[-1])
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    rows = pd.DataFrame(found.records("scores"))
    assert [name.removeprefix("scores/") for name in rows] == list(scores)
    assert rows["scores/score"].tolist() == pytest.approx(scores["score"].tolist())
    assert rows["scores/op"].iloc[0].decode() == scores["op"].iloc[0]
    scores.assign(score=0.0).to_parquet(tmp_path / "scores.parquet", index=False)
    with pytest.raises(croissant.GenerationError, match=r"Download\(scores"):
        list(croissant.Dataset(jsonld=tmp_path / FILE).records("scores"))


def test_what_ships_is_written_with_its_card(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["records", "--out", str(tmp_path), "--json"])
    assert end.value.code == 0
    found = croissant.Dataset(jsonld=tmp_path / FILE)
    names = {record.name for record in found.metadata.record_sets}
    assert names == {path.stem for path in tmp_path.glob("*.parquet")}
    assert {"board_nasbench201", "truth_scores"} <= names
