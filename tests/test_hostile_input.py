"""Files that are damaged, or made to do damage, are refused in one clear line.

Pickles that try to run code: tests/data/test_pickles.py. Grid files: tests/grids/test_grid.py.
Damaged runs of a store: tests/grids/test_faults.py.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import opscore
from opscore.data.convert import archives
from opscore.data.tables import read_checked
from opscore.errors import OpscoreError, UserError
from opscore.images import batch_files, read_npz
from opscore.images.cifar10 import load_cifar10
from opscore.supernets.epochs import PARTS, read_checkpoint

WHOLE = {"batch_x": np.zeros((2, 3, 8, 8), np.float32), "batch_y": np.array([0, 1])}


def npz_of(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("batch_x.npy", content)
    return path


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    content = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        header((1 << 45,)),
        header((1 << 70,)),
        header((-5,)),
        header((3,), "|O"),
        header((2, 3)),
        b"\x93NUMPY",
        b"",
    ],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(tmp_path, content):
    path = npz_of(tmp_path / "batch.npz", content)
    with pytest.raises(UserError, match=r"not a readable npz file|batch_x"):
        batch_files.load_batch(path)


def test_an_npz_file_that_unpacks_to_very_much_is_refused_before_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "MAX_BYTES", 1 << 20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, batch_x=np.zeros((1 << 21,), np.uint8))
    assert path.stat().st_size < 1 << 14
    with pytest.raises(UserError, match="not trusted"):
        read_npz(path)


@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:\\out.txt", "..\\out.txt"]
)
def test_an_archive_that_leads_out_is_refused(tmp_path, name):
    path = tmp_path / "in" / "logs.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="leads out of the archive"):
        list(archives.members(path))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_bomb_is_refused_whatever_it_says_of_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.txt", b"0" * (1 << 19))
    with pytest.raises(UserError, match="not trusted"):
        list(archives.members(path))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(UserError, match="3 files"):
        list(archives.members(path))


@pytest.mark.parametrize(
    "content", [torch.zeros(3), [1, 2], {}, {"training": 1}, dict.fromkeys(PARTS, 1), 3]
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"not the checkpoint of|a checkpoint holds"):
        read_checkpoint(tmp_path / "net.pt")


def archive_of(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        archive_of({}),
        archive_of({"../data_batch_1": b"x"}),
        archive_of({"cifar-10-batches-py/data_batch_1": b"x"}),
        archive_of({"cifar-10-batches-py/data_batch_1": b"\x80\x04]\x94."}),
        archive_of({"cifar-10-batches-py/data_batch_1": b"x" * 3000})[:-40],
    ],
)
def test_a_damaged_archive_of_cifar10_is_refused(tmp_path, content):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"CIFAR-10|pickle"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"images": np.zeros((2, 32, 32, 3), np.float32)},
        {"images": np.zeros((2, 3, 32, 32), np.uint8)},
        {"labels": np.array([0, 10])},
        {"labels": np.array([0])},
        {"labels": np.array(["cat", "dog"])},
        {"images": np.zeros((0, 32, 32, 3), np.uint8), "labels": np.array([], int)},
    ],
)
def test_a_damaged_part_of_cifar10_is_refused(tmp_path, change):
    whole = {
        "images": np.zeros((2, 32, 32, 3), np.uint8),
        "labels": np.array([0, 1]),
        "index": np.array([0, 1]),
    }
    (tmp_path / "cifar10").mkdir()
    np.savez(tmp_path / "cifar10" / "train.npz", **{**whole, **change})
    with pytest.raises(UserError, match="not a whole file of CIFAR-10"):
        load_cifar10(tmp_path)


def write_npz(path: Path) -> None:
    np.savez_compressed(path, **WHOLE)


def write_parquet(path: Path) -> None:
    pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).to_parquet(path)


def write_checkpoint(path: Path) -> None:
    torch.save({"stem.weight": torch.zeros(2, 2)}, path)


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "text " * 20)
        archive.writestr("b.txt", "text " * 20)


#: How a file is written, its ending, and what reads it.
FORMATS: dict[str, tuple[Callable[[Path], None], str, Callable[[Path], object]]] = {
    "npz": (write_npz, ".npz", batch_files.load_batch),
    "parquet": (write_parquet, ".parquet", read_checked),
    "checkpoint": (write_checkpoint, ".pt", opscore.load_checkpoint),
    "training": (write_checkpoint, ".pt", read_checkpoint),
    "archive": (write_zip, ".zip", lambda path: list(archives.members(path))),
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_damage_ends_in_a_traceback(form, data, tmp_path_factory):
    """Bytes changed, lost or added anywhere: the content, or one line."""
    write, ending, read = FORMATS[form]
    path = tmp_path_factory.mktemp("fuzz") / f"file{ending}"
    write(path)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    lost = data.draw(st.sampled_from([0, 1, 2, 8, len(whole)]))
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=12)) + whole[at + lost :])
    try:
        read(path)
    except OpscoreError as error:
        assert "\n" not in str(error)


NAMES = st.text(max_size=20) | st.sampled_from(
    [
        "two\nlines",
        "zc-pt(",
        "zc-pt()",
        "zc-pt(nwot))",
        "disc-zc(zc-pt(nwot))",
        "fixed-order(0-)",
        "(",
        "-1",
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=NAMES, number=st.integers() | st.floats() | st.none() | st.text(max_size=3))
def test_no_name_or_number_ends_in_a_traceback(name, number):
    for call in (
        lambda: opscore.initial(
            [name], seeds=[0], size="smoke", images="noise", batch_size=4, baselines=False
        ),
        lambda: opscore.initial(["random"], seeds=[0], size=name, images="noise"),
        lambda: opscore.initial(["random"], seeds=[0], space=name, images="noise"),
        lambda: opscore.initial(["random"], seeds=[number], size="smoke", images="noise"),
        lambda: opscore.load_oracle(name),
    ):
        try:
            call()
        except UserError as error:
            assert "\n" not in str(error)


def test_a_message_is_one_line_whatever_it_quotes():
    with pytest.raises(UserError) as caught:
        opscore.get_space("nas\nbench\x1b[31m\u2028\u00e9")
    assert str(caught.value).startswith(r"unknown space 'nas\nbench\x1b[31m\u2028é'")
