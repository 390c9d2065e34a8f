"""``opscore retraining`` and ``opscore toy-model``: the paper's two case studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opscore.answers.words import number
from opscore.cli.common import (
    BatchSizeOption,
    DataDirOption,
    DeviceOption,
    ImagesOption,
    JsonOption,
    OutOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    console,
    parse_lengths,
    parse_seeds,
    print_json,
    print_notes,
    print_written,
)

if TYPE_CHECKING:
    import pandas as pd


def retraining(
    edge: Annotated[str, typer.Option(help="Edge to discretize, by index or name.")] = "0",
    epochs: Annotated[int, typer.Option(help="Epochs of retraining.")] = 20,
    seeds: SeedsOption = "0",
    size: SizeOption = "cpu",
    training: Annotated[
        str,
        typer.Option(help="Training profile: paper, cpu, smoke; auto has the name of the size."),
    ] = "auto",
    images: ImagesOption = "auto",
    runs: RunsOption = Path("runs"),
    out: OutOption = None,
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Discretize one edge of a trained supernet, retrain, and watch each operation's accuracy."""
    from opscore.paper.retraining.result import retraining as run_retraining
    from opscore.progress import shown

    seed_list = parse_seeds(seeds)
    with shown("retraining", quiet=quiet or as_json):
        result = run_retraining(
            int(edge) if edge.isdigit() else edge,
            epochs,
            seed_list,
            store=runs,
            size=size,
            training=training,
            images=images,
            device=device,
            data_dir=data_dir,
        )
    written = [] if out is None else result.save(out)
    if as_json:
        tables = {"curves": result.curves, "correlation": result.correlation}
        print_json({**tables, "settings": result.record()})
        return
    print_notes(result.notes())
    console.print(_curves_table(result.curves, result.correlation))
    print_written(written)


def toy_model(
    live: Annotated[
        bool, typer.Option("--live", help="Compute now; else what comes with the package.")
    ] = False,
    lengths: Annotated[
        str, typer.Option(help="Edges in the chain, such as 1-6; time grows as 4^length.")
    ] = "1-4",
    seeds: SeedsOption = "0-3",
    batch_size: BatchSizeOption = 64,
    images: ImagesOption = "auto",
    runs: RunsOption = Path("runs"),
    out: OutOption = None,
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Perturbation against discretization on a chain of edges, as it gets deeper."""
    from opscore.paper.toy_model.result import shipped_toy_model
    from opscore.paper.toy_model.result import toy_model as run_toy_model
    from opscore.progress import shown

    if live:
        length_list, seed_list = parse_lengths(lengths), parse_seeds(seeds)
        with shown("scoring", quiet=quiet or as_json):
            result = run_toy_model(
                length_list,
                seed_list,
                store=runs,
                batch_size=batch_size,
                images=images,
                device=device,
                data_dir=data_dir,
            )
    else:
        result = shipped_toy_model()
    written = [] if out is None else result.save(out)
    if as_json:
        print_json({"toy_model": result.against_published(), "settings": result.settings})
        return
    print_notes(result.notes())
    console.print(_toy_table(result.against_published()))
    print_written(written)


def _curves_table(curves: pd.DataFrame, correlation: pd.DataFrame) -> Table:
    """Mean accuracy over seeds, a row for each epoch and a column for each operation."""
    truth = curves.groupby("op", sort=False)["best_acc"].first().sort_values(ascending=False)
    table = Table(title="Supernet accuracy in percent, mean over seeds; best-acc in the heading")
    table.add_column("epoch", justify="right")
    for op, best in truth.items():
        table.add_column(f"{op}\n{best:.2f}", justify="right")
    for heading in ("spread", "rho"):
        table.add_column(heading, justify="right")
    means = curves.groupby(["epoch", "op"])["accuracy"].mean().to_dict()
    for row in correlation.to_dict(orient="records"):
        cells = [number(means[row["epoch"], op], ".1f") for op in truth.index]
        last = number(row["spread"], ".1f"), number(row["rho"], "+.2f")
        table.add_row(str(row["epoch"]), *cells, *last)
    return table


def _toy_table(rows: pd.DataFrame) -> Table:
    table = Table(title="Toy model, mean over seeds; published (one seed, clean) in brackets")
    headings = ("counting", "edges", "policy", "rho to best-nwot", "rank of skip", "skips", "seeds")
    for heading in headings:
        left = heading in {"counting", "policy"}
        table.add_column(heading, justify="left" if left else "right")
    for row in rows.itertuples():
        table.add_row(
            str(row.meaning),
            str(row.length),
            str(row.policy),
            f"{row.rho:+.2f} ({number(row.published_rho, '+.2f')})",
            f"{row.rank_skip_connect:.2f} ({number(row.published_rank_skip_connect, '.2f')})",
            f"{row.skips:.2f} ({number(row.published_skips, '.0f')})",
            str(row.n_seeds),
        )
    return table
