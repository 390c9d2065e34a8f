"""``opscore proxies``: the zero-cost proxies, what they are worth on a table, and a check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.cite import cited
from opscore.cli.options import Only, StoreOnly, chosen
from opscore.cli.present import answering
from opscore.data.catalogue import PROXY_VALUES
from opscore.settings import Settings

if TYPE_CHECKING:
    from opscore.proxies import Proxy

app = typer.Typer(
    help="List the zero-cost proxies; 'check' compares them with published values, 'evaluate' "
    "with the accuracies of a table of architectures."
)

_COST_BATCH = 16

SeedOption = Annotated[int, typer.Option(help="Of weights and images.")]

#: Agreement of scores of operations, which are compared within each edge.
WITHIN = (
    Column("within", "within edges", "number", ".3f"),
    Column("within_low", "95 % interval", "number", ".3f", end="within_high"),
)

#: The settings that values of single networks depend on.
_EVALUATED = (
    *("space", "size", "meaning", "images", "batch_size", "data_dir"),
    *("device", "prove"),
)


@app.callback(invoke_without_command=True)
@answering(doing="measuring")
def proxies(
    context: typer.Context,
    cost: Annotated[
        bool, typer.Option(help="Also measure the seconds that a score takes (a few seconds).")
    ] = True,
    bibtex: Annotated[
        bool, typer.Option("--bibtex", help="Print what they are cited for, and nothing else.")
    ] = False,
) -> Answer | None:
    """List the zero-cost proxies: sign, mode, needs, source and measured cost."""
    if context.invoked_subcommand is not None:
        return None
    from opscore.proxies import get_proxy, list_proxies
    from opscore.published.sources import named

    if bibtex:
        return cited(list_proxies())
    found = [get_proxy(name) for name in list_proxies()]
    rows = [_describe(proxy) for proxy in found]
    if cost:
        for row, seconds in zip(rows, _costs(found), strict=True):
            row["seconds"] = seconds
    columns = (
        Column("proxy"),
        Column("better"),
        Column("mode"),
        Column("needs"),
        Column("source"),
        Column("seconds", kind="number"),
    )
    shown = pd.DataFrame(rows).assign(
        better=["larger" if row["higher_is_better"] else "smaller" for row in rows],
        needs=[", ".join(row["needs"]) for row in rows],
        source=[named(row["source"]) for row in rows],
    )
    hints = [
        f"seconds: one score of the whole supernet at size 'cpu', {_COST_BATCH} images."
    ] * cost
    for limits in dict.fromkeys(proxy.limits for proxy in found if proxy.limits):
        names = ", ".join(proxy.name for proxy in found if proxy.limits == limits)
        hints.append(f"{names}: {limits}.")
    names = "vote(P1,P2,...), rank-mean(P1,P2,...); tenas is rank-mean(ntk,linear_regions)"
    hints.append(f"Combinations, for zc-pt and disc-zc: {names}.")
    values = {"proxies": rows, "combinations": _combinations()}
    return Listing([Table("", columns, shown)], values, then=hints)


@app.command()
@answering(doing="scoring architectures")
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
        int, typer.Option(min=3, help="Architectures, or edges; the same ones at every call.")
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
) -> Answer:
    """Compare values with those that others published for the same architectures, or operations.

    Networks are scored on CIFAR-10 images, whatever the published values were computed on. Exit
    code 1 when a proxy agrees less than is asked of it: when its whole interval lies below. More
    architectures (--count) make the intervals narrower and the check sharper.
    """
    from opscore.data import FILES
    from opscore.paper.proxy_values import published_values

    table = published_values(against)
    rows, lacking = table.check(
        table.on(dataset, asked=not every),
        count,
        dataset,
        seed=seed,
        store=run.store,
        **chosen(settings, "size", "batch_size", "meaning", "device", "data_dir"),
    )
    about = {
        "size": settings.size,
        "batch_size": settings.batch_size,
        "seed": seed,
        "published": Path(FILES[table.name].path).name,
        "against": table.name,
        "dataset": dataset or table.dataset,
        "lacking": lacking,
    }
    words = {True: "yes", False: "no", None: "-"}
    frame = pd.DataFrame(rows).assign(agrees=[words[row["agrees"]] for row in rows])
    columns = (
        Column("proxy"),
        Column("spearman", "Spearman", "number", ".3f"),
        Column("ci_low", "95 % interval", "number", ".3f", end="ci_high"),
        *(WITHIN if "within" in frame else ()),
        Column("asked", kind="number"),
        Column("agrees", kind="status"),
        Column("n", kind="whole"),
        Column("n_excluded", "left out", "whole"),
        Column("seconds", kind="number"),
    )
    return Listing(
        [Table("", columns, frame)],
        {"check": rows, "settings": about},
        [f"not in the table that was found: {', '.join(lacking)}"] if lacking else [],
        wrong="" if any(row["agrees"] is False for row in rows) else None,
    )


@app.command()
@answering(saves=True, doing="scoring architectures")
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
) -> Answer:
    """Agreement of proxies with the accuracies of a table, and what it says of operations."""
    from opscore.data.architectures import read_architectures
    from opscore.experiments.evaluate import judge_proxies

    accuracies = read_architectures(
        settings.space, table, architecture=architecture, accuracy=accuracy
    )
    return judge_proxies(
        accuracies=accuracies,
        proxies=proxies,
        count=count,
        table=table.name,
        seed=seed,
        store=run.store,
        **chosen(settings, *_EVALUATED),
    )


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


def _costs(found: list[Proxy]) -> list[float]:
    """Seconds for one score of a whole supernet of each proxy."""
    from opscore.images import NoiseImages
    from opscore.progress import each, unit
    from opscore.supernets import build_supernet

    supernet = build_supernet(size="cpu")
    states = [supernet.space.initial_state()]
    batch = NoiseImages().minibatch(_COST_BATCH, 0, "cost")
    seconds = []
    with unit("measuring costs"):
        for proxy in each(found, "proxies"):
            seconds.append(proxy.scores(supernet, states, batch)[0].seconds)
    return seconds
