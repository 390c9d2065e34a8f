"""``opscore proxies``: the zero-cost proxies, what they are worth on a table, and a check."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.answers.words import interval_text, number
from opscore.cli.common import (
    JsonOption,
    OutOption,
    QuietOption,
    console,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import Only, StoreOnly, chosen, grouped
from opscore.data.catalogue import PROXY_VALUES
from opscore.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from opscore.proxies import Proxy

app = typer.Typer(
    help="List the zero-cost proxies; 'check' compares them with published values, 'evaluate' "
    "with the accuracies of a table of architectures."
)

_COST_BATCH = 16

SeedOption = Annotated[int, typer.Option(help="Of weights and images.")]

#: The settings that values of single networks depend on.
_EVALUATED = (
    *("space", "size", "meaning", "images", "batch_size", "data_dir"),
    *("device", "prove"),
)


@app.callback(invoke_without_command=True)
def proxies(
    context: typer.Context,
    cost: Annotated[
        bool, typer.Option(help="Also measure the seconds that a score takes (a few seconds).")
    ] = True,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the zero-cost proxies: sign, mode, needs, source and measured cost."""
    if context.invoked_subcommand is not None:
        return
    from opscore.proxies import get_proxy, list_proxies

    found = [get_proxy(name) for name in list_proxies()]
    rows = [_describe(proxy) for proxy in found]
    if cost:
        for row, seconds in zip(rows, _costs(found, quiet=quiet or as_json), strict=True):
            row["seconds"] = seconds
    if as_json:
        print_json({"proxies": rows, "combinations": _combinations()})
        return
    table = Table("proxy", "better", "mode", "needs", "source", *(["seconds"] if cost else []))
    for row in rows:
        better = "larger" if row["higher_is_better"] else "smaller"
        cells = [row["proxy"], better, row["mode"], ", ".join(row["needs"]), row["source"]]
        table.add_row(*cells, *([f"{row['seconds']:.2f}"] if cost else []))
    console.print(table)
    if cost:
        console.print(
            f"seconds: one score of the whole supernet at size 'cpu', {_COST_BATCH} images.",
            style="dim",
        )
    for limits in dict.fromkeys(proxy.limits for proxy in found if proxy.limits):
        names = ", ".join(proxy.name for proxy in found if proxy.limits == limits)
        console.print(f"{names}: {limits}.", style="dim", highlight=False)
    names = "vote(P1,P2,...), rank-mean(P1,P2,...); tenas is rank-mean(ntk,linear_regions)"
    console.print(f"Combinations, for zc-pt and disc-zc: {names}.", style="dim", highlight=False)


@app.command()
@grouped
def check(
    against: Annotated[
        str,
        typer.Option(help=f"Table of published values: {', '.join(PROXY_VALUES)}."),
    ] = PROXY_VALUES[0],
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset or task of the published values.", show_default=False),
    ] = None,
    count: Annotated[
        int, typer.Option(min=3, help="Architectures; the same ones at every call.")
    ] = 20,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also proxies of which nothing is asked, for two published draws of them agree "
            "too little; they take as long as the others together.",
        ),
    ] = False,
    *,
    settings: Annotated[
        Settings, Only("size", "batch_size", "meaning", "device", "data_dir", batch_size=32)
    ],
    seed: SeedOption = 0,
    run: StoreOnly,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare values with those that others published for the same architectures.

    Networks are scored on CIFAR-10 images, whatever the published values were computed on. Exit
    code 1 when a proxy agrees less than is asked of it: when its whole interval lies below. More
    architectures (--count) make the intervals narrower and the check sharper.
    """
    from opscore.data import get_file
    from opscore.experiments.evaluate import evaluate_proxies
    from opscore.paper.proxy_values import compare, compared_proxy, published_values
    from opscore.progress import shown

    table = published_values(against)
    published = table.read(count, dataset, settings.data_dir)
    wanted = table.on(dataset, asked=not every)
    compared = tuple(row for row in wanted if row.column in published)
    lacking = [row.column for row in wanted if row.column not in published]
    with shown("scoring architectures", quiet=quiet or as_json):
        values = evaluate_proxies(
            table.space,
            published.index.tolist(),
            [compared_proxy(row.proxy) for row in compared],
            images="cifar10",
            seed=seed,
            store=run.store,
            **chosen(settings, "size", "batch_size", "meaning", "device", "data_dir"),
        )
    rows = compare(values, published, compared)
    if as_json:
        about = {
            "size": settings.size,
            "batch_size": settings.batch_size,
            "seed": seed,
            "published": Path(get_file(table.name).path).name,
            "against": table.name,
            "dataset": dataset or table.dataset,
            "lacking": lacking,
        }
        print_json({"check": rows, "settings": about})
    else:
        console.print(_check_table(rows))
        if lacking:
            print_notes([f"not in the table that was found: {', '.join(lacking)}"])
    if any(row["agrees"] is False for row in rows):
        raise typer.Exit(1)


@app.command()
@grouped
def evaluate(
    table: Annotated[
        Path, typer.Argument(help="Parquet or CSV file of architectures with accuracies.")
    ],
    proxies: Annotated[
        str, typer.Option(help="Proxies, separated by commas; see 'opscore proxies'.")
    ] = "nwot,synflow,params,flops",
    architecture: Annotated[
        str | None,
        typer.Option(help="Column of architectures; else found by its name.", show_default=False),
    ] = None,
    accuracy: Annotated[
        str | None,
        typer.Option(
            help="Column of accuracies; else the only one of numbers.", show_default=False
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=3, help="Score only the first so many architectures.", show_default=False),
    ] = None,
    *,
    settings: Annotated[Settings, Only(*_EVALUATED, batch_size=64)],
    seed: SeedOption = 0,
    run: StoreOnly,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Agreement of proxies with the accuracies of a table, and what it says of operations."""
    from opscore.analysis import agreement_of_halves, operation_estimates
    from opscore.data.architectures import read_architectures
    from opscore.data.files import write_table
    from opscore.experiments.evaluate import evaluate_proxies, proxy_correlations
    from opscore.progress import shown

    space = settings.space
    accuracies = read_architectures(space, table, architecture=architecture, accuracy=accuracy)
    scored = accuracies.index.tolist()[:count]
    with shown("scoring architectures", quiet=quiet or as_json):
        values = evaluate_proxies(
            architectures=scored,
            proxies=proxies,
            seed=seed,
            store=run.store,
            **chosen(settings, *_EVALUATED),
        )
    agreement = proxy_correlations(values, accuracies)
    estimates = operation_estimates(space, accuracies)
    halves = agreement_of_halves(space, accuracies)
    tables = {"values": values, "agreement": agreement, "estimates": estimates}
    written = (
        []
        if out is None
        else [write_table(out / f"{name}.parquet", frame) for name, frame in tables.items()]
    )
    if as_json:
        about = {
            **{"space": space, "table": table.name, "n_architectures": len(accuracies)},
            **{name: values[name].iloc[0] for name in ("size", "images", "batch_size", "seed")},
            "agreement_of_halves": halves,
        }
        print_json({**tables, "settings": about})
        return
    first = values.iloc[0]
    print_notes(
        [
            f"accuracies: {table.name}, {len(accuracies):,} architectures of {space}, "
            f"{len(scored):,} of them scored",
            f"networks: {settings.size} size{'' if settings.size == 'paper' else ' (reduced)'}; "
            f"images: {first['images']}, batch {settings.batch_size}; seed {seed}",
        ]
    )
    console.print(_agreement_table(agreement))
    console.print(_estimate_table(estimates, halves))
    print_written(written)


def _agreement_table(rows: pd.DataFrame) -> Table:
    table = Table(title="Agreement of proxies with the table's accuracies (95 % interval)")
    for heading in ("proxy", "among"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Spearman", "interval", "Kendall", "given params", "n", "left out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        table.add_row(
            row["proxy"],
            row["subset"],
            number(row["spearman"], "+.3f"),
            interval_text(row["spearman_low"], row["spearman_high"]),
            number(row["kendall"], "+.3f"),
            number(row["partial"], "+.3f"),
            str(row["n"]),
            str(row["n_excluded"]),
        )
    return table


def _estimate_table(rows: pd.DataFrame, halves: float) -> Table:
    """Operations down, kinds of edges across: mean, standard error, number of architectures."""
    kinds = rows[rows["level"] == "kind"]
    names = list(dict.fromkeys(kinds["where"]))
    table = Table(title="Estimate, not a truth: mean accuracy of the table's cells that have it")
    table.add_column("operation", no_wrap=True)
    for name in names:
        table.add_column(f"{name}: estimate (s.e., n)", justify="right", no_wrap=True)
    cells = {
        (row["op"], row["where"]): f"{number(row['estimate'], '.2f')} "
        f"({number(row['standard_error'], '.2f')}, {row['n']})"
        for row in kinds.to_dict("records")
    }
    for op in dict.fromkeys(kinds["op"]):
        table.add_row(str(op), *(cells.get((op, name), "-") for name in names))
    table.caption = (
        "edge by edge with --json or --out; two halves of the table agree by a Spearman of "
        f"{number(halves, '+.2f')} within each edge"
    )
    return table


def _check_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("proxy", "Spearman", "95 % interval", "asked", "n", "left out", "seconds")
    for row in rows:
        asked = "-" if row["asked"] is None else f"{row['asked']:.2f}"
        style = "red" if row["agrees"] is False else None
        table.add_row(
            row["proxy"],
            "-" if math.isnan(row["spearman"]) else f"{row['spearman']:.3f}",
            "-" if math.isnan(row["ci_low"]) else f"{row['ci_low']:.3f} to {row['ci_high']:.3f}",
            asked,
            str(row["n"]),
            str(row["n_excluded"]),
            f"{row['seconds']:.2f}",
            style=style,
        )
    return table


def _describe(proxy: Proxy) -> dict[str, Any]:
    return {
        "proxy": proxy.name,
        "higher_is_better": proxy.higher_is_better,
        "mode": proxy.mode,
        "needs": sorted(proxy.needs),
        "source": proxy.source,
        "limits": proxy.limits,
        "meanings_differ": proxy.clean is not None or proxy.survivors != "theta",
    }


def _combinations() -> list[str]:
    from opscore.proxies import ALIASES, COMBINATIONS

    return [*(f"{name}(P1,P2,...)" for name in COMBINATIONS), *ALIASES]


def _costs(found: list[Proxy], *, quiet: bool) -> list[float]:
    """Seconds for one score of a whole supernet of each proxy."""
    from opscore.images import NoiseImages
    from opscore.progress import each, shown, unit
    from opscore.supernets import build_supernet

    supernet = build_supernet(size="cpu")
    states = [supernet.space.initial_state()]
    batch = NoiseImages().minibatch(_COST_BATCH, 0, "cost")
    seconds = []
    with shown("measuring", quiet=quiet), unit("measuring costs"):
        for proxy in each(found, "proxies"):
            seconds.append(proxy.scores(supernet, states, batch)[0].seconds)
    return seconds
