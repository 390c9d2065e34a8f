"""``opscore score`` and ``opscore evaluate``: networks and scores of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import DataDirOption
from opscore.cli.options import Only, chosen
from opscore.cli.present import answering
from opscore.cli.proxies import SeedOption
from opscore.settings import OracleSettings, Settings
from opscore.spaces import DEFAULT_SPACE

ProxiesOption = Annotated[
    str, typer.Option(help="Proxies, separated by commas; see 'opscore proxies'.")
]

#: The settings that the scores of a network depend on that belongs to no space.
_SCORED = ("images", "image_size", "batch_size", "data_dir", "meaning", "device")


@answering(doing="scoring")
def score(
    network: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME",
            help="A torch.nn.Module, or a function that returns one: models:resnet, nets.py:mine.",
        ),
    ],
    proxies: ProxiesOption = "nwot,synflow,params,flops",
    *,
    settings: Annotated[Settings, Only(*_SCORED, "batch_file", batch_size=64)],
    seed: SeedOption = 0,
) -> Answer:
    """Score any network by zero-cost proxies, and say what of it they do not count."""
    from opscore.experiments.own_network import score as score_network
    from opscore.user_code import find_object

    return score_network(
        find_object(network),
        proxies,
        batch=settings.batch_file,
        seed=seed,
        **chosen(settings, *_SCORED),
    )


@answering(saves=True, doing="judging")
def evaluate(
    table: Annotated[Path, typer.Argument(help="Parquet or CSV file: architectures and scores.")],
    space: Annotated[str, typer.Option(help="Their search space.")] = DEFAULT_SPACE,
    architecture: Annotated[
        str | None,
        typer.Option(help="Column of architectures; else found by its name.", show_default=False),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(help="Column of scores; else the only one of numbers.", show_default=False),
    ] = None,
    smaller_is_better: Annotated[
        bool, typer.Option("--smaller-is-better", help="A smaller score predicts a better network.")
    ] = False,
    *,
    oracle: Annotated[
        OracleSettings,
        Only("split", "epochs", "source", flags={"source": ("--source", "--oracle-source")}),
    ],
    data_dir: DataDirOption = None,
) -> Answer:
    """Judge scores of architectures by every task's accuracies, beside those that ship."""
    from opscore.experiments.own_scores import evaluate_scores

    return evaluate_scores(
        space,
        table,
        architecture=architecture,
        score=score,
        higher_is_better=not smaller_is_better,
        oracle=oracle,
        data_dir=data_dir,
    )
