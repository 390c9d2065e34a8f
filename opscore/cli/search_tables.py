"""``opscore table2, table5, figure4, search-cost``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import LiveOption
from opscore.cli.options import Only, Runs
from opscore.cli.present import answering
from opscore.errors import UserError
from opscore.registry import split_names
from opscore.settings import RunSettings, SearchSettings

if TYPE_CHECKING:
    import pandas as pd

#: Where tables and figures are written if no folder is named.
OUT = Path("out/search")

#: What a table's searches are not asked for: they are in its own space, in the order that it says.
_FIXED = ("space", "oracle", "order", "orders")


@answering(saves=True, out=OUT, doing="searching")
def table2(
    settings: Annotated[
        SearchSettings,
        Only(
            without=_FIXED,
            methods="zero-cost-pt(nwot),zero-cost-pt(synflow),zero-cost-disc(nwot),random,"
            "naswot(nwot)",
            seeds="0-3",
        ),
    ],
    run: Runs,
    live: LiveOption = False,
) -> Answer:
    """Error of every search method on NAS-Bench-201, beside the paper's Table 2."""
    from opscore.paper.table2 import table2 as table2_report

    return table2_report(_searches(settings, run) if live else None)


@answering(saves=True, out=OUT, doing="searching")
def table5(
    settings: Annotated[SearchSettings, Only(without=("methods", *_FIXED), seeds="0-3")],
    run: Runs,
    live: LiveOption = False,
) -> Answer:
    """Error of Zero-Cost-PT (nwot) by edge order, beside the paper's Table 5."""
    from opscore.paper.table5 import table5 as table5_report
    from opscore.search import ORDERS

    return table5_report(_searches(settings, run, ORDERS) if live else None)


@answering(saves=True, out=OUT, doing="searching")
def search_cost(
    settings: Annotated[
        SearchSettings,
        Only(
            without=_FIXED,
            methods="zero-cost-pt(nwot),zero-cost-disc(nwot),random,naswot(nwot),evolution(nwot),"
            "max-params,regularized-evolution,optimum,te-nas",
            seeds="0-3",
        ),
    ],
    run: Runs,
    live: LiveOption = False,
) -> Answer:
    """Error against forward passes for every search method."""
    from opscore.paper.search_cost import search_cost as search_cost_report

    return search_cost_report(_searches(settings, run) if live else None)


@answering(saves=True, out=OUT, doing="searching")
def figure4(
    counts: Annotated[str, typer.Option(help="Ns, separated by commas.")] = "1,10,100,1000",
    rounds: Annotated[str, typer.Option(help="With --live: Vs, separated by commas.")] = "1,10,100",
    *,
    settings: Annotated[
        SearchSettings,
        Only(without=("methods", "proposals", "validation", *_FIXED), seeds="0-3", batch_size=64),
    ],
    run: Runs,
    live: LiveOption = False,
) -> Answer:
    """Accuracy against score by N, and accuracy by N and V (Figure 4, Table 3's design)."""
    from opscore.paper.figure4 import figure4 as figure4_report
    from opscore.paper.live import describe_searches, live_proposals

    numbers = _numbers(counts)
    found = None
    if live:
        longest = replace(settings, proposals=max(numbers), validation=0)
        proposals, scores = live_proposals(longest, run, _numbers(rounds))
        found = (proposals, scores, describe_searches(longest))
    return figure4_report(found, numbers, settings.data_dir)


def _searches(
    settings: SearchSettings, run: RunSettings, orders: Sequence[str] = ("random",)
) -> tuple[pd.DataFrame, str]:
    """Searches made now, and what to say of them."""
    from opscore.paper.live import describe_searches, live_searches

    return live_searches(settings, run, orders), describe_searches(settings)


def _numbers(text: str) -> list[int]:
    parts = split_names(text)
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"bad numbers '{text}'; the form is 1,10,100")
    return sorted({int(part) for part in parts})
