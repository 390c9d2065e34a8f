"""Options that several commands take together, in groups."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from opscore.cli.common import (
    BatchSizeOption,
    DataDirOption,
    DeviceOption,
    FinishedOption,
    ImagesOption,
    JobsOption,
    OracleSourceOption,
    QuietOption,
    RetriesOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    parse_reduction,
    parse_seeds,
)
from opscore.spaces import DEFAULT_SPACE

if TYPE_CHECKING:
    from opscore.experiments import OracleSettings

T = TypeVar("T")


@dataclass(frozen=True)
class NetworkOptions:
    """What is scored and how; each is a field of ScoringSettings and of SearchSettings."""

    space: Annotated[str, typer.Option(help="Search space.")] = DEFAULT_SPACE
    size: SizeOption = "paper"
    batch_size: BatchSizeOption = 256
    images: ImagesOption = "auto"
    image_size: Annotated[
        int | None,
        typer.Option(help="Pixels to which images are scaled; else what the networks are for."),
    ] = None
    meaning: Annotated[
        str, typer.Option(help="faithful (as published) or clean (as the equations say).")
    ] = "faithful"
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32"
    precision: Annotated[
        str, typer.Option(help="full, or bf16: the fast path of nwot in bfloat16.")
    ] = "full"
    survivors: Annotated[
        str,
        typer.Option(
            help="What operations weigh that are left on an edge: theta (as before), renormalized "
            "(sum one), uniform (1/|O|); auto is each proxy's own (docs/faithful.md)."
        ),
    ] = "auto"
    prove: Annotated[
        str,
        typer.Option(
            help="How often fast paths prove themselves on networks that do not ship with opscore: "
            "first (once for each structure), always, never."
        ),
    ] = "first"
    device: DeviceOption = "auto"
    data_dir: DataDirOption = None


@dataclass(frozen=True)
class OracleOptions:
    """Which truth scores are compared with."""

    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset or task of the truth; else the space's own default."),
    ] = None
    split: Annotated[
        str | None,
        typer.Option(help="Accuracy of the truth: test or valid; else the space's default."),
    ] = None
    epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of the benchmark's trainings; else the space's default."),
    ] = None
    oracle_seeds: Annotated[
        str | None,
        typer.Option(help="How training seeds are reduced: max (default), mean, or an index."),
    ] = None
    oracle_source: OracleSourceOption = "auto"
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Use a truth that lacks some architectures."),
    ] = False

    def settings(self) -> OracleSettings:
        """These options as the library takes them."""
        from opscore.experiments import OracleSettings

        seeds = None if self.oracle_seeds is None else parse_reduction(self.oracle_seeds)
        return OracleSettings(
            self.dataset,
            self.split,
            self.epochs,
            seeds,
            self.oracle_source,
            allow_partial=self.allow_partial,
        )


@dataclass(frozen=True)
class RunOptions:
    """Which seeds are run, where they are kept, by how many processes, and which again."""

    seeds: SeedsOption = "0"
    jobs: JobsOption = 1
    runs: RunsOption = Path("runs")
    finished: FinishedOption = "only-missing"
    retries: RetriesOption = 0
    quiet: QuietOption = False

    @property
    def calls(self) -> dict[str, Any]:
        """Where runs are kept and how they are carried out, as the functions take it."""
        return {
            "store": self.runs,
            "jobs": self.jobs,
            "finished": self.finished,
            "retries": self.retries,
        }

    @property
    def seed_list(self) -> tuple[int, ...]:
        """UserError for a bad list of seeds."""
        return parse_seeds(self.seeds)


def grouped(command: Callable[..., T]) -> Callable[..., T]:
    """A command that takes some of its options together, as one object.

    A parameter whose type is a dataclass stands for the dataclass's fields: they are the options
    that typer shows and reads, and the command gets the object made of them.
    """
    hints: dict[str, Any] = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @wraps(command)
    def run(**given: Any) -> T:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _parameters(groups[parameter.name])
        else:
            annotation = hints[parameter.name]
            parameters.append(_parameter(parameter.name, annotation, parameter.default))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_parameter(field.name, hints[field.name], field.default) for field in fields(group)]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )
