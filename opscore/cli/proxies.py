"""``opscore proxies``: the zero-cost proxies, and a check of them against published values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    console,
    print_json,
    print_notes,
)

if TYPE_CHECKING:
    from opscore.proxies import Proxy

app = typer.Typer(help="List the zero-cost proxies; 'check' compares them with published values.")

_COST_BATCH = 16


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
    names = "vote(P1,P2,...), rank-mean(P1,P2,...); tenas is rank-mean(ntk,linear_regions)"
    console.print(f"Combinations, for zc-pt and disc-zc: {names}.", style="dim", highlight=False)


@app.command()
def check(
    against: Annotated[
        str,
        typer.Option(
            help="Table of published values: nasbench201-proxies, nasbench201-zen, transnas-micro."
        ),
    ] = "nasbench201-proxies",
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset or task of the published values.", show_default=False),
    ] = None,
    count: Annotated[
        int, typer.Option(min=3, help="Architectures; the same ones at every call.")
    ] = 200,
    size: Annotated[str, typer.Option(help="Of the networks; published: paper.")] = "paper",
    batch_size: Annotated[int, typer.Option(help="Images; published: probably 32.")] = 32,
    seed: Annotated[int, typer.Option(help="Of weights and images.")] = 0,
    store: Annotated[
        Path, typer.Option(help="File that keeps finished values; a stopped run goes on from it.")
    ] = Path("runs/proxies-check.parquet"),
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Compare values with those that others published for the same architectures.

    Networks are scored on CIFAR-10 images, whatever the published values were computed on. Exit
    code 1 when a proxy agrees less than is asked of it.
    """
    from opscore.data import get_file
    from opscore.experiments.evaluate import evaluate_proxies
    from opscore.progress import shown
    from opscore.published.proxy_values import compare, compared_proxy, published_values

    table = published_values(against)
    published = table.read(count, dataset, data_dir)
    compared = tuple(row for row in table.on(dataset) if row.column in published)
    lacking = [row.column for row in table.on(dataset) if row.column not in published]
    with shown("scoring architectures", quiet=quiet or as_json):
        values = evaluate_proxies(
            table.space,
            published.index.tolist(),
            [compared_proxy(row.proxy) for row in compared],
            size=size,
            images="cifar10",
            batch_size=batch_size,
            seed=seed,
            device=device,
            data_dir=data_dir,
            store=store,
        )
    rows = compare(values, published, compared)
    if as_json:
        settings = {
            "size": size,
            "batch_size": batch_size,
            "seed": seed,
            "published": Path(get_file(table.name).path).name,
            "against": table.name,
            "dataset": dataset or table.dataset,
            "lacking": lacking,
        }
        print_json({"check": rows, "settings": settings})
    else:
        console.print(_check_table(rows))
        if lacking:
            print_notes([f"not in the table that was found: {', '.join(lacking)}"])
    if any(row["agrees"] is False for row in rows):
        raise typer.Exit(1)


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
