"""``opscore table2, table5, figure4, search-cost``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.answers.words import interval_text, number
from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JobsOption,
    JsonOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    console,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import grouped
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.paper.live import LiveSearches
    from opscore.paper.searches import SearchReport

FolderOption = Annotated[Path, typer.Option("--out", help="Folder for tables and figures.")]
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


@grouped
def table2(
    out: FolderOption = Path("out/search"),
    methods: Annotated[
        str, typer.Option(help="With --live: search methods, separated by commas.")
    ] = "zero-cost-pt(nwot),zero-cost-pt(synflow),zero-cost-disc(nwot),random,naswot(nwot)",
    *,
    asked: TableOptions,
    as_json: JsonOption = False,
) -> None:
    """Error of every search method on NAS-Bench-201, beside the paper's Table 2."""
    from opscore.paper.table2 import table2 as table2_report
    from opscore.policies import split_names

    found = _searches(asked, split_names(methods), quiet=as_json)
    _report(table2_report(found), out, as_json)


@grouped
def table5(
    out: FolderOption = Path("out/search"),
    *,
    asked: TableOptions,
    as_json: JsonOption = False,
) -> None:
    """Error of Zero-Cost-PT (nwot) by edge order, beside the paper's Table 5."""
    from opscore.paper.table5 import table5 as table5_report
    from opscore.search import ORDERS

    found = _searches(asked, ["zero-cost-pt(nwot)"], ORDERS, quiet=as_json)
    _report(table5_report(found), out, as_json)


@grouped
def search_cost(
    out: FolderOption = Path("out/search"),
    methods: Annotated[
        str, typer.Option(help="With --live: search methods, separated by commas.")
    ] = "zero-cost-pt(nwot),zero-cost-disc(nwot),random,naswot(nwot),evolution(nwot),"
    "max-params,regularized-evolution,optimum,te-nas",
    *,
    asked: TableOptions,
    as_json: JsonOption = False,
) -> None:
    """Error against forward passes for every search method."""
    from opscore.paper.search_cost import search_cost as search_cost_report
    from opscore.policies import split_names

    found = _searches(asked, split_names(methods), quiet=as_json)
    _report(search_cost_report(found), out, as_json)


@grouped
def figure4(
    out: FolderOption = Path("out/search"),
    counts: Annotated[str, typer.Option(help="Ns, separated by commas.")] = "1,10,100,1000",
    rounds: Annotated[str, typer.Option(help="With --live: Vs, separated by commas.")] = "1,10,100",
    *,
    asked: Figure4Options,
    as_json: JsonOption = False,
) -> None:
    """Accuracy against score by N, and accuracy by N and V (Figure 4, Table 3's design)."""
    from opscore.paper.figure4 import figure4 as figure4_report
    from opscore.paper.live import live_proposals
    from opscore.progress import shown

    numbers = _numbers(counts)
    found = None
    if asked.live:
        searches = asked.searches(max(numbers), 0)
        with shown("searching", quiet=asked.quiet or as_json):
            proposals, scores = live_proposals(searches, _numbers(rounds))
        found = (proposals, scores, searches.describe())
    _report(figure4_report(found, numbers, asked.data_dir), out, as_json)


def _searches(
    asked: TableOptions,
    methods: list[str],
    orders: tuple[str, ...] = ("random",),
    *,
    quiet: bool,
) -> tuple[pd.DataFrame, str] | None:
    """Searches made now and what to say of them; None to take the package's record."""
    from opscore.paper.live import live_searches
    from opscore.progress import shown

    if not asked.live:
        return None
    searches = asked.searches(asked.proposals, asked.validation)
    with shown("searching", quiet=asked.quiet or quiet):
        return live_searches(searches, methods, orders), searches.describe()


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"bad numbers '{text}'; the form is 1,10,100")
    return sorted({int(part) for part in parts})


def _report(report: SearchReport, out: Path, as_json: bool) -> None:
    """Write everything, and print the table."""
    written = report.save(out)
    table, by = report.table, report.by
    if as_json:
        print_json({report.name: table, "settings": {"note": report.note}})
        return
    count = "n_seeds" if "n_seeds" in table else "n_searches"
    over = count.removeprefix("n_")
    shown = Table(title=f"{report.name}: test error, %; 95 % interval of the mean over {over}")
    known = "published" in table
    exact = "expected" in table and bool(table["expected"].notna().any())
    for heading in by:
        shown.add_column(heading, overflow="fold")
    optional = ["exact"] if exact else []
    optional += [_published_heading(table["published_n"])] if known else []
    for heading in ("mean", "sd", "interval", over, *optional):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in table.to_dict(orient="records"):
        cells = [
            *(str(row[name]) for name in by),
            number(row["mean"], ".2f"),
            number(row["std"], ".2f"),
            interval_text(row["ci_low"], row["ci_high"], ".2f"),
            str(row[count] or "-"),
        ]
        if exact:
            cells.append(_exact(row))
        if known:
            cells.append(_published(row))
        shown.add_row(*cells)
    print_notes([report.note])
    console.print(shown)
    print_written(written)


def _published_heading(counts: pd.Series[int]) -> str:
    """'published', with the number of seeds where all have the same."""
    seeds = counts[counts > 0].unique()
    return f"published\n({seeds[0]} seeds)" if len(seeds) == 1 else "published"


def _published(row: Mapping[Hashable, Any]) -> str:
    """The paper's mean, and its deviation in brackets."""
    mean = number(row.get("published"), ".2f")
    return mean if mean == "-" else f"{mean} ({number(row['published_std'], '.2f')})"


def _exact(row: Mapping[Hashable, Any]) -> str:
    """The exact expectation, and the deviation of one search from it in brackets."""
    mean = number(row["expected"], ".2f")
    return mean if mean == "-" else f"{mean} ({number(row['expected_std'], '.2f')})"
