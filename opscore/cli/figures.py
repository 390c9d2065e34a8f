"""``opscore figure2`` and ``opscore table1``: the paper's results, published beside measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from opscore.answers.words import interval_text, number
from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JobsOption,
    JsonOption,
    OutOption,
    PoliciesOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    console,
    parse_policies,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import grouped

if TYPE_CHECKING:
    import pandas as pd

    from opscore.paper.measured import Measured

#: The right-hand columns of the table of claims.
_CLAIM_NUMBERS = ("published", "measured", "95 % interval", "p", "holds")


@dataclass(frozen=True)
class LiveOptions:
    """Whether the measured side is computed now, and of what."""

    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Compute the measured side now, with the options below; without it the scores "
            "that come with the package are shown.",
        ),
    ] = False
    policies: PoliciesOption = "zc-pt(nwot),disc-zc(nwot)"
    seeds: SeedsOption = "0-3"
    size: SizeOption = "paper"
    jobs: JobsOption = 1
    runs: RunsOption = Path("runs")
    device: DeviceOption = "auto"
    quiet: QuietOption = False
    data_dir: DataDirOption = None

    def common(self) -> dict[str, Any]:
        """The arguments that both kinds of measurement take, beside policies and seeds."""
        return {
            "size": self.size,
            "jobs": self.jobs,
            "store": self.runs,
            "device": self.device,
            "data_dir": self.data_dir,
        }


@grouped
def figure2(*, asked: LiveOptions, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Figure 2 and its claims: agreement with the truth, published beside measured."""
    from opscore.paper.figure2 import figure2 as make_figure2

    measured = [_measure_progressive(asked, as_json)] if asked.live else None
    result = make_figure2(measured)
    written = [] if out is None else result.save(out)
    if as_json:
        settings = {"command": "figure2", "notes": result.notes()}
        tables = {"left": result.left, "right": result.right, "claims": result.claims}
        print_json({**tables, "settings": settings})
        return
    print_notes(result.notes())
    console.print(_agreement_table(result.left))
    for table in _claims_tables(result.claims):
        console.print(table)
    print_written(written)


@grouped
def table1(*, asked: LiveOptions, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Table 1: the architecture that each policy picks edge by edge, published beside measured."""
    from opscore.paper.table1 import table1 as make_table1

    measured = [_measure_initial(asked, as_json)] if asked.live else None
    result = make_table1(measured, asked.data_dir)
    written = [] if out is None else result.save(out)
    if as_json:
        settings = {"command": "table1", "notes": result.notes()}
        tables = {"selection": result.selections, "summary": result.summary}
        print_json({**tables, "settings": settings})
        return
    print_notes(result.notes())
    console.print(_selections_table(result.selections))
    console.print(_summary_table(result.summary))
    print_written(written)


def _measure_progressive(asked: LiveOptions, quiet: bool) -> Measured:
    from opscore.paper.measured import measure_progressive
    from opscore.progress import shown

    names, seeds = parse_policies(asked.policies), parse_seeds(asked.seeds)
    with shown("scoring", quiet=asked.quiet or quiet):
        return measure_progressive(names, seeds, **asked.common())


def _measure_initial(asked: LiveOptions, quiet: bool) -> Measured:
    from opscore.paper.measured import measure_initial
    from opscore.progress import shown

    names, seeds = parse_policies(asked.policies), parse_seeds(asked.seeds)
    with shown("scoring", quiet=asked.quiet or quiet):
        return measure_initial(names, seeds, **asked.common())


def _agreement_table(left: pd.DataFrame) -> Table:
    """Rho to best-acc and avg-acc: a row for each policy, a pair of columns for each source."""
    table = Table(title="Spearman with the truth at iteration 0, mean over edges and seeds")
    table.add_column("policy", no_wrap=True)
    sources = list(dict.fromkeys(left["source"]))
    references = ("best-acc", "avg-acc")
    for source in sources:
        for reference in references:
            table.add_column(f"{source}\n{reference}", justify="right")
    rho = left.set_index(["policy", "source", "reference"])["rho"].to_dict()
    for policy in dict.fromkeys(left["policy"]):
        cells = [
            number(rho.get((policy, source, reference)), "+.2f")
            for source in sources
            for reference in references
        ]
        table.add_row(str(policy), *cells)
    return table


def _claims_tables(claims: pd.DataFrame) -> list[Table]:
    """Every claim at iteration 0, a table for each size; later iterations are in claims.csv."""
    tables = []
    for size, rows in claims[claims["iteration"] == 0].groupby("size", sort=False):
        reduced = "" if size == "paper" else " (reduced)"
        table = Table(
            title=f"The paper's claims at iteration 0, {size} size{reduced}",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        table.collapse_padding = True  # a claim is one line
        for heading in ("claim", "against", "sign", *_CLAIM_NUMBERS):
            right = heading in _CLAIM_NUMBERS
            table.add_column(heading, justify="right" if right else "left", no_wrap=True)
        larger_p = rows[["p_value", "p_common"]].max(axis=1)
        for row in rows.assign(larger_p=larger_p).itertuples():
            table.add_row(
                str(row.claim),
                str(row.other if isinstance(row.other, str) else row.reference),
                str(row.expected),
                number(row.published, "+.2f"),
                number(row.estimate, "+.2f"),
                interval_text(row.ci_low, row.ci_high),
                number(row.larger_p, ".2g"),
                str(row.holds),
            )
        tables.append(table)
    if tables:
        tables[-1].caption = (
            "p: the larger one of edges alone and of a common relabelling; holds: sign as claimed "
            "and p below 0.05, weak ones with an interval within 0.5 of zero; better: difference "
            "of two correlations with best-acc; later iterations: --json, or claims.csv in --out"
        )
    return tables


def _selections_table(selections: pd.DataFrame) -> Table:
    table = Table(title="Architecture picked edge by edge; error on CIFAR-10")
    for heading in ("policy", "source", "seed", "operations on edges 0-5", "error %", "rank"):
        right = heading in {"seed", "error %", "rank"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    rows = selections[selections["dataset"] == "cifar10"]
    for policy in dict.fromkeys(rows["policy"]):
        own = rows[rows["policy"] == policy].astype({"seed": "object"})
        for place, row in enumerate(own.itertuples()):
            seed = "-" if str(row.seed) == "<NA>" else str(row.seed)
            table.add_row(
                str(policy) if place == 0 else "",
                str(row.source).removeprefix("measured, "),
                seed,
                _short(str(row.architecture)),
                number(row.error, ".2f"),
                f"{row.rank:,}",
                end_section=place == len(own) - 1,
            )
    return table


#: Operations in few letters, so that six of them fit into a column.
_LETTERS = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "c1x1",
    "nor_conv_3x3": "c3x3",
    "avg_pool_3x3": "pool",
}


def _short(architecture: str) -> str:
    parts = [part for part in architecture.replace("+", "|").split("|") if part]
    return " ".join(_LETTERS[part.partition("~")[0]] for part in parts)


def _summary_table(summary: pd.DataFrame) -> Table:
    table = Table(title="Mean over seeds, CIFAR-10; published for the same settings in brackets")
    for heading in ("policy", "source", "seeds", "error %", "from .. to", "mean rank"):
        left = heading in {"policy", "source"}
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in summary.itertuples():
        table.add_row(
            str(row.policy),
            str(row.source).removeprefix("measured, "),
            str(row.n_seeds),
            _with_published(f"{row.error:.2f}", number(row.published_error, ".2f")),
            f"{row.best_error:.2f} .. {row.worst_error:.2f}",
            _with_published(f"{row.rank:,.0f}", number(row.published_rank, ",.0f")),
        )
    return table


def _with_published(measured: str, published: str) -> str:
    return measured if published == "-" else f"{measured} ({published})"
