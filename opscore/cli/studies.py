"""``opscore retraining`` and ``opscore toy-model``: the paper's two case studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import (
    BatchSizeOption,
    DataDirOption,
    DeviceOption,
    ImagesOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    parse_lengths,
    parse_seeds,
)
from opscore.cli.present import answering


@answering(saves=True)
def retraining(
    edge: Annotated[str, typer.Option(help="Edge to discretize, by index or name.")] = "0",
    epochs: Annotated[int, typer.Option(help="Epochs of retraining.")] = 20,
    seeds: SeedsOption = "0",
    size: SizeOption = "cpu",
    training: Annotated[
        str,
        typer.Option(help="Training profile: paper, cpu, smoke; auto has the name of the size."),
    ] = "auto",
    images: ImagesOption = "auto",
    runs: RunsOption = Path("runs"),
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
) -> Answer:
    """Discretize one edge of a trained supernet, retrain, and watch each operation's accuracy."""
    from opscore.paper.retraining.result import retraining as run_retraining
    from opscore.progress import shown

    seed_list = parse_seeds(seeds)
    with shown("retraining", quiet=quiet):
        return run_retraining(
            int(edge) if edge.isdigit() else edge,
            epochs,
            seed_list,
            store=runs,
            size=size,
            training=training,
            images=images,
            device=device,
            data_dir=data_dir,
        )


@answering(saves=True)
def toy_model(
    live: Annotated[
        bool, typer.Option("--live", help="Compute now; else what comes with the package.")
    ] = False,
    lengths: Annotated[
        str, typer.Option(help="Edges in the chain, such as 1-6; time grows as 4^length.")
    ] = "1-4",
    seeds: SeedsOption = "0-3",
    batch_size: BatchSizeOption = 64,
    images: ImagesOption = "auto",
    runs: RunsOption = Path("runs"),
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
) -> Answer:
    """Perturbation against discretization on a chain of edges, as it gets deeper."""
    from opscore.paper.toy_model.result import shipped_toy_model
    from opscore.paper.toy_model.result import toy_model as run_toy_model
    from opscore.progress import shown

    if live:
        length_list, seed_list = parse_lengths(lengths), parse_seeds(seeds)
        with shown("scoring", quiet=quiet):
            return run_toy_model(
                length_list,
                seed_list,
                store=runs,
                batch_size=batch_size,
                images=images,
                device=device,
                data_dir=data_dir,
            )
    return shipped_toy_model()
