"""``opscore policies``, ``opscore spaces``: what there is to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.cite import cited
from opscore.cli.common import DataDirOption
from opscore.cli.present import answering


@answering()
def policies(
    bibtex: Annotated[
        bool, typer.Option("--bibtex", help="Print what they are cited for, and nothing else.")
    ] = False,
) -> Answer:
    """List the operation-scoring policies."""
    from opscore.policies import POLICIES

    if bibtex:
        return cited(POLICIES)

    rows = [
        {
            "policy": f"{name}({POLICIES[name].argument})"
            if POLICIES[name].check_argument
            else name,
            "summary": POLICIES[name].summary,
            "uses": ", ".join(sorted(POLICIES[name].policy.uses)),
            "source": POLICIES.source(name),
        }
        for name in POLICIES
    ]
    columns = Column("policy"), Column("summary", "what it is"), Column("uses", "what it uses")
    hint = "PROXY is a name from 'opscore proxies', as in zc-pt(nwot)."
    return Listing([Table("", columns, pd.DataFrame(rows))], {"policies": rows}, then=[hint])


@answering()
def spaces(
    name: Annotated[str | None, typer.Argument(help="One space; else all of them.")] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Say which layers the engine has a rule for.")
    ] = False,
    data_dir: DataDirOption = None,
) -> Answer:
    """List the search spaces: edges, operations, number of architectures, and their truths."""
    from opscore.spaces import SPACES, get_space

    names = list(SPACES) if name is None else [get_space(name).name]
    if engine:
        return _engine([_engine_row(each) for each in names])
    rows = [_space_row(each, data_dir) for each in names]
    if name is not None:
        return Listing([_one_space(rows[0])], {"spaces": rows})
    short = [
        {
            **row,
            "edges": len(row["edges"]),
            "operations": ", ".join(row["operations"]),
            "architectures": f"{row['architectures']:,}",
            "truth": row["oracle"] or ("missing" if row["oracle_missing"] else "no table"),
            "tasks": ", ".join(row["tasks"]) or "-",
        }
        for row in rows
    ]
    columns = (
        Column("space"),
        Column("edges", kind="whole"),
        Column("operations"),
        Column("architectures"),
        Column("truth"),
        Column("tasks"),
    )
    hint = "opscore spaces NAME says more of one of them."
    return Listing([Table("", columns, pd.DataFrame(short))], {"spaces": rows}, then=[hint])


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


def _engine(rows: list[dict[str, Any]]) -> Listing:
    """How the layers of each space are computed."""
    ways = {
        "by_rule": "by a rule",
        "per_image": "as they are, image by image",
        "whole_batch": "as they are, whole batch",
    }
    told, lines = [], []
    for row in rows:
        if row["reason"] is None:
            cells = {way: ", ".join(f"{n} {kind}" for kind, n in row[way].items()) for way in ways}
        else:
            cells = dict.fromkeys(ways, "all") | {"by_rule": f"cannot be read: {row['reason']}"}
        told.append({"space": row["space"], **{way: text or "none" for way, text in cells.items()}})
        for kind, places in row["places"].items():
            more = f" and {len(places) - 2} more" if len(places) > 2 else ""
            lines.append(f"{row['space']}: {kind} at {', '.join(places[:2])}{more}")
    unused = [f"{row['space']}: {name}" for row in rows for name in row["unused"]]
    if unused:
        lines.append(f"Never called: {', '.join(unused)}")
    columns = [Column("space"), *(Column(way, heading) for way, heading in ways.items())]
    return Listing([Table("", columns, pd.DataFrame(told))], {"engine": rows}, said=lines)


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
    stage_of = {edge: number for number, stage in enumerate(row["stages"]) for edge in stage}
    edges = [
        (name, stage_of[edge], row["keeps"][edge], ", ".join(row["choices"][edge]))
        for edge, name in enumerate(row["edges"])
    ]
    columns = (
        Column("edge"),
        Column("stage", kind="whole"),
        Column("keeps", kind="whole"),
        Column("operations"),
    )
    return Table(
        f"{row['space']}: {row['architectures']:,} architectures{images}",
        columns,
        pd.DataFrame(edges, columns=[column.name for column in columns]),
        caption=f"truth: {truth}; tasks: {', '.join(row['tasks']) or 'none'}",
    )
