"""``opscore records``: what ships as measured."""

from __future__ import annotations

from rich.table import Table

from opscore.cli.common import JsonOption, console, print_json


def records(as_json: JsonOption = False) -> None:
    """List what ships as measured, with what it rests on."""
    from opscore.paper.records import describe_records

    table = describe_records()
    if as_json:
        print_json({"records": table})
        return
    short = table.drop(columns="rests on")
    listed = Table(*short.columns, title="Measured by this project, in the package")
    for row in short.to_dict("records"):
        listed.add_row(*map(str, row.values()))
    console.print(listed)
