"""``opscore progressive``: score, discretize one edge, and so on to an architecture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import (
    JsonOption,
    OutOption,
    PoliciesOption,
    console,
    exit_if_failed,
    parse_policies,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions, grouped
from opscore.cli.tables import (
    failure_lines,
    number,
    pairs_once,
    say_if_no_truth,
    selection_table,
)
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.experiments.progressive.result import ProgressiveResult

#: Parts that the iterations are cut into where only some of them are shown.
_SHOWN = 4


@grouped
def progressive(
    policies: PoliciesOption = "zc-pt(nwot)",
    *,
    grid: RunOptions,
    order: Annotated[
        str,
        typer.Option(help="fixed (as published), random (drawn for each seed), or 3,0,1,2,4,5."),
    ] = "fixed",
    retrain_epochs: Annotated[
        str | None,
        typer.Option(
            help="Epochs of retraining after each discretization: 5, or disc-acc=25,darts-pt=5; "
            "else the training profile's."
        ),
    ] = None,
    oracle: Annotated[
        str,
        typer.Option(
            help="Compare with best-acc of A_0 (initial, as published) or of each policy's own "
            "A_t (conditional, Eq. 1)."
        ),
    ] = "initial",
    training: Annotated[
        str,
        typer.Option(help="Training profile: paper, cpu, smoke; auto has the name of the size."),
    ] = "auto",
    networks: NetworkOptions,
    truth: OracleOptions,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Start from this supernet (.npz, .pt), not a fresh one.")
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score all open edges, discretize the next one, and go on (Figure 2, right)."""
    from opscore.experiments import ScoringSettings
    from opscore.experiments.progressive.call import progressive as run_progressive
    from opscore.progress import shown

    names, seeds = parse_policies(policies), grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "training": training,
        "checkpoint": checkpoint,
        **asdict(networks),
    }
    say_if_no_truth(ScoringSettings(tuple(names), seeds, **settings))
    with shown("scoring", quiet=grid.quiet or as_json):
        result = run_progressive(
            names,
            seeds,
            order=_parse_order(order),
            retrain_epochs=_parse_epochs(retrain_epochs),
            oracle_mode=oracle,
            **grid.calls,
            **settings,
        )
    written = [] if out is None else result.save(out)
    if as_json:
        print_json(
            {
                "correlation": result.correlation(),
                "agreement": result.agreement,
                "selection": result.architectures,
                "decisions": result.decisions,
                "scores": result.scores,
                "settings": result.record(),
            }
        )
        exit_if_failed(result.scores["status"])
        return
    _report(result)
    print_written(written)
    exit_if_failed(result.scores["status"])


def _parse_order(text: str) -> str | list[int | str]:
    """A named order, or edges by index or name, separated by commas."""
    if "," not in text:
        return text
    parts = [part.strip() for part in text.split(",")]
    return [int(part) if part.isdigit() else part for part in parts if part]


def _parse_epochs(text: str | None) -> int | dict[str, int] | None:
    """One number of epochs, or one for each policy that is named."""
    if text is None:
        return None
    if text.strip().isdigit():
        return int(text)
    found: dict[str, int] = {}
    for part in text.split(","):
        policy, _, number = part.rpartition("=")
        if not policy.strip() or not number.strip().isdigit():
            raise UserError(f"bad epochs '{text}'; the form is 5 or disc-acc=25,darts-pt=5")
        found[policy.strip()] = int(number)
    return found


def _report(result: ProgressiveResult) -> None:
    print_notes([*result.notes(), *failure_lines(result.scores)])
    if result.settings.oracle.known:
        console.print(_curves(result))
    elif not result.agreement.empty:
        console.print(_agreement(result))
    table = selection_table(result.architectures, result.settings.oracle.dataset)
    what = "error, rank on the truth's dataset" if result.settings.oracle.known else "no truth"
    table.title = f"Architecture that each search ended on: {what}"
    console.print(table)


def _agreement(result: ProgressiveResult) -> Table:
    """Each pair of policies at a few iterations, and in how many decisions they were alike."""
    rows = pairs_once(result.agreement)
    edges = rows.groupby("iteration")["n_edges"].max()
    edges = edges[edges > 0]
    last = len(edges) - 1
    shown = edges.iloc[sorted({round(last * part / _SHOWN) for part in range(_SHOWN + 1)})]
    table = Table(title="No truth: Spearman between policies by iteration (open edges)")
    for heading in ("policy", "and"):
        table.add_column(heading, overflow="fold")
    for iteration, count in shown.items():
        table.add_column(f"{iteration} ({count})", justify="right", no_wrap=True)
    table.add_column("same\nchoice", justify="right")
    for (policy, other), pair in rows.groupby(["policy", "reference"], sort=False):
        rho = pair.set_index("iteration")["rho"].to_dict()
        alike = result.same_choices(str(policy), str(other))
        table.add_row(
            str(policy),
            str(other),
            *(number(rho.get(iteration), "+.2f") for iteration in shown.index),
            f"{100 * alike:.0f} %",
        )
    table.caption = "says how alike policies are, not which is right; --json has every iteration"
    return table


def _curves(result: ProgressiveResult) -> Table:
    """Measured correlations of each policy, their interval, and any published ones below."""
    correlation = result.correlation()
    edges = correlation.groupby("iteration")["n_edges"].max()
    truth = "A_0" if result.oracle_mode == "initial" else "each policy's own A_t"
    table = Table(
        title=f"Spearman with best-acc of {truth}, by iteration (open edges); 95 % interval"
    )
    table.add_column("policy", no_wrap=True)
    table.add_column("", no_wrap=True)
    for iteration, count in edges.items():
        table.add_column(f"{iteration} ({count})", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right")
    left_out = int(correlation["n_excluded"].sum())
    if left_out:
        table.caption = f"{left_out} (seed, edge) rows left out: constant or failed; see --json"
    against = result.against_published()
    published = bool(against["published"].notna().any())
    for policy, rows in against.groupby("policy", sort=False):
        by_iteration = rows.set_index("iteration").reindex(edges.index)
        _add_curve(table, str(policy), by_iteration, published=published)
    return table


def _add_curve(table: Table, policy: str, rows: pd.DataFrame, *, published: bool) -> None:
    def line(column: str) -> list[str]:
        return [number(value, "+.2f") for value in rows[column].tolist()]

    table.add_row(policy, "measured", *line("measured"), str(int(rows["n_seeds"].max())))
    table.add_row("", "low", *line("ci_low"), style="dim")
    table.add_row("", "high", *line("ci_high"), style="dim", end_section=not published)
    if published:
        table.add_row("", "published", *line("published"), end_section=True)
