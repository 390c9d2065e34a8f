"""``opscore search``: search architectures, and say how good they are; ``opscore methods``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import say_if_no_truth
from opscore.cli.options import Runs
from opscore.cli.present import answering
from opscore.errors import UserError
from opscore.settings import SearchSettings


@answering(saves=True, doing="searching")
def search(
    context: typer.Context,
    proxy: Annotated[
        str | None,
        typer.Option(help="Proxy S of the search; see 'opscore proxies'. nwot by default."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="Proposals by zc-pt (Zero-Cost-PT, the default) or disc-zc (-Disc)."),
    ] = None,
    *,
    settings: SearchSettings,
    run: Runs,
) -> Answer:
    """Search with Zero-Cost-PT and other methods (Tables 2 and 5)."""
    from opscore.search.call import run_search
    from opscore.search.perturbation import family_of

    source = context.get_parameter_source("methods")
    if source is None or source.name != "COMMANDLINE":
        named = f"{family_of(policy or 'zc-pt')}({proxy or 'nwot'})"
        settings = replace(settings, methods=(named,))
    elif proxy or policy:
        raise UserError("--methods names whole methods; it goes without --proxy and --policy")
    say_if_no_truth(settings)
    found: Answer = run_search(settings, **run.calls)
    return found


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
