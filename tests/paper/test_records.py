"""Records are made from runs, and a begun one goes on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import records
from records import MAKERS, RecordPart, RecordSettings, make_record, ship

from opscore.data.records import record_names
from opscore.errors import UserError
from opscore.paper.records import describe_records

TINY = {"size": "smoke", "images": "noise", "batch_size": 8}


@pytest.fixture
def making(tmp_path: Path) -> RecordSettings:
    return RecordSettings(tmp_path / "runs", folder=tmp_path / "made")


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    return pd.read_parquet(path), path.with_suffix(".json").read_text()


def test_every_shipped_record_is_described() -> None:
    table = describe_records()
    assert table["record"].tolist() == record_names()
    assert set(table["record"]) <= {*MAKERS, "search_scores"}  # which comes with the proposals
    assert (table["holds"] != "").all()


@pytest.mark.exhaustive
def test_scores_of_all_parts_are_one_table(
    making: RecordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"images": "noise", "batch_size": 8}
    parts = (
        RecordPart(("avg-acc", "zc-pt(params)"), small),
        RecordPart(("zc-pt(l2_norm)",), {**small, "batch_size": 16}, "l2_norm: batch 16"),
        RecordPart(("disc-zc(params)",), small, initial=True),
    )
    monkeypatch.setitem(records._SCORES, "smoke", parts)
    (path,) = records._make_scores("smoke", making, (0, 1))
    table, said = _read(path)
    assert path.name == "progressive_smoke.parquet"
    rows = table.groupby(["policy", "seed"], dropna=False).size()
    # 30 + 25 + 20 + 15 + 10 + 5 scores along six edges; the truth is there once.
    assert rows.xs("disc-zc(params)").tolist() == [30, 30]  # of A_0 alone
    assert set(rows.drop("disc-zc(params)")) == {105}
    along = {"best-acc", "avg-acc", "zc-pt(params)", "zc-pt(l2_norm)"}
    assert set(table["policy"]) == {*along, "disc-zc(params)"}
    assert "l2_norm: batch 16" in said


def test_searches_with_other_settings_say_so(
    making: RecordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {**TINY, "proposals": 1, "validation": 1}
    parts = (
        RecordPart(("zero-cost-pt(nwot)",), tiny),
        RecordPart(("zero-cost-pt(nwot)",), {**tiny, "order": "fixed", "batch_size": 16}),
    )
    monkeypatch.setitem(records._SEARCHES, "search_orders", parts)
    (path,) = records._make_searches("search_orders", making, (0,))
    table, _ = _read(path)
    assert table[["order", "size", "batch_size"]].drop_duplicates().to_numpy().tolist() == [
        ["random", "smoke", 8],
        ["fixed", "smoke", 16],
    ]


@pytest.mark.exhaustive
def test_sampling_baselines_are_repeated(
    making: RecordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(records._SEARCHES, "search", (RecordPart(("max-params",), most=1),))
    (path,) = make_record("search", making, (0, 1))
    table, said = _read(path)
    rows = table[table["dataset"] == "cifar10"].groupby("method").size()
    assert rows.to_dict() == {
        "max-params": 1,
        "random": 500,
        "naswot(nwot)": 500,
        "naswot(synflow)": 500,
    }
    assert "500 repetitions" in said


@pytest.mark.exhaustive
def test_ways_to_validate_share_their_proposals(
    making: RecordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {**TINY, "proposals": 3, "validation": 6}
    ways = [("once", None), ("once", 0.9), ("redrawn", None), ("redrawn", 0.9)]
    parts = tuple(
        RecordPart(("zero-cost-pt(nwot)",), {**tiny, "validation_weights": weights, "race": race})
        for weights, race in ways
    )
    monkeypatch.setattr(records, "_VALIDATIONS", parts)
    (path,) = make_record("search_validation", making, (0, 1))
    table, said = _read(path)
    rows = table[table["dataset"] == "cifar10"].set_index(["seed", "validation_weights"])
    assert len(rows) == 8
    whole, raced = rows[rows["race"].isna()], rows[rows["race"] == 0.9]
    assert (whole["minibatches"] == 6 * whole["candidates"]).all()
    assert (raced["minibatches"] <= whole["minibatches"]).all()
    assert len(set(rows.loc[0, "candidates"])) == 1
    assert "seeds 0, 1" in said


def test_a_long_search_gives_proposals_and_scores(
    making: RecordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_LONG", {"size": "smoke", "batch_size": 8, "proposals": 3})
    monkeypatch.setattr(records, "_ROUNDS", (1, 2))
    proposals, scores = (_read(path)[0] for path in make_record("search_proposals", making, (0,)))
    assert proposals["proposal"].tolist() == [0, 1, 2]
    assert set(scores["architecture"]) == set(proposals["architecture"])
    assert set(scores["validation"]) == {1, 2}


def test_unknown_records_are_refused(making: RecordSettings) -> None:
    with pytest.raises(UserError, match="search_orders"):
        make_record("search_order", making)


def test_a_shipped_record_has_nothing_local(tmp_path: Path) -> None:
    settings = {"size": "smoke", "cache": "/somewhere", "data_dir": "/elsewhere"}
    path = ship("smoke", pd.DataFrame({"policy": ["random"]}), settings, folder=tmp_path)
    assert path.name == "progressive_smoke.parquet"
    text = path.with_suffix(".json").read_text()
    assert "/somewhere" not in text
    assert "/elsewhere" not in text


def test_the_script_makes_a_record_into_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = {"size": "smoke", "images": "noise", "batch_size": 8, "proposals": 1, "validation": 1}
    parts = (RecordPart(("zero-cost-pt(params)",), tiny),)
    monkeypatch.setitem(records._SEARCHES, "search_orders", parts)
    asked = ["records.py", "search_orders", "--seeds", "0,2", "--runs", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", [*asked, "--out", str(tmp_path / "made")])
    records.main()
    table = pd.read_parquet(tmp_path / "made" / "search_orders.parquet")
    assert sorted(set(table["seed"])) == [0, 2]
    assert "search_orders.parquet" in capsys.readouterr().out
