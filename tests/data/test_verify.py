from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from opscore.data import FILES, DataFile, verify
from opscore.data.layout import write_table
from opscore.data.verify import Corrupted, check


def status(name):
    frame = verify().set_index("name")
    assert set(frame.index) == set(FILES)
    return frame.loc[name]


def test_missing_files_say_how_to_get_them(cache):
    row = status("cifar10")
    assert row["status"] == "missing"
    assert "fetch cifar10" in row["detail"]


def test_the_packages_file_matches_what_pip_recorded(cache):
    row = status("analog-nasbench")
    assert row["status"] == "ok"
    assert len(row["sha256"]) == 64


def test_a_hash_tells_a_corrupted_file(cache):
    cache.mkdir()
    (cache / "cifar-10-python.tar.gz").write_bytes(b"not it")
    assert status("cifar10")["status"] == "corrupted"


def test_a_file_without_a_hash_is_unchecked(cache):
    cache.mkdir()
    (cache / FILES["nats-tss"].path).write_bytes(b"?")
    assert status("nats-tss")["status"] == "unchecked"


def test_arrays_are_checked_by_their_checksums(cache):
    path = cache / "cifar10" / "train.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, images=np.zeros((2, 3)), labels=np.zeros(2), index=np.arange(2))
    assert status("cifar10-train")["status"] == "ok"
    content = bytearray(path.read_bytes())
    content[150] ^= 1
    path.write_bytes(content)
    assert status("cifar10-train")["status"] == "corrupted"
    np.savez(path, images=np.zeros(2))
    assert "labels" in status("cifar10-train")["detail"]


def test_tables_are_checked_by_their_checksums(cache):
    path = cache / "nasbench201.parquet"
    write_table(path, ["a"] * 500, {"cifar10_test_200ep_trial0": list(range(500))}, {})
    assert status("nasbench201")["status"] == "ok"
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    assert status("nasbench201")["status"] == "corrupted"


def flip_a_bit(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_known_copy_is_told_by_its_bytes_alone(cache, data_dir):
    path = cache / "nasbench_macro.parquet"
    cache.mkdir()
    shutil.copyfile(data_dir / path.name, path)
    assert status("nasbench-macro")["status"] == "ok"
    flip_a_bit(path, path.stat().st_size // 2)
    assert status("nasbench-macro")["status"] == "corrupted"


def test_a_table_without_a_checksum_is_unchecked(cache):
    cache.mkdir()
    pd.DataFrame({"arch_str": ["a"]}).to_parquet(cache / "nasbench201.parquet")
    row = status("nasbench201")
    assert row["status"] == "unchecked"
    assert "no checksum" in row["detail"]


def test_a_package_that_is_not_installed_has_no_recorded_hash(tmp_path):
    file = DataFile("x", "y/z", "-", "-", "-", package="no-such-package")
    (tmp_path / "z").write_bytes(b"")
    assert check(file, tmp_path / "z") is None
    known = DataFile("x", "z", "-", "-", "-", sha256="0" * 64)
    with pytest.raises(Corrupted, match=r"sha256"):
        check(known, tmp_path / "z")


def test_the_shared_data_is_intact(data_dir):
    frame = verify(data_dir).set_index("name")
    here = ["nasbench201", "cifar10-train", "published-initial", "published-progressive"]
    assert (frame.loc[here, "status"] == "ok").all()
    assert "corrupted" not in set(frame["status"])
