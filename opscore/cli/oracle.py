"""``opscore oracle``: what is true of each operation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from opscore.cli.common import DataDirOption, JsonOption, console, print_json


def oracle(
    space: Annotated[str, typer.Argument(help="Search space.")] = "nasbench201",
    dataset: Annotated[str, typer.Option(help="cifar10, cifar100 or imagenet16-120.")] = "cifar10",
    split: Annotated[str, typer.Option(help="test (published) or valid (Eq. 1).")] = "test",
    epochs: Annotated[int, typer.Option(help="Length of the benchmark's training.")] = 200,
    oracle_seeds: Annotated[
        str, typer.Option(help="How training seeds are reduced: max, mean, or an index.")
    ] = "max",
    source: Annotated[str, typer.Option(help="auto, table or anb.")] = "auto",
    noise: Annotated[
        bool, typer.Option("--noise", help="Also say how well the table agrees with itself.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Best and mean accuracy of each operation of A_0 (Eq. 1 and Eq. 2)."""
    from opscore.oracles import load_oracle, oracle_noise

    seeds = int(oracle_seeds) if oracle_seeds.isdigit() else oracle_seeds
    found = load_oracle(space, dataset, split, epochs, seeds, source, data_dir)
    table = found.table()
    agreement = asdict(oracle_noise(found)) if noise else None
    if as_json:
        settings = {"space": space, "dataset": dataset, "split": split, "epochs": epochs}
        settings |= {"seeds": seeds, "source": found.describe(), "sha256": found.sha256}
        payload = {"oracle": table, "settings": settings}
        print_json(payload if agreement is None else {**payload, "noise": agreement})
        return
    console.print(found.describe(), style="dim", highlight=False)
    for column, title in (("best", "best-acc (Eq. 1), %"), ("mean", "avg-acc (Eq. 2), %")):
        wide = table.pivot_table(index="edge", columns="op", values=column, sort=False)
        shown = Table("edge", *map(str, wide.columns), title=title)
        for edge, row in zip(wide.index, wide.to_numpy(), strict=True):
            shown.add_row(found.space.edges[int(edge)], *(f"{value:.2f}" for value in row))
        console.print(shown)
    for name, value in (agreement or {}).items():
        console.print(f"{name}: {value:,.3f}" if isinstance(value, float) else f"{name}: {value:,}")
