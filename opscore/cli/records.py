"""``opscore records``: what ships as measured."""

from __future__ import annotations

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.present import answering


@answering()
def records() -> Answer:
    """List what ships as measured, with what it rests on."""
    from opscore.paper.records import describe_records

    found = describe_records()
    columns = [
        Column(str(name), kind="whole" if name == "rows" else "text", detail=name == "rests on")
        for name in found.columns
    ]
    table = Table("Measured by this project, in the package", columns, found)
    return Listing([table], {"records": found})
