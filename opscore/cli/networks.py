"""``opscore build``, ...: the network that was found."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import JsonOption, console, print_json
from opscore.errors import UserError

if TYPE_CHECKING:
    from opscore.spaces import State
    from opscore.supernets import Built

ArchitectureArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARCH",
        help="The architecture: the space's own string, a text file that holds it, or on darts and "
        "s1-s4 the name of a genotype that the paper's authors published.",
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(help="Its search space; a published genotype has one of its own."),
]
TargetOption = Annotated[
    str | None, typer.Option(help="What it is built for, such as cifar10 or imagenet.")
]

#: Space of an architecture of which nothing is said.
DEFAULT_SPACE = "nasbench201"


def find_architecture(text: str, space: str | None) -> State:
    """The architecture that a user means; UserError when it is none of the space."""
    from opscore.published.genotypes import genotypes, space_of
    from opscore.spaces import get_space

    published = genotypes()
    if text in published:
        return get_space(space or space_of(text)).parse(str(published[text]))
    this = get_space(space or DEFAULT_SPACE)
    state = this.parse(_content(text))
    if not this.is_valid(state):
        raise UserError(f"{text} is no architecture of {this.name}: the benchmark does not have it")
    return state


def _content(text: str) -> str:
    """The text itself, or what the file of this name holds."""
    path = Path(text)
    try:
        if not path.is_file():
            return text
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # too long for a file's name, or no text
        if isinstance(error, UnicodeDecodeError):
            raise UserError(f"{path} is not a text file with an architecture") from None
        return text


def build(
    architecture: ArchitectureArgument,
    space: SpaceOption = None,
    target: TargetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how large an architecture's network is, as it is trained in the end."""
    from opscore.supernets import built_size, find_target, list_targets

    state = find_architecture(architecture, space)
    name = state.space.name
    rows = [
        _size_row(built, built_size(built, state))
        for each in ([target] if target else list_targets(name))
        for built in [find_target(name, each)]
    ]
    if as_json:
        settings = {"command": "build", "space": name, "architecture": str(state)}
        print_json({"sizes": rows, "settings": settings})
        return
    console.print(str(state), highlight=False, markup=False)
    console.print(_sizes(rows))
    console.print(
        "Parameters without those of the auxiliary head, which is there for training alone; FLOPs: "
        "multiplications for one image. In Python: opscore.build(space, architecture, target).",
        style="dim",
        highlight=False,
    )


def _size_row(built: Built, size: Any) -> dict[str, Any]:
    return {
        "space": built.space,
        "target": built.target,
        "network": built.describe(),
        **asdict(size),
    }


def _sizes(rows: list[dict[str, Any]]) -> Table:
    table = Table("target", "network", title=f"Networks of this architecture of {rows[0]['space']}")
    for column in ("M parameters", "of an auxiliary head", "M FLOPs"):
        table.add_column(column, justify="right")
    for row in rows:
        extra = f"{row['auxiliary_params'] / 1e6:.3f}" if row["auxiliary_params"] else "-"
        table.add_row(
            row["target"],
            row["network"],
            f"{row['params'] / 1e6:.3f}",
            extra,
            f"{row['flops'] / 1e6:,.1f}",
        )
    return table
