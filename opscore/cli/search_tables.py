"""``opscore table2, table5, figure4, search-cost``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opscore.answers import Answer
from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JobsOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    parse_seeds,
)
from opscore.cli.present import answering
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.paper.live import LiveSearches

#: Where tables and figures are written if no folder is named.
OUT = Path("out/search")

BatchOption = Annotated[int, typer.Option(help="With --live: images in a minibatch.")]


@dataclass(frozen=True)
class LiveOptions:
    """Whether searches are made now, and with which settings."""

    live: Annotated[
        bool, typer.Option("--live", help="Search now, not what the package's record says.")
    ] = False
    seeds: SeedsOption = "0-3"
    size: Annotated[str, typer.Option(help="With --live: paper, cpu or smoke.")] = "paper"
    batch_size: BatchOption = 256
    jobs: JobsOption = 1
    runs: RunsOption = Path("runs")
    device: DeviceOption = "auto"
    quiet: QuietOption = False
    data_dir: DataDirOption = None

    def searches(self, proposals: int, validation: int) -> LiveSearches:
        """The searches, with so many proposals and minibatches."""
        from opscore.paper.live import LiveSearches

        return LiveSearches(
            seeds=parse_seeds(self.seeds),
            proposals=proposals,
            validation=validation,
            size=self.size,
            batch_size=self.batch_size,
            jobs=self.jobs,
            runs=self.runs,
            device=self.device,
            data_dir=self.data_dir,
        )


@dataclass(frozen=True)
class TableOptions(LiveOptions):
    """The same with N and V."""

    proposals: Annotated[int, typer.Option(help="With --live: N.")] = 10
    validation: Annotated[int, typer.Option(help="With --live: V.")] = 100


@dataclass(frozen=True)
class Figure4Options(LiveOptions):
    """The same with a smaller minibatch."""

    batch_size: BatchOption = 64


@answering(saves=True, out=OUT)
def table2(
    methods: Annotated[
        str, typer.Option(help="With --live: search methods, separated by commas.")
    ] = "zero-cost-pt(nwot),zero-cost-pt(synflow),zero-cost-disc(nwot),random,naswot(nwot)",
    *,
    asked: TableOptions,
) -> Answer:
    """Error of every search method on NAS-Bench-201, beside the paper's Table 2."""
    from opscore.paper.table2 import table2 as table2_report
    from opscore.policies import split_names

    found = _searches(asked, split_names(methods))
    return table2_report(found)


@answering(saves=True, out=OUT)
def table5(*, asked: TableOptions) -> Answer:
    """Error of Zero-Cost-PT (nwot) by edge order, beside the paper's Table 5."""
    from opscore.paper.table5 import table5 as table5_report
    from opscore.search import ORDERS

    found = _searches(asked, ["zero-cost-pt(nwot)"], ORDERS)
    return table5_report(found)


@answering(saves=True, out=OUT)
def search_cost(
    methods: Annotated[
        str, typer.Option(help="With --live: search methods, separated by commas.")
    ] = "zero-cost-pt(nwot),zero-cost-disc(nwot),random,naswot(nwot),evolution(nwot),"
    "max-params,regularized-evolution,optimum,te-nas",
    *,
    asked: TableOptions,
) -> Answer:
    """Error against forward passes for every search method."""
    from opscore.paper.search_cost import search_cost as search_cost_report
    from opscore.policies import split_names

    found = _searches(asked, split_names(methods))
    return search_cost_report(found)


@answering(saves=True, out=OUT)
def figure4(
    counts: Annotated[str, typer.Option(help="Ns, separated by commas.")] = "1,10,100,1000",
    rounds: Annotated[str, typer.Option(help="With --live: Vs, separated by commas.")] = "1,10,100",
    *,
    asked: Figure4Options,
) -> Answer:
    """Accuracy against score by N, and accuracy by N and V (Figure 4, Table 3's design)."""
    from opscore.paper.figure4 import figure4 as figure4_report
    from opscore.paper.live import live_proposals
    from opscore.progress import shown

    numbers = _numbers(counts)
    found = None
    if asked.live:
        searches = asked.searches(max(numbers), 0)
        with shown("searching", quiet=asked.quiet):
            proposals, scores = live_proposals(searches, _numbers(rounds))
        found = (proposals, scores, searches.describe())
    return figure4_report(found, numbers, asked.data_dir)


def _searches(
    asked: TableOptions,
    methods: list[str],
    orders: tuple[str, ...] = ("random",),
) -> tuple[pd.DataFrame, str] | None:
    """Searches made now and what to say of them; None to take the package's record."""
    from opscore.paper.live import live_searches
    from opscore.progress import shown

    if not asked.live:
        return None
    searches = asked.searches(asked.proposals, asked.validation)
    with shown("searching", quiet=asked.quiet):
        return live_searches(searches, methods, orders), searches.describe()


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"bad numbers '{text}'; the form is 1,10,100")
    return sorted({int(part) for part in parts})
