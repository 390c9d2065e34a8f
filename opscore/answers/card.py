"""A card for the tables of a folder: Croissant, the description that data sets are published with.

Croissant (docs.mlcommons.org/croissant) is JSON-LD: which files there are, by their hash, and what
columns they have. Its own library checks the cards in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opscore.answers.formats import CITE
from opscore.data.files import atomic_write, file_hash

FILE = "croissant.json"

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}


def write_card(folder: Path, about: Iterable[str]) -> Path:
    """Write the card of a folder's Parquet tables beside them, and give back its path.

    about: what they are and what they rest on, a line each.
    """
    paths = sorted(folder.glob("*.parquet"))
    card = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "opscore",
        "description": "\n".join(about),
        "citeAs": CITE,
        "distribution": [_file(path) for path in paths],
        "recordSet": [_records(path) for path in paths],
    }
    with atomic_write(target := folder / FILE) as written:
        written.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return target


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "encodingFormat": "application/x-parquet",
        "sha256": file_hash(path),
    }


def _records(path: Path) -> dict[str, Any]:
    """One record for each row of a table."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{path.stem}/{column.name}",
            "name": column.name,
            "dataType": _type(column.type),
            "source": {"fileObject": {"@id": path.name}, "extract": {"column": column.name}},
        }
        for column in pq.read_schema(path)
    ]
    return {"@type": "cr:RecordSet", "@id": path.stem, "name": path.stem, "field": fields}


def _type(found: pa.DataType) -> str:
    if pa.types.is_boolean(found):
        return "sc:Boolean"
    if pa.types.is_integer(found):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(found) else "sc:Text"
