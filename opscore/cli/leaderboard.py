"""``opscore leaderboard`` and ``opscore power``: the board, entering it, and what it can show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opscore.answers import Answer
from opscore.cli.common import DataDirOption, QuietOption, print_written
from opscore.cli.options import Only, Runs, chosen, grouped
from opscore.cli.present import answering
from opscore.errors import UserError
from opscore.registry import split_names
from opscore.settings import ScoringSettings, Settings

app = typer.Typer(help="Policies and bars on the truths of a board; 'submit' and 'check' enter it.")

BoardOption = Annotated[
    str, typer.Option("--board", help="Version of a board that ships, or a TOML file.")
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(help="What ranks are by, of the board's references; else its first."),
]
#: What is said of scores that are computed for a board.
_SCORED = ("batch_size", "device", "data_dir")
#: The board that is meant where none is named, as :data:`opscore.board.LATEST`.
_LATEST = "2026.1"


@app.callback(invoke_without_command=True)
@answering(saves=True, doing="scoring")
def leaderboard(
    context: typer.Context,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Score --policies now and set them beside the others.")
    ] = False,
    settings: Annotated[
        ScoringSettings, Only("policies", "size", *_SCORED, policies="", batch_size=32)
    ],
    run: Runs,
    spaces: Annotated[
        str, typer.Option(help="With --live: spaces of the board to score them in; else all.")
    ] = "",
    board: BoardOption = _LATEST,
    reference: ReferenceOption = None,
) -> Answer | None:
    """Rank every entrant on every truth of a board, from what ships with the package."""
    if context.invoked_subcommand is not None:
        return None
    from opscore.board.result import leaderboard as made

    if bool(settings.policies) != live:
        raise UserError("--live scores what --policies names; the two go together")
    given: dict[str, Any] = {}
    if live:
        given = {**run.calls, **chosen(settings, "policies", "size", *_SCORED)}
        given["spaces"] = split_names(spaces) or None
    return made(board=board, reference=reference, **given)


@app.command()
@grouped
def submit(
    policy: Annotated[str, typer.Argument(help="The policy that is entered.")],
    folder: Annotated[Path, typer.Argument(help="Where the submission is written.")],
    authors: Annotated[str, typer.Option(help="Who enters it, separated by semicolons.")] = "",
    licence: Annotated[str, typer.Option(help="Of the policy's code.")] = "",
    bibtex: Annotated[str, typer.Option(help="How it is cited.")] = "",
    no_truth_was_read: Annotated[
        bool, typer.Option("--no-truth-was-read", help="Your word that no accuracy was looked at.")
    ] = False,
    board: BoardOption = _LATEST,
    *,
    settings: Annotated[Settings, Only(*_SCORED, batch_size=32)],
    run: Runs,
    quiet: QuietOption = False,
) -> None:
    """Score a policy on a board's spaces and write a folder that can be entered."""
    from opscore.board.submission import submit as write
    from opscore.progress import shown

    with shown("scoring", quiet=quiet):
        written = write(
            policy,
            folder,
            authors=[name.strip() for name in authors.split(";") if name.strip()],
            licence=licence,
            bibtex=bibtex,
            no_truth_was_read=no_truth_was_read,
            board=board,
            **run.calls,
            **chosen(settings, *_SCORED),
        )
    print_written(written)


@app.command()
@answering(doing="computing again")
def check(
    folder: Annotated[Path, typer.Argument(help="A submission.")],
    *,
    share: Annotated[
        float, typer.Option(help="Share of the scores that is computed again, drawn at random.")
    ] = 0.05,
    data_dir: DataDirOption = None,
) -> Answer:
    """Check a submission: complete, without truth, and the same when computed again."""
    from opscore.board.submission import check as checked

    return checked(folder, share=share, data_dir=data_dir)


@answering()
def power(
    *,
    difference: Annotated[float, typer.Option(help="Of mean rho, that is to be seen.")] = 0.1,
    policies: Annotated[
        str, typer.Option(help="Two entrants, separated by a comma; else the typical pair.")
    ] = "",
    runs: Annotated[
        Path | None, typer.Option(help="A run store; else the scores that ship.", exists=True)
    ] = None,
    board: BoardOption = _LATEST,
    reference: ReferenceOption = None,
) -> Answer:
    """Spaces, edges or seeds that show a difference between two entrants with 80 %."""
    from opscore.answers import Listing
    from opscore.board import read_board
    from opscore.board.result import leaderboard as made
    from opscore.board.result import stored
    from opscore.board.tables import power_table

    names = split_names(policies)
    if names and len(names) != 2:
        raise UserError(f"power is of two entrants, got {len(names)}")
    found = made(board=board) if runs is None else stored(runs, read_board(board))
    if reference is not None:
        found = found.against(reference)
    table = found.power(difference, (names[0], names[1]) if names else None)
    pair = " and ".join(names) if names else "the typical pair of entrants"
    settings = {"command": "power", "difference": difference, "policies": names, **found.facts()}
    return Listing([power_table(table, difference, pair)], {"power": table, "settings": settings})
