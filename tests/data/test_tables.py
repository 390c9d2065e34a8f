from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from opscore.data.tables import (
    DamagedTableError,
    content_hash,
    read_checked,
    read_metadata,
    write_checked,
)

FRAME = pd.DataFrame(
    {"name": ["a", "bc", None], "value": [1.0, np.nan, -0.5], "count": np.array([1, 2, 3], "int8")}
)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    path = write_checked(tmp_path / "t.parquet", FRAME, {"source": "here"})
    pd.testing.assert_frame_equal(read_checked(path), FRAME)
    pd.testing.assert_frame_equal(read_checked(path, ["value"]), FRAME[["value"]])
    metadata = read_metadata(path)
    assert metadata == {"source": "here", "content_sha256": content_hash(FRAME)}


@pytest.mark.parametrize(
    "changed",
    [
        FRAME.assign(value=[1.0, np.nan, np.nextafter(-0.5, 0)]),
        FRAME.assign(value=[1.0, 0.0, -0.5]),
        FRAME.assign(name=["ab", "c", None]),
        FRAME.assign(name=["a", "bc", "None"]),
        FRAME.rename(columns={"count": "counts"}),
        FRAME[["value", "name", "count"]],
        FRAME[:2],
    ],
)
def test_every_change_changes_the_hash(changed):
    assert content_hash(changed) != content_hash(FRAME)


def test_the_hash_is_that_of_the_values_alone():
    again = FRAME.assign(name=FRAME["name"].astype("string"), count=FRAME["count"].astype("int64"))
    again["value"] = -np.array([-1.0, np.nan, 0.5])  # a NaN of the other sign
    assert content_hash(again) == content_hash(FRAME)


def test_values_that_were_changed_are_noticed(tmp_path):
    path = write_checked(tmp_path / "t.parquet", FRAME)
    table = pq.read_table(path)
    changed = pq.read_table(path).set_column(1, "value", [[1.0, None, -0.25]])
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(DamagedTableError, match=r"t\.parquet is damaged.*fetch or add it again"):
        read_checked(path)


def test_no_bit_of_a_table_can_flip_unnoticed(tmp_path):
    path = write_checked(tmp_path / "t.parquet", FRAME)
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            found = read_checked(path)
        except DamagedTableError as error:
            assert "\n" not in str(error)
        else:  # a bit that says nothing about the values, such as who wrote the file
            pd.testing.assert_frame_equal(found, FRAME, check_dtype=False)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table at all"])
def test_what_is_no_table_is_one_line(tmp_path, content):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DamagedTableError, match=r"not a readable Parquet file") as caught:
        read_checked(tmp_path / "x.parquet")
    assert "\n" not in str(caught.value)
