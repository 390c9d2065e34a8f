"""``opscore policies``, ``opscore spaces``: what there is to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import DataDirOption, JsonOption, console, print_json


def policies(as_json: JsonOption = False) -> None:
    """List the operation-scoring policies."""
    from opscore.policies import POLICIES

    rows = [
        {
            "policy": f"{name}({POLICIES[name].argument})"
            if POLICIES[name].check_argument
            else name,
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


def spaces(
    name: Annotated[str | None, typer.Argument(help="One space; else all of them.")] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Say which layers the engine has a rule for.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """List the search spaces: edges, operations, number of architectures, and their truths."""
    from opscore.spaces import SPACES, get_space

    names = list(SPACES) if name is None else [get_space(name).name]
    if engine:
        _engine([_engine_row(each) for each in names], as_json)
        return
    rows = [_space_row(each, data_dir) for each in names]
    if as_json:
        print_json({"spaces": rows})
        return
    if name is not None:
        console.print(_one_space(rows[0]))
        return
    table = Table("space", "edges", "operations", "architectures", "truth", "tasks")
    for row in rows:
        table.add_row(
            row["space"],
            str(len(row["edges"])),
            ", ".join(row["operations"]),
            f"{row['architectures']:,}",
            row["oracle"] or ("missing" if row["oracle_missing"] else "no table"),
            ", ".join(row["tasks"]) or "-",
        )
    console.print(table)
    console.print("opscore spaces NAME says more of one of them.", style="dim")


def _engine_row(name: str) -> dict[str, Any]:
    """What the engine makes of the smallest supernet of a space."""
    from opscore.engine import coverage
    from opscore.supernets import SUPERNETS, build_supernet

    side = SUPERNETS[name].side("smoke")
    found = coverage(build_supernet(name, "smoke"), (3, side, side))
    return {
        "space": name,
        "reason": found.reason,
        "by_rule": found.kinds("rule"),
        "per_image": found.kinds("image"),
        "whole_batch": found.kinds("batch"),
        "places": {
            kind: [call.place for call in found.calls if (call.kind, call.way) == (kind, "batch")]
            for kind in found.kinds("batch")
        },
        "unused": list(found.unused),
    }


def _engine(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print how the layers of each space are computed."""
    if as_json:
        print_json({"engine": rows})
        return
    table = Table("space", "by a rule", "as they are, image by image", "as they are, whole batch")
    for row in rows:
        if row["reason"] is not None:
            table.add_row(row["space"], f"cannot be read: {row['reason']}", "all", "all")
            continue
        ways = ("by_rule", "per_image", "whole_batch")
        cells = [", ".join(f"{count} {kind}" for kind, count in row[way].items()) for way in ways]
        table.add_row(row["space"], *(cell or "none" for cell in cells))
    console.print(table)
    for row in rows:
        for kind, places in row["places"].items():
            more = f" and {len(places) - 2} more" if len(places) > 2 else ""
            console.print(f"{row['space']}: {kind} at {', '.join(places[:2])}{more}")
    unused = [f"{row['space']}: {name}" for row in rows for name in row["unused"]]
    if unused:
        console.print(f"Never called: {', '.join(unused)}")


def _space_row(name: str, data_dir: Path | None) -> dict[str, Any]:
    """What is known of a space; 'tasks' is empty while its table is not there."""
    from opscore.errors import UserError
    from opscore.oracles import has_oracle, load_accuracies
    from opscore.spaces import get_space
    from opscore.supernets import SUPERNETS

    space = get_space(name)
    first = [space.operations[edge] for edge in space.stages[0]]
    oracle, missing, tasks = None, None, []
    if has_oracle(name):
        try:
            accuracies = load_accuracies(name, data_dir=data_dir)
            oracle = accuracies.source
            tasks = list(dict.fromkeys(dataset for dataset, _, _ in accuracies))
        except UserError as error:
            missing = str(error)
    family = SUPERNETS[name]
    return {
        "space": name,
        "edges": list(space.edges),
        "operations": list(dict.fromkeys(sum(first, ()))),
        "architectures": space.size,
        "oracle": oracle,
        "oracle_missing": missing,
        "tasks": tasks,
        "choices": [list(operations) for operations in space.operations],
        "keeps": list(space.keeps),
        "stages": [list(stage) for stage in space.stages],
        "sizes": list(family.sizes),
        "image_side": family.image_side,
    }


def _one_space(row: dict[str, Any]) -> Table:
    """A line for each edge: its stage, its operations, and how many it keeps."""
    images = f", images of {row['image_side']} x {row['image_side']}"
    truth = row["oracle"] or row["oracle_missing"] or "no table"
    table = Table(
        "edge",
        "stage",
        "keeps",
        "operations",
        title=f"{row['space']}: {row['architectures']:,} architectures{images}",
        caption=f"truth: {truth}; tasks: {', '.join(row['tasks']) or 'none'}",
    )
    stage_of = {edge: number for number, stage in enumerate(row["stages"]) for edge in stage}
    for edge, name in enumerate(row["edges"]):
        operations = ", ".join(row["choices"][edge])
        table.add_row(name, str(stage_of[edge]), str(row["keeps"][edge]), operations)
    return table
