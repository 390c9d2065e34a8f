"""``opscore policies``, ``opscore spaces``: what there is to choose from."""

from __future__ import annotations

from rich.table import Table

from opscore.cli.common import JsonOption, console, print_json


def policies(as_json: JsonOption = False) -> None:
    """List the operation-scoring policies."""
    from opscore.policies import POLICIES

    rows = [
        {
            "policy": f"{name}(PROXY)" if POLICIES[name].check_argument else name,
            "summary": POLICIES[name].summary,
            "uses": ", ".join(sorted(POLICIES[name].policy.uses)),
        }
        for name in POLICIES
    ]
    if as_json:
        print_json({"policies": rows})
        return
    table = Table("policy", "what it is", "what it uses")
    for row in rows:
        table.add_row(row["policy"], row["summary"], row["uses"])
    console.print(table)
    console.print("PROXY is a name from 'opscore proxies', as in zc-pt(nwot).", style="dim")


def spaces(as_json: JsonOption = False) -> None:
    """List the search spaces, their edges and operations."""
    from opscore.spaces import SPACES

    rows = [
        {
            "space": name,
            "edges": list(SPACES[name].edges),
            "operations": list(dict.fromkeys(sum(SPACES[name].operations, ()))),
            "architectures": SPACES[name].size,
        }
        for name in SPACES
    ]
    if as_json:
        print_json({"spaces": rows})
        return
    table = Table("space", "edges", "operations", "architectures")
    for name in SPACES:
        space = SPACES[name]
        operations = dict.fromkeys(sum(space.operations, ()))
        table.add_row(name, ", ".join(space.edges), ", ".join(operations), f"{space.size:,}")
    console.print(table)
