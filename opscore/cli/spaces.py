"""``opscore compare-spaces``: the same policies on every truth that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import BatchSizeOption, parse_policies, parse_seeds
from opscore.cli.figures import LiveOptions
from opscore.cli.present import answering
from opscore.errors import UserError

#: Stands for every space whose truth is here.
ALL = "all"


@answering(saves=True)
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
) -> Answer:
    """Agreement of the same policies with the truth of every task, space by space."""
    from opscore.experiments.initial.result import initial
    from opscore.paper.spaces import compare_spaces as compare
    from opscore.progress import shown

    measured = None
    if asked.live:
        names, seeds = parse_policies(asked.policies), parse_seeds(asked.seeds)
        measured = []
        for space in _spaces_of(spaces, asked.data_dir):
            with shown(f"scoring {space}", quiet=asked.quiet):
                measured.append(
                    initial(names, seeds, space=space, batch_size=batch_size, **asked.common())
                )
    return compare(measured)


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
