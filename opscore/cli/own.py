"""``opscore score`` and ``opscore evaluate``: networks and scores of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from opscore.answers import Answer
from opscore.cli.options import Only, chosen
from opscore.cli.present import answering
from opscore.cli.proxies import SeedOption
from opscore.settings import Settings

ProxiesOption = Annotated[
    str, typer.Option(help="Proxies, separated by commas; see 'opscore proxies'.")
]

#: The settings that the scores of a network depend on that belongs to no space.
_SCORED = ("images", "image_size", "batch_size", "data_dir", "meaning", "device")


@answering()
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
