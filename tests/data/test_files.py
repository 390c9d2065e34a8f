from __future__ import annotations

import hashlib
import os

import pytest

from opscore.data import atomic_write, file_hash


def test_a_file_appears_whole_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_users_may_read_it_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "c") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(old)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o644


def test_file_hash_is_sha256(tmp_path):
    (tmp_path / "d").write_bytes(b"abc")
    assert file_hash(tmp_path / "d") == hashlib.sha256(b"abc").hexdigest()
