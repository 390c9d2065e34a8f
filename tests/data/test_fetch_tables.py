"""Every table by one command, from the files as their authors publish them."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from running import run

from opscore.data import (
    COLLECTIONS,
    FILES,
    MADE_TABLES,
    ORIGINALS,
    add,
    fetch_tables,
    file_hash,
    find,
    require,
    verify,
)
from opscore.data.tables import read_checked, write_checked
from opscore.errors import UserError
from opscore.oracles import load_oracle

ARCH = "(4, 0, 3, 1, 4, 3)"
OFFICIAL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def sampled_file(path):
    """A small file in the layout of zc_nasbench201.json, with its two ways to write a value."""
    record = dict.fromkeys(
        ("flops", "grasp", "fisher", "grad_norm", "l2_norm", "plain", "epe_nas", "jacov"), 1.5
    )
    timed = {
        "params": {"score": 0.25, "time": 0.5},
        "synflow": {"score": 40.0, "time": 0.25},
        "nwot": {"score": -1e8, "time": 0.0},
        "snip": {"score": 7.0, "time": 1.0},
    }
    content = {"cifar10": {ARCH: {**record, **timed, "val_accuracy": 83.5}}}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="session")
def stored(data_dir, tmp_path_factory):
    """A copy of the originals that are stored here, and a small form of the one that is not."""
    folder = tmp_path_factory.mktemp("stored") / "originals"
    shutil.copytree(data_dir / "originals", folder)
    sampled_file(folder / "zc_nasbench201.json")
    return folder


@pytest.fixture
def originals(stored, monkeypatch):
    """The originals as a server has them; read only."""
    sampled = stored / "zc_nasbench201.json"
    entry = dataclasses.replace(
        ORIGINALS[sampled.name], sha256=file_hash(sampled), size=sampled.stat().st_size
    )
    monkeypatch.setitem(ORIGINALS._entries, sampled.name, entry)
    return stored


@pytest.fixture
def mirror(originals, server):
    for path in originals.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            server.pages[f"/{path.relative_to(originals).as_posix()}"] = (content, len(content))
    return server.url


def assert_equal(found, expected):
    """The same rows in the same order, and the same values in the columns that both have."""
    shared = [name for name in expected.columns if name in found.columns]
    assert len(shared) >= 3
    for name in shared:
        if expected[name].dtype.kind in "fiu":
            values = expected[name].to_numpy(dtype=float)
            values = np.where(values == -1e8, np.nan, values)  # published for 'failed'
            np.testing.assert_array_equal(found[name].to_numpy(dtype=float), values, err_msg=name)
        else:
            assert found[name].tolist() == expected[name].tolist()


def test_all_tables_by_one_command_equal_those_that_are_passed_around(
    capsys, cache, mirror, data_dir
):
    code, out, err = run(capsys, "data", "fetch", "--all", "--mirror", mirror, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["failed"] == {}
    for name in MADE_TABLES:
        path = require(name)
        assert path == cache / FILES[name].path
        if name in ("nasbench201", "published-nb1shot1", "nasbench201-proxies"):
            continue
        ours, theirs = read_checked(path), pd.read_parquet(data_dir / FILES[name].path)
        if name in (
            "nasbench201-robustness",
            "nasbench201-hardware",
        ):  # rows as the source has them
            theirs = theirs.set_index("arch_str").loc[ours["arch_str"]].reset_index()[list(ours)]
            pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-14)
            continue
        assert_equal(ours, theirs)
    status = verify().set_index("name")["status"]
    assert set(status[list(MADE_TABLES)]) == {"ok"}
    for name in ("initial", "progressive"):
        assert status[f"published-{name}"] == "ok"

    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        for split in ("test", "valid"):
            ours = load_oracle(dataset=dataset, split=split)
            theirs = load_oracle(dataset=dataset, split=split, data_dir=data_dir)
            np.testing.assert_array_equal(ours.trials, theirs.trials)

    for shown in (["replay", "figure2"], ["oracle", "nb1shot1-2"], ["oracle", "transnas-micro"]):
        code, _, err = run(capsys, *shown)
        assert (code, err) == (0, "")


def test_what_is_there_is_not_fetched_or_made_again(cache, mirror, server):
    (first,) = fetch_tables("nasbench-macro", mirror=mirror)
    assert (first.kind, first.n_architectures, first.note) == ("nasbench-macro", 6561, "")
    before = first.path.stat().st_mtime_ns
    (again,) = fetch_tables("nasbench-macro", mirror=mirror)
    assert again.note == "it was there already"
    assert first.path.stat().st_mtime_ns == before
    assert server.requests == ["/nas-bench-macro_cifar10.json"]
    content = bytearray(first.path.read_bytes())
    content[len(content) // 2] ^= 1
    first.path.write_bytes(content)
    assert verify().set_index("name").loc["nasbench-macro", "status"] == "corrupted"
    assert fetch_tables("nasbench-macro", mirror=mirror)[0].note == ""
    assert verify().set_index("name").loc["nasbench-macro", "status"] == "ok"


def test_a_larger_table_of_the_same_files_replaces_a_smaller_one_only(cache, mirror):
    (small,) = fetch_tables("nasbench201", mirror=mirror)
    assert len(small.columns) == 3
    large, _ = fetch_tables("nasbench201-datasets", mirror=mirror)
    assert set(small.columns) < set(large.columns)
    (kept,) = fetch_tables("nasbench201", mirror=mirror)
    assert kept.columns == large.columns
    assert "there already" in kept.note


def test_a_table_of_another_file_is_kept(cache, mirror, data_dir):
    add(data_dir / "nasbench201.parquet")
    before = file_hash(require("nasbench201"))
    (kept,) = fetch_tables("nasbench201", mirror=mirror)
    assert "--overwrite replaces it" in kept.note
    assert file_hash(require("nasbench201")) == before
    fetch_tables("nasbench201", mirror=mirror, overwrite=True)
    assert file_hash(require("nasbench201")) != before


def test_one_original_that_cannot_be_had_does_not_stop_the_others(capsys, cache, mirror, server):
    del server.pages["/zc_nasbench201.json"], server.pages["/search_space1.pkl"]
    code, out, err = run(capsys, "data", "fetch", "--all", "--mirror", mirror)
    assert code == 1
    assert "could not make all of nb1shot1, published" in err
    assert "404" in out
    assert find("transnas-macro") is not None
    assert find("published-nb1shot1") is not None
    assert find("nb1shot1-1") is None
    code, _, err = run(capsys, "oracle", "nb1shot1-1")
    assert code == 2
    assert "opscore data fetch nb1shot1" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", sorted(ORIGINALS))
def test_every_original_can_be_added_by_hand(cache, originals, name):
    """One that its table needs others for says so; the folder that has them all gives it."""
    assert any(name in MADE_TABLES[table].made_of for table in MADE_TABLES)
    entry = ORIGINALS[name]
    path = originals / entry.path.removeprefix("originals/")
    others = min(
        0 if table.any_source else len(table.made_of) - 1
        for table in MADE_TABLES.values()
        if name in table.made_of
    )
    if others:
        with pytest.raises(UserError, match=rf"{others} more files \(.*\); add the folder"):
            add(path)
        return
    added = add(path)
    assert added.kind == name
    assert added.path.is_file()
    assert (cache / entry.path).read_bytes() == path.read_bytes()
    assert add(path).note.startswith("it was there already")


@pytest.mark.exhaustive
def test_a_folder_of_originals_is_added_at_once(capsys, cache, originals):
    code, out, err = run(capsys, "data", "add", originals)
    assert (code, err) == (0, "")
    for name in MADE_TABLES:
        assert find(name) == cache / FILES[name].path
        assert str(cache / FILES[name].path) in out
    assert len(read_checked(require("published-nb1shot1"))) == 840
    with pytest.raises(UserError, match="has none of the files"):
        add(cache / "published")


def test_a_table_of_a_folder_that_cannot_be_made_is_named(tmp_path, cache, originals):
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("nas-bench-macro_cifar10.json", "zc_nasbench201.json"):
        shutil.copyfile(originals / name, folder / name)
    other = add(originals / "nas-bench-macro_cifar10.json").path
    write_checked(other, read_checked(other))  # made of nobody knows what
    assert "use --overwrite" in add(folder).note


def test_a_changed_original_is_not_taken_for_it(tmp_path, cache, originals):
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_bytes((originals / path.name).read_bytes().replace(b"mean_acc", b"mean_acd", 1))
    with pytest.raises(UserError, match=r"has the name of a file .* another content"):
        add(path)
    assert find("nasbench-macro") is None


def test_published_proxy_values_in_both_forms(tmp_path, cache, originals):
    table = read_checked(add(originals / "zc_nasbench201.json").path)
    (row,) = table.to_dict("records")
    assert (row["dataset"], row["arch_str"], row["val_accuracy"]) == ("cifar10", OFFICIAL, 83.5)
    assert (row["params"], row["params_time_s"], row["flops"]) == (0.25, 0.5, 1.5)
    assert np.isnan(row["nwot"])  # -1e8 stands for 'failed'
    assert np.isnan(row["flops_time_s"])


@pytest.mark.exhaustive
def test_the_authors_logs_of_1shot1(cache, originals):
    """The first scores of seed 0, as their notebook prints them (to the run's rounding)."""
    add(originals)
    table = read_checked(require("published-nb1shot1"))
    first = table[(table["space"] == 2) & (table["seed"] == 0) & (table["iteration"] == 0)]
    scores = first[first["policy"] == "zc-pt(nwot)"].sort_values("edge", kind="stable")
    assert scores["op"].tolist()[:3] == ["maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu"]
    np.testing.assert_allclose(
        scores["score"][:3], [1572.3877, 1558.1185, 1558.9314], rtol=0, atol=1e-9
    )
    assert table.groupby("space").size().to_dict() == {1: 240, 2: 240, 3: 360}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch"], "--all"),
        (["fetch", "nb1shot1", "--all"], "--all"),
        (["fetch", "nb1shot"], "did you mean nb1shot1"),
        (["fetch", "nb1shot1", "--url", "http://127.0.0.1:1/x"], "--mirror"),
        (["fetch", "nb1shot1-3"], "nasbench_full.tfrecord"),
        (["fetch", "transnas", "--mirror", "http://127.0.0.1:1"], "no connection"),
    ],
)
def test_bad_input_is_one_line(capsys, cache, arguments, message):
    code, _, err = run(capsys, "data", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_collections_name_what_there_is():
    for name in COLLECTIONS:
        assert set(COLLECTIONS[name].tables) <= set(FILES)
        needed = {
            s for t in COLLECTIONS[name].tables if t in MADE_TABLES for s in MADE_TABLES[t].made_of
        }
        assert set(COLLECTIONS[name].sources) <= needed
