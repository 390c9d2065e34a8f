"""``opscore compare-spaces``: the same policies on every truth that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.cli.common import (
    BatchSizeOption,
    JsonOption,
    OutOption,
    console,
    parse_policies,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.figures import LiveOptions
from opscore.cli.options import grouped
from opscore.cli.tables import tasks_tables
from opscore.errors import UserError

#: Stands for every space whose truth is here.
ALL = "all"


@grouped
def compare_spaces(
    *,
    asked: LiveOptions,
    spaces: Annotated[
        str,
        typer.Option(
            help="With --live: spaces, separated by commas; 'all' are those whose truth is here."
        ),
    ] = ALL,
    batch_size: BatchSizeOption = 256,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Agreement of the same policies with the truth of every task, space by space."""
    from opscore.experiments.initial.result import initial
    from opscore.paper.spaces import compare_spaces as compare
    from opscore.progress import shown

    measured = None
    if asked.live:
        names, seeds = parse_policies(asked.policies), parse_seeds(asked.seeds)
        measured = []
        for space in _spaces_of(spaces, asked.data_dir):
            with shown(f"scoring {space}", quiet=asked.quiet or as_json):
                measured.append(
                    initial(names, seeds, space=space, batch_size=batch_size, **asked.common())
                )
    result = compare(measured)
    written = [] if out is None else result.save(out)
    if as_json:
        settings = {"command": "compare-spaces", "notes": result.notes()}
        print_json({"tasks": result.tasks, "settings": {**settings, "spaces": result.settings}})
        return
    print_notes(result.notes())
    for table in tasks_tables(result.tasks):
        console.print(table)
    print_written(written)


def _spaces_of(text: str, data_dir: Path | None) -> list[str]:
    """The spaces that are named, or all whose truth is here.

    UserError, before anything is computed, for one that has no truth to compare with.
    """
    from opscore.oracles import load_accuracies, spaces_with_truth
    from opscore.spaces import get_space

    if text == ALL:
        return spaces_with_truth(data_dir)
    names = [get_space(name).name for part in text.split(",") if (name := part.strip())]
    if not names:
        raise UserError("no space was asked for; for instance --spaces nasbench201,transnas-micro")
    for name in names:
        load_accuracies(name, data_dir=data_dir)
    return list(dict.fromkeys(names))
