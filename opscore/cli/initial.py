"""``opscore initial``: score every operation of every edge at iteration 0."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import say_if_no_truth
from opscore.cli.options import Runs
from opscore.cli.present import answering
from opscore.settings import ScoringSettings


@answering(saves=True, doing="scoring")
def initial(
    settings: ScoringSettings,
    run: Runs,
    scores: Annotated[bool, typer.Option("--scores", help="Also print every score.")] = False,
    all_tasks: Annotated[
        bool,
        typer.Option("--all-tasks", help="Also compare with the truth of every dataset or task."),
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(
            help="Also score what needs no network: one order, sizes, skip first from in to out."
        ),
    ] = True,
) -> Answer:
    """Score all operations of A_0 and correlate the scores with the truth (Figure 2, left)."""
    from opscore.experiments.initial.result import initial as run_initial

    also = tuple(name for name, asked in (("scores", scores), ("tasks", all_tasks)) if asked)
    say_if_no_truth(settings)
    return replace(run_initial(settings, **run.calls, baselines=baselines), also=also)
