"""``opscore records``: what ships as measured."""

from __future__ import annotations

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.present import answering


@answering(saves=True)
def records() -> Answer:
    """List what ships as measured, with what it rests on; --out writes the tables."""
    from opscore.data.records import read_record
    from opscore.paper.records import describe_records

    found = describe_records()
    columns = [
        Column(str(name), kind="whole" if name == "rows" else "text", detail=name == "rests on")
        for name in found.columns
    ]
    table = Table("Measured by this project, in the package", columns, found)
    kept = {f"{name}.parquet": read_record(name)[0] for name in found["record"]}
    return Listing([table], {"records": found}, kept=kept)
