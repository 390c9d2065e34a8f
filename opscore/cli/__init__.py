"""The ``opscore`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from opscore.cli import (
    data,
    leaderboard,
    listing,
    networks,
    oracle,
    paper_tables,
    proxies,
    replay,
    runs,
)
from opscore.cli.batch import batch
from opscore.cli.cite import cite
from opscore.cli.common import notes_as_lines
from opscore.cli.doctor import doctor
from opscore.cli.ending import ended
from opscore.cli.figures import figure2, table1
from opscore.cli.initial import initial
from opscore.cli.live import LiveCommand, LiveGroup
from opscore.cli.own import evaluate, score
from opscore.cli.progressive import progressive
from opscore.cli.records import records
from opscore.cli.report import report
from opscore.cli.search import methods, search
from opscore.cli.search_tables import figure4, search_cost, table2, table5
from opscore.cli.spaces import compare_spaces
from opscore.cli.studies import alphas, retraining, toy_model

#: What users set where they choose themselves how threads that have nothing to do wait.
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

app = typer.Typer(
    name="opscore",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="How well do the operation scores of differentiable architecture search agree with the "
    "truth? Start with [bold]opscore initial[/bold] (score a fresh supernet, compare with "
    "NAS-Bench-201), look at what the paper's authors measured with [bold]opscore replay[/bold], "
    "and see what there is to choose from with [bold]opscore policies[/bold] and "
    "[bold]opscore proxies[/bold].",
)
app.command(rich_help_panel="Measure")(initial)
app.command(rich_help_panel="Measure")(progressive)
app.command(rich_help_panel="Search")(search)
app.command(cls=LiveCommand, rich_help_panel="Measure")(figure2)
app.command(cls=LiveCommand, rich_help_panel="Measure")(table1)
app.command(rich_help_panel="Measure")(batch)
app.command("compare-spaces", cls=LiveCommand, rich_help_panel="Measure")(compare_spaces)
app.add_typer(leaderboard.app, name="leaderboard", cls=LiveGroup, rich_help_panel="Measure")
app.command(rich_help_panel="Measure")(leaderboard.power)
app.command(rich_help_panel="Measure")(retraining)
app.command(rich_help_panel="Measure")(alphas)
app.command("toy-model", cls=LiveCommand, rich_help_panel="Measure")(toy_model)
app.add_typer(replay.app, name="replay", rich_help_panel="Measure")
for _command in (table2, table5, figure4, search_cost):
    app.command(cls=LiveCommand, rich_help_panel="Search")(_command)
for _number, _help in paper_tables.TRAINED.items():
    app.command(f"table{_number}", help=_help, rich_help_panel="Search")(
        paper_tables.trained(_number)
    )
app.command(rich_help_panel="Search")(paper_tables.claims)
app.command(rich_help_panel="Measure")(score)
app.command(rich_help_panel="Measure")(evaluate)
for _command in (networks.build, networks.show, networks.export, networks.train):
    app.command(rich_help_panel="Network")(_command)
app.command(rich_help_panel="Look up")(oracle.oracle)
app.command(rich_help_panel="Look up")(listing.policies)
app.command(rich_help_panel="Look up")(methods)
app.add_typer(proxies.app, name="proxies", rich_help_panel="Look up")
app.command(rich_help_panel="Look up")(listing.spaces)
app.command(rich_help_panel="Look up")(records)
app.command(rich_help_panel="Look up")(cite)
app.command(rich_help_panel="Look up")(doctor)
app.command(rich_help_panel="Data")(report)
app.add_typer(runs.app, name="runs", rich_help_panel="Data")
app.add_typer(data.app, name="data", rich_help_panel="Data")


@app.callback(invoke_without_command=True)
def _top(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from opscore import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    _let_waiting_threads_sleep()
    with notes_as_lines():
        code = ended(lambda: app(args=arguments, standalone_mode=False))
    sys.exit(code)


def _let_waiting_threads_sleep() -> None:
    """For this process and its workers; it holds if nothing has loaded OpenMP before.

    By default a thread that waits for another keeps its core busy. Where other programs want the
    same core it holds up the very thread it waits for.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
