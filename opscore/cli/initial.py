"""``opscore initial``: score every operation of every edge at iteration 0."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opscore.cli.common import (
    BatchSizeOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    DtypeOption,
    ImagesOption,
    JobsOption,
    JsonOption,
    MeaningOption,
    OracleSeedsOption,
    OracleSourceOption,
    OutOption,
    PoliciesOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    SpaceOption,
    SplitOption,
    console,
    parse_reduction,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
    progress_bar,
)
from opscore.cli.tables import correlation_table, score_table, selection_table
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.experiments import Unit
    from opscore.runs import InitialResult


def initial(
    policies: PoliciesOption = "zc-pt(nwot)",
    seeds: SeedsOption = "0",
    space: SpaceOption = "nasbench201",
    size: SizeOption = "paper",
    batch_size: BatchSizeOption = 256,
    images: ImagesOption = "auto",
    meaning: MeaningOption = "faithful",
    dtype: DtypeOption = "float32",
    dataset: DatasetOption = "cifar10",
    split: SplitOption = "test",
    oracle_seeds: OracleSeedsOption = "max",
    oracle_source: OracleSourceOption = "auto",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Score this supernet (.npz, .pt) instead of a fresh one.")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="Score on this minibatch (.npz) instead of a drawn one.")
    ] = None,
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    scores: Annotated[bool, typer.Option("--scores", help="Also print every score.")] = False,
    out: OutOption = None,
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score all operations of A_0 and correlate the scores with the truth (Figure 2, left)."""
    from opscore.experiments import OracleSettings
    from opscore.policies import split_names
    from opscore.runs import initial as run_initial

    names = split_names(policies)
    if not names:
        raise UserError("no policy was asked for; for instance --policies 'zc-pt(nwot)'")
    seed_list = parse_seeds(seeds)
    with progress_bar("scoring", total=(len(names) * len(seed_list)) + 2) as progress:

        def advance(unit: Unit, table: pd.DataFrame) -> None:
            progress.update(progress.task_ids[0], advance=1, description=unit.policy)

        result = run_initial(
            names,
            seed_list,
            store=runs,
            jobs=jobs,
            on_done=advance,
            oracle=OracleSettings(
                dataset=dataset,
                split=split,
                seeds=parse_reduction(oracle_seeds),
                source=oracle_source,
            ),
            space=space,
            size=size,
            batch_size=batch_size,
            images=images,
            meaning=meaning,
            dtype=dtype,
            device=device,
            checkpoint=checkpoint,
            batch_file=batch,
            data_dir=data_dir,
        )
    written = [] if out is None else result.save(out)
    if as_json:
        print_json(
            {
                "correlation": result.correlation,
                "selection": result.selection,
                "differences": result.differences,
                "scores": result.scores,
                "settings": result.record(),
            }
        )
        return
    _report(result, show_scores=scores)
    print_written(written)


def _report(result: InitialResult, *, show_scores: bool) -> None:
    print_notes(result.notes())
    if show_scores:
        console.print(score_table(result.scores))
    console.print(correlation_table(result.against("best-acc")))
    console.print(selection_table(result.selection, result.settings.oracle.dataset))
