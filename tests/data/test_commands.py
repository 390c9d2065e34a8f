"""``opscore data`` as it is typed."""

from __future__ import annotations

import json
import pickle
from functools import partial

import pytest
import running

from opscore.data import FILES, DataFile, file_hash


@pytest.fixture
def run(capsys):
    return partial(running.run, capsys, "data")


@pytest.fixture
def authors_table(tmp_path, monkeypatch, server):
    """A small table in the place of the authors' file, on a server."""
    path = tmp_path / "nb2_test_acc_cf10.p"
    path.write_bytes(pickle.dumps({(0,) * 6: [10.0, 11.0]}))
    server.pages["/t.p"] = (path.read_bytes(), path.stat().st_size)
    stand_in = DataFile(
        "nasbench201-authors",
        path.name,
        "-",
        "-",
        "-",
        url=f"{server.url}/t.p",
        sha256=file_hash(path),
        source_only=True,
    )
    monkeypatch.setitem(FILES._entries, stand_in.name, stand_in)
    return path


def test_list(run, cache):
    code, out, err = run("list")
    assert (code, err) == (0, "")
    for expected in ("cifar10", "nasbench201-official", "licence: MIT", "looked in"):
        assert expected in out
    code, out, err = run("list", "--json")
    assert (code, err) == (0, "")
    files = {row["name"]: row for row in json.loads(out)["files"]}
    assert set(files) == set(FILES)
    assert files["cifar10"]["size"] == 170_498_071
    assert files["cifar10"]["found"] is None
    assert files["analog-nasbench"]["found"].endswith("data.anb")


def test_verify(run, cache):
    code, out, _ = run("verify")
    assert code == 0
    assert "missing" in out
    cache.mkdir()
    (cache / "cifar-10-python.tar.gz").write_bytes(b"not it")
    code, out, _ = run("verify", "--json")
    assert code == 1
    status = {row["name"]: row["status"] for row in json.loads(out)["files"]}
    assert status["cifar10"] == "corrupted"
    assert status["analog-nasbench"] == "ok"


def test_fetch_makes_a_table_of_accuracies_usable(run, cache, authors_table):
    code, out, err = run("fetch", "nasbench201-authors", "--json")
    assert (code, err) == (0, "")
    payload = json.loads(out)
    assert payload["path"] == str(cache / "nb2_test_acc_cf10.p")
    assert payload["added"]["path"] == str(cache / "nasbench201.parquet")
    code, out, _ = run("fetch", "nasbench201-authors")
    assert code == 0
    assert "nb2_test_acc_cf10.p" in out


def test_add(run, cache, authors_table):
    code, out, err = run("add", authors_table)
    assert (code, err) == (0, "")
    assert "nasbench201-authors ->" in out
    assert "15,624 of 15,625 architectures have no accuracy" in out
    code, out, _ = run("add", authors_table, "--json")
    assert code == 0
    assert json.loads(out)["n_architectures"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "cifar11"], "did you mean"),
        (["fetch", "nasbench201-official"], "github.com/D-X-Y/NAS-Bench-201"),
        (["fetch", "cifar10", "--url", "http://127.0.0.1:1/x"], "no connection"),
        (["add", "nowhere"], "no such file: nowhere"),
        (["list", "--data-dir", "nowhere"], "names nowhere"),
        (["verify", "--data-dir", "nowhere"], "names nowhere"),
    ],
)
def test_bad_input_is_one_line(run, cache, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
