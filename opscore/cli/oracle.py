"""``opscore oracle``: the truth, per edge and operation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich import box
from rich.table import Table

from opscore.answers.words import number
from opscore.cli.common import DataDirOption, JsonOption, console, print_json
from opscore.cli.options import Only, grouped
from opscore.settings import OracleSettings
from opscore.spaces import DEFAULT_SPACE
from opscore.typed import keywords

if TYPE_CHECKING:
    import pandas as pd

    from opscore.oracles import Oracle, OracleNoise


@grouped
def oracle(
    space: Annotated[str, typer.Argument(help="Search space.")] = DEFAULT_SPACE,
    *,
    asked: Annotated[OracleSettings, Only(flags={"source": ("--source",)})],
    noise: Annotated[
        bool, typer.Option("--noise", help="Also how well the table agrees with itself over seeds.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Best accuracy (Eq. 1) and mean accuracy (Eq. 2) of each operation on each edge."""
    from opscore.analysis import agreement_between_trainings
    from opscore.oracles import load_oracle

    truth = load_oracle(space, data_dir=data_dir, **keywords(asked))
    measured = truth.noise() if noise else None
    itself = agreement_between_trainings(truth) if noise else None
    if as_json:
        extra = {} if measured is None else {"noise": asdict(measured), "references": itself}
        print_json({"oracle": truth.table(), "settings": _settings(truth), **extra})
        return
    console.print(_table(truth))
    console.print(truth.describe(), style="dim", highlight=False, markup=False)
    if measured is not None and itself is not None:
        console.print(_noise_table(measured))
        if len(itself):
            console.print(_references_table(itself))


def _settings(truth: Oracle) -> dict[str, object]:
    return {
        "space": truth.space.name,
        "dataset": truth.dataset,
        "split": truth.split,
        "epochs": truth.epochs,
        "oracle_seeds": truth.seeds,
        "n_trials": truth.n_trials,
        "note": truth.note,
        "source": truth.source,
        "sha256": truth.sha256,
        "description": truth.describe(),
    }


def _table(truth: Oracle) -> Table:
    """One row per edge and statistic, the best operation in bold."""
    frame = truth.table()
    operations = list(dict.fromkeys(frame["op"]))
    unit = f", {truth.metric.unit}" if truth.metric.unit else ""
    title = f"{truth.dataset} {truth.metric.name} of the operations of {truth.space.name}{unit}"
    table = Table("edge", "", title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    table.collapse_padding = True  # it fits into 80 columns
    for name in operations:
        table.add_column(name, justify="right")
    for edge, rows in frame.groupby("edge"):
        name = truth.space.edges[int(str(edge))]
        for statistic in ("best", "mean"):
            values = dict(zip(rows["op"], rows[statistic], strict=True))
            cells = [_cell(values.get(op), float(rows[statistic].max())) for op in operations]
            label = name if statistic == "best" else ""
            table.add_row(label, statistic, *cells, end_section=statistic == "mean")
    return table


def _cell(value: float | None, best: float) -> str:
    if value is None:
        return ""
    text = f"{value:.2f}" if abs(best) >= 10 else f"{value:.4f}"
    return f"[bold]{text}[/bold]" if value == best else text


def _noise_table(noise: OracleNoise) -> Table:
    table = Table(f"agreement of the table with itself: {noise.basis}", "")
    if np.isnan(noise.spearman):
        table.add_row("architectures in these", f"{noise.n_repeated:,}")
        table.add_row("standard deviation within a group, mean", f"{noise.std:.3g}")
        return table
    table.add_row("architectures trained at least twice", f"{noise.n_repeated:,}")
    table.add_row("standard deviation over seeds, percentage points", f"{noise.std:.3f}")
    table.add_row("Spearman between two trainings", f"{noise.spearman:.3f}")
    table.add_row(f"the same among the best {noise.top:,}", f"{noise.spearman_top:.3f}")
    return table


def _references_table(rows: pd.DataFrame) -> Table:
    """How far each reference agrees with itself: what a policy's agreement is to be read beside."""
    table = Table(
        "what operations are worth, from one training against another",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("Spearman\nper edge", "edge-\nspecific"):
        table.add_column(heading, justify="right")
    for row in rows.itertuples():
        values = (number(row.rho, "+.2f"), number(row.edge_specific, "+.2f"))
        table.add_row(str(row.reference), *values)
    table.caption = (
        f"mean over {rows['n_draws'].iloc[0]} draws of two trainings of every architecture; what "
        "agrees with the accuracies behind both may agree with either a little more"
    )
    return table
