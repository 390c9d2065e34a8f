"""Zip archives with one byte changed, anywhere."""

from __future__ import annotations

import zipfile

import pytest

from opscore.data.convert import archives
from opscore.errors import UserError


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_one_changed_byte_gives_the_content_or_one_line(tmp_path, change):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "text " * 9)
    whole = path.read_bytes()
    refused = 0
    for at, byte in enumerate(whole):
        path.write_bytes(whole[:at] + bytes([byte ^ change]) + whole[at + 1 :])
        try:
            list(archives.members(path))
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > len(whole) / 4
