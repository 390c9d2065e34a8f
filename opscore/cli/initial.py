"""``opscore initial``: score every operation of every edge at iteration 0."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opscore.cli.common import (
    JsonOption,
    OutOption,
    PoliciesOption,
    console,
    exit_if_failed,
    parse_policies,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions, grouped
from opscore.cli.tables import (
    agreement_table,
    correlation_table,
    failure_lines,
    say_if_no_truth,
    score_table,
    selection_table,
    tasks_tables,
)

if TYPE_CHECKING:
    from opscore.experiments.initial.result import InitialResult


@grouped
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
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score all operations of A_0 and correlate the scores with the truth (Figure 2, left)."""
    from opscore.experiments import ScoringSettings
    from opscore.experiments.initial.result import initial as run_initial
    from opscore.progress import shown

    names, seeds = parse_policies(policies), grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "checkpoint": checkpoint,
        "batch_file": batch,
        **asdict(networks),
    }
    say_if_no_truth(ScoringSettings(tuple(names), seeds, **settings))
    with shown("scoring", quiet=grid.quiet or as_json):
        result = run_initial(
            names,
            seeds,
            **grid.calls,
            baselines=baselines,
            **settings,
        )
    written = [] if out is None else result.save(out)
    if as_json:
        print_json(
            {
                "correlation": result.correlation,
                "selection": result.selection,
                "differences": result.differences,
                "edge_specific": result.edge_specific,
                **({"tasks": result.tasks} if all_tasks else {}),
                "scores": result.scores,
                "settings": result.record(),
            }
        )
        exit_if_failed(result.scores["status"])
        return
    _report(result, show_scores=scores)
    if all_tasks:
        for table in tasks_tables(result.tasks):
            console.print(table)
    print_written(written)
    exit_if_failed(result.scores["status"])


def _report(result: InitialResult, *, show_scores: bool) -> None:
    print_notes([*result.notes(), *failure_lines(result.scores)])
    if show_scores:
        console.print(score_table(result.scores))
    if result.settings.oracle.known:
        console.print(
            correlation_table(
                result.against("best-acc"), result.published("best-acc"), result.edge_specific
            )
        )
    elif not result.correlation.empty:
        console.print(agreement_table(result.correlation))
    console.print(selection_table(result.selection, result.settings.oracle.dataset))
