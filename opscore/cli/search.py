"""``opscore search``: search architectures, and say how good they are; ``opscore methods``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import say_if_no_truth
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions
from opscore.cli.present import answering
from opscore.errors import UserError


@answering(saves=True)
def search(
    proxy: Annotated[str, typer.Option(help="Proxy S of the search; see 'opscore proxies'.")] = (
        "nwot"
    ),
    policy: Annotated[
        str, typer.Option(help="Proposals by zc-pt (Zero-Cost-PT) or disc-zc (Zero-Cost-Disc).")
    ] = "zc-pt",
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods to compare instead of one policy and proxy, separated by commas; see "
            "'opscore methods'."
        ),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            help="Edge order: fixed, random, global-op-iter, global-op-once, global-edge-iter, "
            "global-edge-once."
        ),
    ] = "random",
    order_meaning: Annotated[
        str,
        typer.Option(help="The order as the paper defines it (paper), or the authors' code."),
    ] = "paper",
    proposals: Annotated[int, typer.Option("--proposals", "-N", help="Proposals.")] = 10,
    validation: Annotated[
        int,
        typer.Option(
            "--validation", "-V", help="Minibatches of the validation stage; 0: the first proposal."
        ),
    ] = 100,
    validation_weights: Annotated[
        str,
        typer.Option(
            help="Weights of a candidate: once, one draw for all minibatches, as the authors; or "
            "redrawn, a new draw for each minibatch."
        ),
    ] = "once",
    race: Annotated[
        float | None,
        typer.Option(
            help="Score candidates no further that cannot win any more, at this confidence, for "
            "instance 0.99; without it all are scored on all minibatches.",
            show_default=False,
        ),
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="Networks that a sampling method may score.")
    ] = 1000,
    *,
    grid: RunOptions,
    networks: NetworkOptions,
    training: Annotated[
        str,
        typer.Option(help="Training profile of methods that train: paper, cpu, smoke; auto."),
    ] = "auto",
    truth: OracleOptions,
) -> Answer:
    """Search with Zero-Cost-PT and other methods (Tables 2 and 5)."""
    from opscore.policies import split_names
    from opscore.progress import shown
    from opscore.search import SearchSettings
    from opscore.search.call import run_search
    from opscore.search.zero_cost import family_of

    names = split_names(methods) if methods is not None else [f"{family_of(policy)}({proxy})"]
    if not names:
        raise UserError("no search method was asked for; for instance --methods random")
    seeds = grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "order": order,
        "orders": order_meaning,
        "proposals": proposals,
        "validation": validation,
        "validation_weights": validation_weights,
        "race": race,
        "evaluations": evaluations,
        "training": training,
        **asdict(networks),
    }
    say_if_no_truth(SearchSettings(tuple(names), seeds, **settings))
    with shown("searching", quiet=grid.quiet):
        return run_search(
            names,
            seeds,
            **grid.calls,
            **settings,
        )


@answering()
def methods() -> Answer:
    """List the search methods."""
    from opscore.search import METHODS

    rows = [
        {
            "method": f"{name}(PROXY)" if METHODS[name].check_argument else name,
            "summary": METHODS[name].summary,
        }
        for name in METHODS
    ]
    columns = Column("method"), Column("summary", "what it is")
    table = Table("", columns, pd.DataFrame(rows))
    return Listing([table], {"methods": rows}, then=["PROXY is a name from 'opscore proxies'."])
