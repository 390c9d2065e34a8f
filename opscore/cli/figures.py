"""``opscore figure2`` and ``opscore table1``: the paper's results, published beside measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import (
    DataDirOption,
    JobsOption,
    JsonOption,
    OutOption,
    PoliciesOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    console,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
    progress_bar,
)
from opscore.cli.tables import number
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.runs.measured import Measured

LiveOption = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Compute the measured side now, with the options below; without it the scores that "
        "come with the package are shown.",
    ),
]


def figure2(
    live: LiveOption = False,
    policies: PoliciesOption = "zc-pt(nwot),disc-zc(nwot)",
    seeds: SeedsOption = "0-3",
    size: SizeOption = "paper",
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    out: OutOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Figure 2 and its claims: agreement with the truth, published beside measured."""
    from opscore.runs.paper import figure2 as make_figure2

    measured = None
    if live:
        measured = [_measure_progressive(policies, seeds, size, jobs, runs, data_dir)]
    result = make_figure2(measured)
    written = [] if out is None else result.save(out)
    if as_json:
        settings = {"command": "figure2", "notes": result.notes()}
        tables = {"left": result.left, "right": result.right, "claims": result.claims}
        print_json({**tables, "settings": settings})
        return
    print_notes(result.notes())
    console.print(_agreement_table(result.left))
    console.print(_claims_table(result.claims))
    print_written(written)


def table1(
    live: LiveOption = False,
    policies: PoliciesOption = "zc-pt(nwot),disc-zc(nwot)",
    seeds: SeedsOption = "0-3",
    size: SizeOption = "paper",
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    out: OutOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Table 1: the architecture that each policy picks edge by edge, published beside measured."""
    from opscore.runs.paper import table1 as make_table1

    measured = [_measure_initial(policies, seeds, size, jobs, runs, data_dir)] if live else None
    result = make_table1(measured, data_dir)
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


def _measure_progressive(
    policies: str, seeds: str, size: str, jobs: int, runs: Path, data_dir: Path | None
) -> Measured:
    from opscore.runs.measured import measure_progressive

    names, seed_list, common = _asked(policies, seeds, size, jobs, runs, data_dir)
    with progress_bar("scoring", total=6 * (len(names) * len(seed_list) + 2)) as progress:

        def advance(unit: Any, step: Any) -> None:
            what = f"{unit.policy}, seed {unit.seed}, iteration {step.iteration}"
            progress.update(progress.task_ids[0], advance=1, description=what)

        return measure_progressive(names, seed_list, on_step=advance, **common)


def _measure_initial(
    policies: str, seeds: str, size: str, jobs: int, runs: Path, data_dir: Path | None
) -> Measured:
    from opscore.runs.measured import measure_initial

    names, seed_list, common = _asked(policies, seeds, size, jobs, runs, data_dir)
    with progress_bar("scoring", total=len(names) * len(seed_list) + 2) as progress:

        def advance(unit: Any, table: pd.DataFrame) -> None:
            progress.update(progress.task_ids[0], advance=1, description=unit.policy)

        return measure_initial(names, seed_list, on_done=advance, **common)


def _asked(
    policies: str, seeds: str, size: str, jobs: int, runs: Path, data_dir: Path | None
) -> tuple[list[str], tuple[int, ...], dict[str, Any]]:
    """Policy names, seeds, and the arguments that both kinds of measurement take."""
    from opscore.policies import split_names

    names = split_names(policies)
    if not names:
        raise UserError("no policy was asked for; for instance --policies 'zc-pt(nwot)'")
    common = {"size": size, "jobs": jobs, "store": runs, "data_dir": data_dir}
    return names, parse_seeds(seeds), common


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


def _claims_table(claims: pd.DataFrame) -> Table:
    """Every claim at iteration 0; later iterations are in claims.csv."""
    table = Table(
        title="The paper's claims at iteration 0; holds: sign as claimed and p below 0.05",
        caption="differences in later iterations: --json, or claims.csv in --out",
    )
    headings = ("claim", "against", "size", "published", "measured", "95 % interval", "p", "holds")
    for heading in headings:
        left = heading in {"claim", "against"}
        table.add_column(heading, justify="left" if left else "right", no_wrap=not left)
    for row in claims[claims["iteration"] == 0].itertuples():
        against = row.other if isinstance(row.other, str) else row.reference
        table.add_row(
            f"{row.claim} ({row.expected})",
            str(against),
            str(row.size),
            number(row.published, "+.2f"),
            number(row.estimate, "+.2f"),
            f"{number(row.ci_low, '+.2f')} .. {number(row.ci_high, '+.2f')}",
            number(row.p_value, ".2g"),
            str(row.holds),
        )
    return table


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
    table = Table(title="Mean over seeds, CIFAR-10; published in brackets")
    for heading in ("policy", "source", "seeds", "error %", "from .. to", "mean rank"):
        left = heading in {"policy", "source"}
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in summary.itertuples():
        table.add_row(
            str(row.policy),
            str(row.source).removeprefix("measured, "),
            str(row.n_seeds),
            f"{row.error:.2f} ({number(row.published_error, '.2f')})",
            f"{row.best_error:.2f} .. {row.worst_error:.2f}",
            f"{row.rank:,.0f} ({number(row.published_rank, ',.0f')})",
        )
    return table
