"""``opscore build``, ...: the network that was found."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from opscore import progress
from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import print_written, writable
from opscore.cli.options import Only, StoreOnly
from opscore.cli.present import answering
from opscore.data.files import read_text
from opscore.errors import UserError, unknown
from opscore.registry import split_names
from opscore.settings import Settings

if TYPE_CHECKING:
    from opscore.spaces import State
    from opscore.supernets import Built

#: What is told in millions.
_MILLIONS = ("params", "auxiliary_params", "flops")

_SIZES = (
    Column("target"),
    Column("network"),
    Column("params", "M parameters", "number", ".3f"),
    Column("auxiliary_params", "of an auxiliary head", "number", ".3f"),
    Column("flops", "M FLOPs", "number", ",.1f"),
)

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


def find_architecture(text: str, space: str | None) -> State:
    """The architecture that a user means; UserError when it is none of the space."""
    from opscore.published.genotypes import genotypes, space_of
    from opscore.spaces import DEFAULT_SPACE, get_space

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
        return read_text(path).strip()
    except (OSError, ValueError) as error:  # too long for a file's name, or no text
        if isinstance(error, UnicodeDecodeError):
            raise UserError(f"{path} is not a text file with an architecture") from None
        return text


@answering(doing="counting")
def build(
    architecture: ArchitectureArgument,
    space: SpaceOption = None,
    target: TargetOption = None,
    cells: Annotated[int | None, typer.Option(help="Cells instead of the target's.")] = None,
    channels: Annotated[int | None, typer.Option(help="Channels instead of the target's.")] = None,
) -> Answer:
    """Tell how large an architecture's network is, as it is trained in the end."""
    from opscore.supernets import find_target, list_targets

    state = find_architecture(architecture, space)
    name = state.space.name
    given = {"cells": cells, "channels": channels}
    other = {argument: number for argument, number in given.items() if number is not None}
    targets = [target] if target else list_targets(name)
    every = [find_target(name, each, **other) for each in targets]
    with progress.unit("sizes"):
        rows = [_size_row(built, built.size(state)) for built in progress.each(every, "targets")]
    settings = {"command": "build", "space": name, "architecture": str(state), **other}
    title = f"Networks of this architecture of {name}"
    frame = pd.DataFrame(rows)
    frame[list(_MILLIONS)] /= 1e6
    frame["auxiliary_params"] = frame["auxiliary_params"].replace(0, pd.NA)
    return Listing(
        [Table(title, _SIZES, frame)],
        {"sizes": rows, "settings": settings},
        [str(state)],
        then=[
            "Parameters without those of the auxiliary head, which is there for training alone; "
            "FLOPs: multiplications for one image. In Python: opscore.build(space, architecture, "
            "target)."
        ],
    )


def _size_row(built: Built, size: Any) -> dict[str, Any]:
    return {
        "space": built.space,
        "target": built.target,
        "network": built.describe(),
        **asdict(size),
    }


def show(
    architecture: ArchitectureArgument,
    space: SpaceOption = None,
    out: Annotated[
        Path,
        typer.Option(help="The file: .png, .pdf or .svg, or .dot for graphviz."),
    ] = Path("architecture.png"),
) -> None:
    """Draw an architecture into a file."""
    from opscore.data.files import atomic_write, writable_file

    state = find_architecture(architecture, space)
    suffixes = (".png", ".pdf", ".svg", ".dot")
    if out.suffix not in suffixes:
        raise UserError(f"{out} should end in one of {', '.join(suffixes)}")
    path, graphs = writable_file(out), state.space.graphs(state)
    with atomic_write(path) as temporary:
        if path.suffix == ".dot":
            temporary.write_text("\n".join(graph.dot() for graph in graphs) + "\n")
        else:
            from opscore.analysis.drawing import draw_architecture
            from opscore.answers.style import write_picture

            name = architecture if len(architecture) <= 80 else state.space.name
            figure = draw_architecture(graphs, name)
            write_picture(figure, temporary, path.suffix[1:], dpi=150)
    print_written([path])


@answering(formats=False, doing="exporting")
def export(
    architecture: ArchitectureArgument,
    space: SpaceOption = None,
    target: TargetOption = None,
    formats: Annotated[
        str,
        typer.Option("--format", help="Of json, torch (torch.export) and onnx, with commas."),
    ] = "json,torch",
    weights: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint of opscore train, or a state dictionary; else fresh ones, batch "
            "norms with the statistics of random images."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of fresh weights.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the files.", callback=writable)
    ] = Path("exported"),
) -> Answer:
    """Write an architecture's network in other forms, and check that they give the same numbers."""
    from opscore.supernets import find_target
    from opscore.supernets.checkpoints import load_weights
    from opscore.supernets.export import FORMATS, settle
    from opscore.supernets.export import export as write

    state = find_architecture(architecture, space)
    asked = split_names(formats)
    for name in asked or [""]:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    built = find_target(state.space.name, target)
    if weights is not None:
        built = _trained_as(weights, state) or built
    network = built.network(state, seed)
    if weights is None:
        settle(network, built.image_side, built.in_channels)
    else:
        load_weights(network, weights)
    with progress.unit("files"):
        written = [
            write(network, built, state, out, name) for name in progress.each(asked, "formats")
        ]
    rows = [{**asdict(each), "path": str(each.path)} for each in written]
    settings = {
        "command": "export",
        "space": built.space,
        "target": built.target,
        "architecture": str(state),
        "weights": None if weights is None else str(weights),
        "seed": seed,
    }
    lines = [
        f"wrote {each.path}: {each.format}, logits within {each.difference:.0e} of the "
        f"network's, whose own rounding is {each.rounding:.0e}"
        for each in written
    ]
    return Listing([], {"exported": rows, "settings": settings}, said=lines)


def _trained_as(path: Path, architecture: State) -> Built | None:
    """What the network of a training's checkpoint was built as; None for another file.

    UserError when the training was of another architecture.
    """
    from opscore.supernets import find_target
    from opscore.supernets.epochs import read_checkpoint

    try:
        training = read_checkpoint(path)["training"]
    except UserError:
        return None
    if "network" not in training:
        return None
    if (training["network"]["space"], training["architecture"]) != (
        architecture.space.name,
        str(architecture),
    ):
        raise UserError(f"{path} is of another architecture: {training['architecture']}")
    network = dict(training["network"])
    return find_target(**(network | network.pop("arguments")))


@answering(saves=True, out=Path("trained"), doing="training")
def train(
    architecture: ArchitectureArgument,
    space: SpaceOption = None,
    recipe: Annotated[
        str,
        typer.Option(help="cifar (600 epochs) or imagenet (250), for GPUs; cpu or smoke, reduced."),
    ] = "cpu",
    target: TargetOption = None,
    *,
    settings: Annotated[Settings, Only("images", "image_size", "device", "data_dir")],
    epochs: Annotated[int | None, typer.Option(help="Epochs instead of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images in a batch instead of the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order, augmentation.")] = 0,
    precision: Annotated[
        str, typer.Option(help="full, bf16, or auto: bf16 on a GPU that has it.")
    ] = "auto",
    run: StoreOnly,
) -> Answer:
    """Train an architecture's network; the same command goes on where it was stopped."""
    from opscore.experiments.network_training import train_network
    from opscore.supernets.recipes import find_recipe

    state = find_architecture(architecture, space)
    how = find_recipe(recipe).changed(epochs=epochs, batch_size=batch_size)
    found: Answer = train_network(
        settings,
        space=state.space.name,
        architecture=state,
        recipe=how,
        target=target,
        seed=seed,
        precision=precision,
        store=run.store,
    )
    return found
