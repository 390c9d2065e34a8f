"""``opscore leaderboard`` and ``opscore power``: the board, entering it, and what it can show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JobsOption,
    JsonOption,
    OutOption,
    QuietOption,
    RunsOption,
    console,
    parse_policies,
    print_json,
    print_notes,
    print_written,
)
from opscore.cli.tables import interval_text, number, p_text

if TYPE_CHECKING:
    import pandas as pd

    from opscore.board.result import Leaderboard

app = typer.Typer(
    help="Every policy on every truth, next to the bars; 'submit' and 'check' enter the board."
)

BoardOption = Annotated[
    str, typer.Option("--board", help="Version of a board that ships, or a TOML file.")
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(help="What ranks are by, of the board's references; else its first."),
]
#: The board that is meant where none is named, as :data:`opscore.board.LATEST`.
_LATEST = "2026.1"

#: Pairs of this many entrants are printed; all are in --json and --out.
_MATRIX = 8

_BIAS = (
    *("rho with\nparameters", "place\nof skip", "its place\nin truth", "rho"),
    *("without\nsize", "seconds\na seed"),
)


@app.callback(invoke_without_command=True)
def leaderboard(
    context: typer.Context,
    live: Annotated[
        bool, typer.Option("--live", help="Score --policies now and set them beside the others.")
    ] = False,
    policies: Annotated[
        str, typer.Option(help="With --live: entrants of your own, separated by commas.")
    ] = "",
    spaces: Annotated[
        str, typer.Option(help="With --live: spaces of the board to score them in; else all.")
    ] = "",
    size: Annotated[str, typer.Option(help="With --live: size of the supernets.")] = "paper",
    batch_size: Annotated[int, typer.Option(help="With --live: images in the minibatch.")] = 32,
    board: BoardOption = _LATEST,
    reference: ReferenceOption = None,
    cells: Annotated[bool, typer.Option("--cells", help="Also a line for every task.")] = False,
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
    out: OutOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rank every entrant on every truth of a board, from what ships with the package."""
    if context.invoked_subcommand is not None:
        return
    from opscore.board.result import leaderboard as made
    from opscore.errors import UserError
    from opscore.progress import shown

    if bool(policies) != live:
        raise UserError("--live scores what --policies names; the two go together")
    settings: dict[str, Any] = {}
    if live:
        settings = {"size": size, "device": device, "data_dir": data_dir, "store": runs}
        settings |= {"jobs": jobs, "batch_size": batch_size}
        settings["spaces"] = [name.strip() for name in spaces.split(",") if name.strip()] or None
    with shown("scoring", quiet=quiet or as_json or not live):
        found = made(
            parse_policies(policies) if live else None,
            board=board,
            reference=reference,
            **settings,
        )
    written = [] if out is None else found.save(out)
    if as_json:
        names = ("ranking", "cells", "pairs", "bias", "cost")
        tables = {name: getattr(found, name) for name in names}
        print_json({**tables, "settings": {"command": "leaderboard", **found.record()}})
        return
    print_notes(found.notes())
    console.print(_ranking_table(found))
    if cells:
        console.print(_cells_table(found.cells))
    console.print(_pairs_table(found))
    console.print(_bias_table(found))
    print_written(written)


@app.command()
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
    batch_size: Annotated[int, typer.Option(help="Images in the minibatch.")] = 32,
    jobs: JobsOption = 1,
    runs: RunsOption = Path("runs"),
    device: DeviceOption = "auto",
    data_dir: DataDirOption = None,
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
            batch_size=batch_size,
            store=runs,
            jobs=jobs,
            device=device,
            data_dir=data_dir,
        )
    print_written(written)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A submission.")],
    share: Annotated[
        float, typer.Option(help="Share of the scores that is computed again, drawn at random.")
    ] = 0.05,
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a submission: complete, without truth, and the same when computed again."""
    from dataclasses import asdict

    from opscore.board.submission import TOLERANCE
    from opscore.board.submission import check as checked
    from opscore.progress import shown

    with shown("computing again", quiet=quiet or as_json):
        found = checked(folder, share=share, data_dir=data_dir)
    if as_json:
        print_json({"check": asdict(found), "settings": {"command": "leaderboard check"}})
        return
    console.print(
        f"{found.entry.policy} can be entered on board {found.entry.board}: {found.cells} edges "
        f"scored, {found.recomputed} computed again; the largest deviation is "
        f"{found.largest:.2g} of an edge's span of scores, {TOLERANCE} allowed",
        highlight=False,
    )


def power(
    difference: Annotated[float, typer.Option(help="Of mean rho, that is to be seen.")] = 0.1,
    policies: Annotated[
        str, typer.Option(help="Two entrants, separated by a comma; else the typical pair.")
    ] = "",
    runs: Annotated[
        Path | None, typer.Option(help="A run store; else the scores that ship.", exists=True)
    ] = None,
    board: BoardOption = _LATEST,
    reference: ReferenceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Spaces, edges or seeds that show a difference between two entrants with 80 %."""
    from opscore.board import read_board
    from opscore.board.result import leaderboard as made
    from opscore.board.result import stored
    from opscore.errors import UserError

    names = parse_policies(policies) if policies else []
    if names and len(names) != 2:
        raise UserError(f"power is of two entrants, got {len(names)}")
    found = made(board=board) if runs is None else stored(runs, read_board(board))
    if reference is not None:
        found = found.against(reference)
    table = found.power(difference, (names[0], names[1]) if names else None)
    if as_json:
        settings = {"command": "power", "difference": difference, **found.record()}
        print_json({"power": table, "settings": settings})
        return
    pair = " and ".join(names) if names else "the typical pair of entrants"
    shown = Table(
        title=f"To see a difference of {difference:g} between {pair} with 80 % (level 5 %)",
        box=box.SIMPLE_HEAD,
        caption="seen now: the least difference that what there is would show so; tasks of a "
        "space are averaged",
    )
    for heading in ("more of", "needed", "with", "holds for", "seen now"):
        shown.add_column(heading, justify="right" if heading in ("needed", "seen now") else "left")
    for row in table.to_dict("records"):
        needed = "-" if str(row["needed"]) == "<NA>" else f"{row['needed']:,}"
        shown.add_row(
            row["unit"], needed, row["given"], row["holds_for"], number(row["shown_now"], ".2f")
        )
    console.print(shown)


def _table(title: str, left: int, headings: list[str], caption: str = "") -> Table:
    found = Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption=caption
    )
    for place, heading in enumerate(headings):
        found.add_column(
            heading,
            justify="left" if place < left else "right",
            no_wrap=place >= left,
            overflow="fold",
        )
    return found


def _ranking_table(found: Leaderboard) -> Table:
    headings = ["entrant", "rho", "95 %", "edge-\nspecific", "top 1", "top\nhalf", "regret"]
    headings += ["mean\nrank", "wins", "first", "tasks"]
    table = _table(
        f"Agreement with {found.reference}, mean over spaces",
        1,
        headings,
        "top 1: the best operation is picked; top half: it survives a cut to half; regret: share "
        "of the span between best and worst that picks lose; first: share of the bootstrap's draws "
        "in which its mean is the highest; -: not scored in every space, or one order on all edges",
    )
    for row in found.ranking.to_dict("records"):
        table.add_row(
            str(row["entrant"]),
            number(row["rho"], "+.2f"),
            interval_text(row["ci_low"], row["ci_high"]),
            number(row["edge_specific"], "+.2f"),
            *(number(row[name], ".2f") for name in ("top_1", "top_half", "regret")),
            number(row["mean_rank"], ".1f"),
            *(number(row[name], ".2f") for name in ("wins", "p_first")),
            str(row["n_cells"]),
        )
    return table


def _cells_table(cells: pd.DataFrame) -> Table:
    headings = ["space", "task", "entrant", "made", "rho", "95 %", "p\ncommon", "edge-\nspecific"]
    headings += ["p", "ceiling", "its\nedge", "top 1", "top\nhalf", "regret"]
    table = _table(f"Agreement with {cells['reference'].iloc[0]}, task by task", 4, headings)
    for row in cells.to_dict("records"):
        names = [str(row[name]) for name in ("space", "task", "entrant", "made")]
        if row["status"] != "ok":
            table.add_row(*names, *["-"] * 9, str(row["status"]))
            continue
        table.add_row(
            *names,
            number(row["rho"], "+.2f"),
            interval_text(row["ci_low"], row["ci_high"]),
            p_text(row["p_common"]),
            number(row["edge_specific"], "+.2f"),
            p_text(row["edge_p"]),
            number(row["ceiling"], "+.2f"),
            number(row["edge_ceiling"], "+.2f"),
            *(number(row[name], ".2f") for name in ("top_1", "top_half", "regret")),
        )
    return table


def _pairs_table(found: Leaderboard) -> Table:
    names = list(found.ranking["entrant"][:_MATRIX])
    known = {(row["entrant_a"], row["entrant_b"]): row for row in found.pairs.to_dict("records")}
    table = _table(
        "Difference of mean rho (row minus column), Holm-adjusted p below it",
        1,
        ["", *(str(place + 1) for place in range(len(names)))],
        f"the first {len(names)}; all {len(known)} pairs: --json, --out",
    )
    for place, name in enumerate(names):
        cells = [_pair(known, name, other) for other in names]
        table.add_row(f"{place + 1} {name}", *cells)
    return table


def _pair(known: dict[tuple[str, str], Any], name: str, other: str) -> str:
    sign, row = 1, known.get((name, other))
    if row is None:
        sign, row = -1, known.get((other, name))
    if row is None:
        return ""
    return f"{number(sign * row['difference'], '+.2f')}\n{p_text(row['p_holm'])}"


def _bias_table(found: Leaderboard) -> Table:
    numbers = ["params", "skip", "skip_truth", "rho", "rho_without_size"]
    means = found.bias.groupby("entrant", sort=False)[numbers].mean()
    seconds = found.cost.groupby("entrant", sort=False)["seconds"].mean()
    table = _table(
        "What scores are made of, mean over spaces",
        1,
        [
            "entrant",
            "rho with\nparameters",
            "place\nof skip",
            "its place\nin truth",
            "rho",
            "without\nsize",
            "seconds\na seed",
        ],
        "place of skip: 1 is first; without size: partial correlation, parameters taken out",
    )
    for name in found.ranking["entrant"]:
        if name in means.index:
            row = means.loc[name].to_dict()
            table.add_row(
                str(name),
                *(number(row[each], "+.2f" if "rho" in each else ".2f") for each in numbers),
                number(float(seconds[name]), ".1f"),
            )
    return table
