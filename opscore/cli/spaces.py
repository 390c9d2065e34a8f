"""``opscore compare-spaces``: the same policies on every truth that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import LiveOption
from opscore.cli.figures import Measuring
from opscore.cli.options import Runs
from opscore.cli.present import answering
from opscore.errors import UserError
from opscore.registry import split_names
from opscore.settings import OracleSettings

#: Stands for every space whose truth is here.
ALL = "all"


@answering(saves=True, doing="scoring")
def compare_spaces(
    *,
    live: LiveOption = False,
    settings: Measuring,
    run: Runs,
    spaces: Annotated[
        str,
        typer.Option(
            help="With --live: spaces, separated by commas, SPACE:SOURCE with another table than "
            "the usual one, such as darts:nb301; 'all' are those whose truth is here."
        ),
    ] = ALL,
) -> Answer:
    """Agreement of the same policies with the truth of every task, space by space."""
    from opscore.experiments.initial.result import initial
    from opscore.paper.spaces import compare_spaces as compare

    if not live:
        return compare(None)
    return compare(
        [
            initial(settings, space=space, oracle=OracleSettings(source=source), **run.calls)
            for space, source in _truths_of(spaces, settings.data_dir)
        ]
    )


def _truths_of(text: str, data_dir: Path | None) -> list[tuple[str, str]]:
    """The spaces that are named, or all whose truth is here, each with the source of its truth.

    UserError, before anything is computed, for one that has no truth to compare with.
    """
    from opscore.oracles import load_accuracies, spaces_with_truth
    from opscore.spaces import get_space

    if text == ALL:
        return [(space, "auto") for space in spaces_with_truth(data_dir)]
    found: dict[str, str] = {}
    for part in split_names(text):
        name, _, source = part.partition(":")
        space = get_space(name.strip()).name
        if space in found:
            raise UserError(f"space '{space}' was asked for twice")
        found[space] = source.strip() or "auto"
    if not found:
        raise UserError("no space was asked for; for instance --spaces nasbench201,transnas-micro")
    for name, source in found.items():
        load_accuracies(name, source, data_dir)
    return list(found.items())
