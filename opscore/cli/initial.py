"""``opscore initial``: score every operation of every edge at iteration 0."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from opscore.answers import Answer
from opscore.cli.common import PoliciesOption, parse_policies, say_if_no_truth
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions
from opscore.cli.present import answering


@answering(saves=True)
def initial(
    policies: PoliciesOption = "zc-pt(nwot)",
    *,
    grid: RunOptions,
    networks: NetworkOptions,
    truth: OracleOptions,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Score this supernet (.npz, .pt) instead of a fresh one.")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="Score on this minibatch (.npz) instead of a drawn one.")
    ] = None,
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
    from opscore.experiments import ScoringSettings
    from opscore.experiments.initial.result import initial as run_initial
    from opscore.progress import shown

    also = tuple(name for name, asked in (("scores", scores), ("tasks", all_tasks)) if asked)
    names, seeds = parse_policies(policies), grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "checkpoint": checkpoint,
        "batch_file": batch,
        **asdict(networks),
    }
    say_if_no_truth(ScoringSettings(tuple(names), seeds, **settings))
    with shown("scoring", quiet=grid.quiet):
        result = run_initial(
            names,
            seeds,
            **grid.calls,
            baselines=baselines,
            **settings,
        )
    return replace(result, also=also)
