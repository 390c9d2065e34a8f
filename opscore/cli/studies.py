"""``opscore retraining``, ``opscore toy-model``, ``opscore alphas``: the case studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import LiveOption, parse_lengths
from opscore.cli.options import Only, Runs
from opscore.cli.present import answering
from opscore.settings import Settings
from opscore.spaces import DEFAULT_SPACE


@answering(saves=True, doing="retraining")
def retraining(
    edge: Annotated[
        str, typer.Option(help="Edge to discretize: its index, its name, or all.")
    ] = "0",
    epochs: Annotated[int, typer.Option(help="Epochs of retraining.")] = 20,
    *,
    settings: Annotated[
        Settings,
        Only(
            *("seeds", "space", "size", "checkpoint", "training", "images", "data_dir"),
            *("dtype", "device"),
            size="cpu",
        ),
    ],
    run: Runs,
) -> Answer:
    """Discretize one edge of a trained supernet, retrain, and watch each operation's accuracy."""
    from opscore.paper.retraining.result import retraining as run_retraining

    place = int(edge) if edge.isdecimal() else edge
    found: Answer = run_retraining(settings, edge=place, epochs=epochs, **run.calls)
    return found


@answering(saves=True)
def alphas(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files that trainings of supernets keep after each epoch (supernet.pt below "
            "supernets in the folder of runs); none: the trainings at paper size that ship."
        ),
    ] = None,
    space: Annotated[str, typer.Option(help="Space of the supernets.")] = DEFAULT_SPACE,
) -> Answer:
    """Where training takes the weights of operations, epoch by epoch."""
    from opscore.paper.alphas import alphas as read_alphas

    return read_alphas(checkpoints or None, space)


@answering(saves=True, doing="scoring")
def toy_model(
    live: LiveOption = False,
    lengths: Annotated[
        str, typer.Option(help="Edges in the chain, such as 1-6; time grows as 4^length.")
    ] = "1-4",
    *,
    settings: Annotated[
        Settings,
        Only(
            *("seeds", "images", "batch_size", "data_dir", "dtype", "device"),
            seeds="0-3",
            batch_size=64,
        ),
    ],
    run: Runs,
) -> Answer:
    """Perturbation against discretization on a chain of edges, as it gets deeper."""
    from opscore.paper.toy_model.result import shipped_toy_model
    from opscore.paper.toy_model.result import toy_model as run_toy_model

    if not live:
        return shipped_toy_model()
    found: Answer = run_toy_model(settings, lengths=parse_lengths(lengths), **run.calls)
    return found
