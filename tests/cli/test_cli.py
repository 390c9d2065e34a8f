from __future__ import annotations

import json

import pytest
from running import run

from opscore import __version__, schema
from opscore.errors import UserError
from opscore.rng import parse_seeds

SMALL = ["--size", "smoke", "--batch-size", "16", "--images", "digits"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_initial_prints_one_json_object_with_the_contracted_tables(capsys):
    code, out, err = run(
        capsys, "initial", "--policies", "zc-pt(nwot),random", "--seeds", "0-1", *SMALL, "--json"
    )
    assert code == 0
    assert err == ""
    payload = json.loads(out)
    tables = {"correlation", "selection", "differences", "edge_specific", "scores"}
    assert set(payload) == {*tables, "settings"}
    for table in ("correlation", "selection", "scores"):
        assert set(payload[table][0]) == set(schema.TABLES[table])
    pairs = {(row["policy"], row["reference"]) for row in payload["correlation"]}
    assert ("zc-pt(nwot)", "best-acc") in pairs
    assert payload["settings"]["images"] == "digits"
    assert payload["settings"]["versions"]["opscore"] == __version__


def test_initial_prints_tables_and_writes_files(capsys, tmp_path):
    code, out, _ = run(capsys, "initial", *SMALL, "--scores", "--out", str(tmp_path / "o"))
    assert code == 0
    assert "bf16" not in out
    for expected in ("digits", "smoke size", "zc-pt(nwot)", "best-acc", "published", "wrote"):
        assert expected in out
    assert (tmp_path / "o" / "figure2_left.png").exists()
    assert (tmp_path / "runs").is_dir()


def test_initial_scores_in_bfloat16_say_so(capsys):
    code, out, _ = run(capsys, "initial", *SMALL, "--precision", "bf16", "--no-baselines")
    assert code == 0
    assert "faithful scores in bf16" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["initial", "--policies", "zc-pt(nwat)"], "unknown proxy 'nwat'; did you mean nwot"),
        (["initial", "--policies", " "], "no policy was asked for"),
        (
            ["initial", "--policies", "zc-pt(snip)", "--precision", "bf16"],
            "'snip' has no fast path",
        ),
        (["progressive", "--precision", "bf17"], "unknown precision 'bf17'; did you mean bf16"),
        (["initial", "--seeds", "3-1"], "bad seeds '3-1': 3-1 runs backwards"),
        (["initial", "--seeds", "a"], "bad seeds 'a'; the form is 0-3 or 0,2,5"),
        (["initial", "--size", "pape"], "unknown size 'pape'; did you mean paper"),
        (["initial", "--batch-size", "many"], "Invalid value for '--batch-size'"),
        (["initial", "--checkpoint", "nowhere.npz"], "no such file: nowhere.npz"),
        (["initial", "--data-dir", "nowhere"], "nowhere"),
        (["initial", "--jobz", "2"], "--jobz"),
        (["inital"], "inital"),
        (["oracle", "nasbench-macro", "--data-dir", "."], "opscore data fetch nasbench-macro"),
        (["oracle", "nasbench202"], "did you mean nasbench201"),
        (["data", "fetch", "cifar11"], "cifar10"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, monkeypatch, arguments, message):
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.setenv("OPSCORE_CACHE", "cache")
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_help_reads_as_a_tour(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in (
        *("initial", "progressive", "search", "replay", "figure2", "table1", "table2", "table5"),
        *("figure4", "oracle", "policies", "methods", "proxies", "spaces", "data"),
    ):
        assert command in out


@pytest.mark.parametrize("command", ["policies", "methods", "proxies --no-cost", "spaces"])
def test_lists_come_as_tables_and_as_json(capsys, command):
    name, *options = command.split()
    code, out, _ = run(capsys, name, *options)
    assert code == 0
    assert out.strip()
    code, out, _ = run(capsys, name, *options, "--json")
    assert code == 0
    assert json.loads(out)[name]


def test_proxies_have_their_cost(capsys):
    code, out, _ = run(capsys, "proxies", "--json")
    assert code == 0
    assert all(row["seconds"] > 0 for row in json.loads(out)["proxies"])


def test_version(capsys):
    code, out, _ = run(capsys, "--version")
    assert (code, out.strip()) == (0, __version__)


@pytest.mark.exhaustive  # a third of them is in tests/proxies/test_engine.py
def test_the_authors_golden_scores(capsys, data_dir):
    golden = str(data_dir / "golden" / "nasbench201_seed0.npz")
    code, out, _ = run(capsys, "initial", "--checkpoint", golden, "--batch", golden, "--json")
    assert code == 0
    import numpy as np

    rows = [r for r in json.loads(out)["scores"] if r["policy"] == "zc-pt(nwot)"]
    found = np.array([row["score"] for row in rows]).reshape(6, 5)
    with np.load(golden) as arrays:
        np.testing.assert_allclose(found, arrays["score_zcpt_nwot"], rtol=1e-5)


def test_seed_lists():
    assert parse_seeds("0-3") == (0, 1, 2, 3)
    assert parse_seeds("5, 0-1,0") == (5, 0, 1)
    with pytest.raises(UserError):
        parse_seeds("-1")
