"""The official NAS-Bench-101 file (``nasbench_full.tfrecord``), read without TensorFlow.

A TFRecord file is a sequence of records: length (8 bytes, little endian), checksum of the length
(4 bytes), payload, checksum of the payload (4 bytes). Checksums are masked CRC-32C.

NAS-Bench-101's payloads are JSON lists ``[hash, epochs, adjacency as digits, operations joined by
commas, metrics]``, the metrics a protocol buffer in
base64: repeated field 1 has an evaluation each (before, half-way, after the training), whose
doubles 4 and 5 are validation and test accuracy. Each training is a record of its own.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from opscore import progress
from opscore.errors import UserError
from opscore.spaces.nasbench101_cells import Cell

#: No record of the official file comes near it; a damaged length would.
MAX_RECORD = 1 << 20
_HEADER = 12
_EVERY = 10_000  # records between two reports of progress
_AFTER_TRAINING = 2  # which evaluation
_VALIDATION, _TEST = 4, 5  # fields of an evaluation
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def masked_crc32c(content: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, rotated by 15 bits and moved by a constant."""
    value = 0xFFFFFFFF
    for byte in content:
        value = _CRC[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def is_tfrecord(path: Path) -> bool:
    """Whether a file begins as a TFRecord file does: with a length and its checksum."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    return len(header) == _HEADER and masked_crc32c(header[:8]) == _uint32(header[8:])


def records(path: Path) -> Iterator[tuple[bytes, int]]:
    """Payload and recorded checksum of every record; the lengths' checksums are compared.

    Args:
        path: a TFRecord file.

    Raises:
        UserError: the file is cut off, or is no TFRecord file.
    """
    with progress.steps(path.stat().st_size, "bytes"), path.open("rb") as file:
        number = said = 0
        while header := file.read(_HEADER):
            length = _length(path, header)
            payload, checksum = file.read(length), file.read(4)
            if len(payload) < length or len(checksum) < 4:
                raise UserError(f"{path} is cut off in its record {number:,}")
            yield payload, _uint32(checksum)
            number += 1
            if number % _EVERY == 0:
                progress.advance(file.tell() - said)
                said = file.tell()


def nasbench101_accuracies(
    path: Path,
    epochs: int,
    wanted: Collection[str],
) -> dict[str, list[tuple[float, float]]]:
    """(validation, test) accuracy after each training of some cells, as fractions, in file order.

    Args:
        path: the official file, or its part with 108 epochs only.
        epochs: the length of training that is meant.
        wanted: hashes of cells (:meth:`Cell.graph_hash`).

    Raises:
        UserError: the file is damaged, or holds something else.
    """
    hashes: dict[str, str | None] = {}  # by the file's own hash; None: not wanted
    found: dict[str, list[tuple[float, float]]] = {}
    for payload, checksum in records(path):
        try:
            name, trained, adjacency, operations, metrics = json.loads(payload)
            if trained != epochs:
                continue
            if name not in hashes:
                graph = _cell(adjacency, operations).graph_hash()
                hashes[name] = graph if graph in wanted else None
            graph_hash = hashes[name]
            if graph_hash is None:
                continue
            if masked_crc32c(payload) != checksum:
                raise UserError(f"{path} is damaged: the checksum of a record does not match")
            accuracies = _accuracies(base64.b64decode(metrics, validate=True))
        except UserError:
            raise
        except (ValueError, TypeError, IndexError, struct.error, RecursionError) as error:
            raise UserError(f"{path} is not NAS-Bench-101's file, or damaged ({error})") from None
        found.setdefault(graph_hash, []).append(accuracies)
    return found


def _length(path: Path, header: bytes) -> int:
    if len(header) < _HEADER or masked_crc32c(header[:8]) != _uint32(header[8:]):
        raise UserError(f"{path} is not a TFRecord file, or damaged: a length's checksum is wrong")
    length = int.from_bytes(header[:8], "little")
    if length > MAX_RECORD:
        raise UserError(f"{path} has a record of {length:,} bytes; not NAS-Bench-101's file")
    return length


def _cell(adjacency: str, operations: str) -> Cell:
    names = tuple(operations.split(","))
    digits = np.array([int(digit) for digit in adjacency], dtype=np.int64)
    return Cell(digits.reshape(len(names), len(names)), names)


def _accuracies(message: bytes) -> tuple[float, float]:
    """Validation and test accuracy after the training, from serialized metrics."""
    evaluations = [value for field, value in _fields(message) if field == 1]
    last = dict(_fields(evaluations[_AFTER_TRAINING]))
    values = []
    for field in (_VALIDATION, _TEST):
        (value,) = struct.unpack("<d", last.get(field, b""))
        if not 0 <= value <= 1:
            raise ValueError(f"an accuracy of {value}")
        values.append(float(value))
    return values[0], values[1]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a protocol buffer; numbers of variable length left out.

    Raises ValueError for what is not one.
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if position + size > len(message):
            raise ValueError("metrics that are cut off")
        yield field, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """An integer of variable length, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]  # IndexError where it is cut off
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("an integer without an end")


def _uint32(content: bytes) -> int:
    return int.from_bytes(content, "little")
