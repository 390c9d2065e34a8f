"""NAS-Bench-101's file format, on small files that are written here."""

from __future__ import annotations

import base64
import json
import struct

import numpy as np
import pytest

from opscore.data.convert import nb1shot1, tfrecord
from opscore.errors import UserError
from opscore.spaces.nasbench101_cells import oneshot_cells


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def evaluation(epoch, validation, test):
    doubles = {1: epoch, 2: 100.0, 3: 0.99, 4: validation, 5: test}
    body = b"".join(bytes([n << 3 | 1]) + struct.pack("<d", v) for n, v in doubles.items())
    return body + bytes([6 << 3 | 2]) + varint(200) + b"p" * 200  # a path: a long field


def metrics(validation, test):
    """A training's metrics: before, half-way (wrong on purpose) and after."""
    parts = [evaluation(0.0, 0.1, 0.1), evaluation(54.0, 0.2, 0.3)]
    parts.append(evaluation(108.0, validation, test))
    body = b"".join(bytes([1 << 3 | 2]) + varint(len(part)) + part for part in parts)
    return body + bytes([2 << 3]) + varint(2_694_282) + bytes([3 << 3 | 1]) + struct.pack("<d", 9.0)


def training(cell, validation, test, epochs=108, name=None):
    digits = "".join(map(str, cell.adjacency.ravel()))
    content = base64.b64encode(metrics(validation, test)).decode()
    name = name or cell.graph_hash()
    return json.dumps([name, epochs, digits, ",".join(cell.operations), content]).encode()


def write(path, payloads):
    with path.open("wb") as file:
        for payload in payloads:
            length = struct.pack("<Q", len(payload))
            file.write(length + struct.pack("<I", tfrecord.masked_crc32c(length)))
            file.write(payload + struct.pack("<I", tfrecord.masked_crc32c(payload)))
    return path


def test_the_checksum_is_that_of_the_format():
    """CRC-32C of '123456789' is E3069283 (RFC 3720); the mask is TFRecord's."""
    crc = 0xE3069283
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert tfrecord.masked_crc32c(b"123456789") == masked


@pytest.mark.parametrize("space", [1, 2, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_a_table_of_a_space_from_the_official_layout(tmp_path, space):
    cells = list(oneshot_cells(space))
    chosen = [0, 5, len(cells) - 1]
    payloads = []
    for number, row in enumerate(chosen):
        cell = cells[row].pruned()  # as the file has them
        trained = [(0.9 + number / 100 + run / 1000, 0.8 + number / 100) for run in range(3)]
        payloads.append(training(cell, 0.5, 0.5, epochs=4))
        payloads += [training(cell, *accuracies) for accuracies in trained]
    path = write(tmp_path / "x.tfrecord", payloads)
    table = nb1shot1.tables_of_tfrecord(path, (space,))[space]
    rows = table.set_index("row")
    assert set(chosen) <= set(rows.index)
    same = {cells[row].graph_hash() for row in chosen}
    assert set(table["graph_hash"]) == same  # isomorphic cells of the list are all there
    for number, row in enumerate(chosen):
        validation = [1 - (0.9 + number / 100 + run / 1000) for run in range(3)]
        found = rows.loc[row, [f"val_error_{run}" for run in range(3)]].astype(float)
        np.testing.assert_allclose(found, validation, rtol=1e-12)
        assert rows.loc[row, "best_val_error"] == pytest.approx(min(validation))
        assert rows.loc[row, "mean_test_error"] == pytest.approx(1 - (0.8 + number / 100))
        assert rows.loc[row, "adjacency"] == "".join(map(str, cells[row].adjacency.ravel()))


def test_damage_is_seen(tmp_path):
    cell = next(oneshot_cells(1)).pruned()
    path = write(tmp_path / "x.tfrecord", [training(cell, 0.9, 0.8)] * 2)
    content = path.read_bytes()
    assert tfrecord.is_tfrecord(path)
    in_a_payload = len(content) - 40
    changed_payload = (
        content[:in_a_payload] + bytes([content[in_a_payload] ^ 2]) + content[in_a_payload + 1 :]
    )
    for what, changed in {
        "cut off": content[:-10],
        "checksum of a record": changed_payload,
        "length's checksum": b"\1" + content[1:],
    }.items():
        path.write_bytes(changed)
        with pytest.raises(UserError, match=what) as caught:
            nb1shot1.tables_of_tfrecord(path, (1,))
        assert "\n" not in str(caught.value)
    assert not tfrecord.is_tfrecord(path)


def test_another_tfrecord_file_is_refused(tmp_path):
    for payload in (b"[1, 2]", b"\xff", b'["a", 108, "01", "input,output", ""]'):
        with pytest.raises(UserError, match="not NAS-Bench-101's file"):
            nb1shot1.tables_of_tfrecord(write(tmp_path / "x.tfrecord", [payload]), (1,))


def test_cells_of_other_lengths_and_spaces_do_not_make_a_table(tmp_path):
    cell = next(oneshot_cells(1)).pruned()
    path = write(tmp_path / "x.tfrecord", [training(cell, 0.9, 0.8, epochs=36)])
    with pytest.raises(UserError, match="no cells of NAS-Bench-1Shot1 at 108 epochs"):
        nb1shot1.tables_of_tfrecord(path, (1,))
