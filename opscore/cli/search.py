"""``opscore search``: search architectures, and say how good they are; ``opscore methods``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import (
    JsonOption,
    OutOption,
    console,
    exit_if_failed,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions, grouped
from opscore.cli.tables import number, rank_text, say_if_no_truth, short_dataset
from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from opscore.search.result import SearchResult

#: Columns of the summary that only some rows have.
_PUBLISHED = ("published", "published_std")


@grouped
def search(
    proxy: Annotated[str, typer.Option(help="Proxy S of the search; see 'opscore proxies'.")] = (
        "nwot"
    ),
    policy: Annotated[
        str, typer.Option(help="Proposals by zc-pt (Zero-Cost-PT) or disc-zc (Zero-Cost-Disc).")
    ] = "zc-pt",
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods to compare instead of one policy and proxy, separated by commas; see "
            "'opscore methods'."
        ),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            help="Edge order: fixed, random, global-op-iter, global-op-once, global-edge-iter, "
            "global-edge-once."
        ),
    ] = "random",
    order_meaning: Annotated[
        str,
        typer.Option(help="The order as the paper defines it (paper), or the authors' code."),
    ] = "paper",
    proposals: Annotated[int, typer.Option("--proposals", "-N", help="Proposals.")] = 10,
    validation: Annotated[
        int,
        typer.Option(
            "--validation", "-V", help="Minibatches of the validation stage; 0: the first proposal."
        ),
    ] = 100,
    validation_weights: Annotated[
        str,
        typer.Option(
            help="Weights of a candidate: once, one draw for all minibatches, as the authors; or "
            "redrawn, a new draw for each minibatch."
        ),
    ] = "once",
    race: Annotated[
        float | None,
        typer.Option(
            help="Score candidates no further that cannot win any more, at this confidence, for "
            "instance 0.99; without it all are scored on all minibatches.",
            show_default=False,
        ),
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="Networks that a sampling method may score.")
    ] = 1000,
    *,
    grid: RunOptions,
    networks: NetworkOptions,
    training: Annotated[
        str,
        typer.Option(help="Training profile of methods that train: paper, cpu, smoke; auto."),
    ] = "auto",
    truth: OracleOptions,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search with Zero-Cost-PT and other methods (Tables 2 and 5)."""
    from opscore.policies import split_names
    from opscore.progress import shown
    from opscore.search import SearchSettings
    from opscore.search.call import run_search
    from opscore.search.zero_cost import family_of

    names = split_names(methods) if methods is not None else [f"{family_of(policy)}({proxy})"]
    if not names:
        raise UserError("no search method was asked for; for instance --methods random")
    seeds = grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "order": order,
        "orders": order_meaning,
        "proposals": proposals,
        "validation": validation,
        "validation_weights": validation_weights,
        "race": race,
        "evaluations": evaluations,
        "training": training,
        **asdict(networks),
    }
    say_if_no_truth(SearchSettings(tuple(names), seeds, **settings))
    with shown("searching", quiet=grid.quiet or as_json):
        result = run_search(
            names,
            seeds,
            **grid.calls,
            **settings,
        )
    written = [] if out is None else result.save(out)
    if as_json:
        print_json(
            {
                "architectures": result.architectures,
                "summary": result.summary(),
                "candidates": result.candidates,
                "trace": result.trace,
                "costs": result.costs,
                "settings": result.record(),
            }
        )
        exit_if_failed([*result.candidates["status"], *result.trace["status"]])
        return
    print_notes(result.notes())
    console.print(_ends(result))
    console.print(_summary(result))
    print_written(written)
    exit_if_failed([*result.candidates["status"], *result.trace["status"]])


def methods(as_json: JsonOption = False) -> None:
    """List the search methods."""
    from opscore.search import METHODS

    rows = [
        {
            "method": f"{name}(PROXY)" if METHODS[name].check_argument else name,
            "summary": METHODS[name].summary,
        }
        for name in METHODS
    ]
    if as_json:
        print_json({"methods": rows})
        return
    table = Table("method", "what it is")
    for row in rows:
        table.add_row(row["method"], row["summary"])
    console.print(table)
    console.print("PROXY is a name from 'opscore proxies'.", style="dim")


def _ends(result: SearchResult) -> Table:
    """Where each search ended, with the error and rank on the truth's dataset."""
    frame = result.architectures
    datasets = list(dict.fromkeys(frame["dataset"]))
    asked = result.settings.oracle.dataset
    dataset = asked if asked in datasets else datasets[0]
    what = f"error and rank on {dataset}" if dataset else "no truth"
    table = Table(title=f"Architectures found: {what}")
    for column in ("method", "seed", "architecture"):
        table.add_column(column, overflow="fold")
    for column in ("error", "rank", "regret") if dataset else ():
        table.add_column(column, justify="right", no_wrap=True)
    for row in frame[frame["dataset"] == dataset].to_dict("records"):
        seed = "" if row["seed"] is None or row["seed"] != row["seed"] else str(row["seed"])
        table.add_row(
            str(row["method"]),
            seed.replace("<NA>", ""),
            str(row["architecture"]),
            *(_merit(row) if dataset else ()),
        )
    return table


def _merit(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    return number(row["error"], ".2f"), rank_text(row["rank"]), number(row["regret"], ".2f")


def _summary(result: SearchResult) -> Table:
    """Means over seeds with their interval, beside the published means if there are any."""
    frame = result.summary()
    if not result.settings.oracle.known:
        return _costs(frame)
    table = Table(title="Test error %, mean over seeds (standard deviation), 95 % interval")
    table.add_column("method", overflow="fold", min_width=len("zero-cost-disc"))
    table.add_column("dataset")
    published = bool(frame["published"].notna().any())
    seeds = frame.loc[frame["published_n"] > 0, "published_n"].max()
    for column in ("measured", "interval", *([f"published\n({seeds} seeds)"] if published else [])):
        table.add_column(column, justify="right")
    costs, previous = [], ""
    for row in frame.to_dict("records"):
        low, high = number(row["ci_low"], ".2f"), number(row["ci_high"], ".2f")
        first = row["method"] != previous
        previous = str(row["method"])
        if first:
            passes, seconds = f"{row['forward_passes']:,.0f}", f"{row['seconds']:,.0f}"
            costs.append(f"{previous}: seeds {row['n_seeds']}, scored {passes}, {seconds} s")
        table.add_row(
            previous if first else "",
            short_dataset(str(row["dataset"])),
            _with_deviation(row["error"], row["std"]),
            "-" if low == high == "-" else f"{low} - {high}",
            *([_with_deviation(*(row[name] for name in _PUBLISHED))] if published else []),
        )
    scored = "scored: networks x minibatches; s: seconds spent, added up over workers"
    table.caption = "; ".join(costs) + f"\n{scored}"
    return table


def _costs(frame: pd.DataFrame) -> Table:
    """What each method took: all that is known of it where there is no truth."""
    table = Table("method", title="Cost of a search, mean over seeds")
    for column in ("seeds", "networks x\nminibatches", "seconds"):
        table.add_column(column, justify="right")
    for row in frame.to_dict("records"):
        scored = (f"{row[name]:,.0f}" for name in ("forward_passes", "seconds"))
        table.add_row(str(row["method"]), str(row["n_seeds"]), *scored)
    return table


def _with_deviation(mean: object, deviation: object) -> str:
    """'6.28 (0.62)', without the deviation where there is none."""
    spread = number(deviation, ".2f")
    return number(mean, ".2f") + ("" if spread == "-" else f" ({spread})")
