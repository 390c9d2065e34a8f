"""Committed tables are what the code makes of what ships."""

from __future__ import annotations

import pandas as pd
import pytest

import figures


@pytest.mark.parametrize("name", ["search", "toy_model"])
def test_committed_tables_are_made_of_what_ships(name):
    assert figures.differing([name]) == []


@pytest.mark.exhaustive  # minutes: every statistic of every figure
def test_every_committed_table_is_made_of_what_ships(data_dir):
    assert figures.differing(figures.makeable(figures.MAKERS)) == []


def test_a_stale_table_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert "figures/toy_model/toy_model.csv" in figures.differing(["toy_model"])


def test_committed_tables_are_text():
    kept = {path.suffix for path in (figures.ROOT / "figures").rglob("*") if path.is_file()}
    assert kept == set(figures.KEPT)


def test_last_bits_do_not_count():
    table = pd.DataFrame({"a": [0.1 + 0.2, -1e-17], "b": ["x", "y"]})
    assert figures.rounded(table).to_csv(float_format="%.10g") == ",a,b\n0,0.3,x\n1,0,y\n"
