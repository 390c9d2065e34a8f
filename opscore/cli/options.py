"""Options that are fields of settings: their types, defaults and help are declared there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from opscore.cli.common import writable
from opscore.settings import RunSettings, Settings
from opscore.typed import declared_in, helps_of, made, types_of
from opscore.user_code import load_file

T = TypeVar("T")


class Only:
    """Which settings are options of a command: ``Annotated[Settings, Only("size", size="cpu")]``.

    Args:
        *names: of the fields; all of them where none is named.
        without: fields that are left out.
        flags: other ones than the fields have.
        **defaults: other ones than the fields have.
    """

    def __init__(
        self,
        *names: str,
        without: Sequence[str] = (),
        flags: Mapping[str, Sequence[str]] | None = None,
        **defaults: Any,
    ) -> None:
        self.names = names
        self.without = without
        self.flags = dict(flags or {})
        self.defaults = defaults

    def has(self, name: str) -> bool:
        """Whether a field is an option."""
        return name not in self.without and (not self.names or name in self.names)


#: Where runs are kept and how they are carried out; on the command line they are always kept.
Runs = Annotated[RunSettings, Only(store=Path("runs"))]
StoreOnly = Annotated[RunSettings, Only("store", store=Path("runs"))]


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="File of Python that registers a proxy, a policy, ... of your own; may be repeated.",
        show_default=False,
    ),
]


def chosen(settings: Settings | RunSettings, *names: str) -> dict[str, Any]:
    """Some of the settings, as keywords."""
    return {name: getattr(settings, name) for name in names}


def grouped(command: Callable[..., T]) -> Callable[..., T]:
    """A command that takes some of its options together, as one settings object.

    A parameter whose type is a dataclass stands for those of its fields that have a
    :class:`opscore.typed.Help`: they are the options that typer shows and reads, in a panel for
    each group, and the command gets the object made of them.
    """
    hints: dict[str, Any] = get_type_hints(command, include_extras=True)
    groups: dict[str, _Group] = {}
    parameters = []
    for name, given in inspect.signature(command).parameters.items():
        kind = getattr(hints[name], "__origin__", hints[name])
        if is_dataclass(kind):
            parts = getattr(hints[name], "__metadata__", ())
            only = next((part for part in parts if isinstance(part, Only)), Only())
            groups[name] = _Group(kind, only)
            parameters += groups[name].parameters
        else:
            parameters.append(parameter(name, hints[name], given.default))

    if groups:
        parameters.append(parameter("plugin", PluginOption, None))

    @wraps(command)
    def run(**given: Any) -> T:
        for path in given.pop("plugin", None) or ():
            load_file(path)
        made_of = {name: group.take(given) for name, group in groups.items()}
        return command(**given, **made_of)

    return signed(run, parameters)


def signed(command: Callable[..., T], parameters: Sequence[inspect.Parameter]) -> Callable[..., T]:
    """The command, with these parameters as typer reads them."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


class _Group:
    """The options of one settings object, and the object made of their values.

    Attributes:
        parameters: as typer reads them.
    """

    def __init__(self, kind: Any, only: Only, prefix: str = "") -> None:
        self.parameters: list[inspect.Parameter] = []
        self._kind = kind
        self._parts: dict[str, str | _Group] = {}
        defaults = {each.name: each.default for each in fields(kind)} | only.defaults
        for name, help in helps_of(kind).items():
            if not (help.option and only.has(name)):
                continue
            type_, called = types_of(kind)[name], prefix + name
            if is_dataclass(type_):
                part = self._parts[name] = _Group(type_, Only(), f"{called}_")
                self.parameters += part.parameters
                continue
            self._parts[name] = called
            flags = only.flags.get(name) or help.flags or (f"--{name.replace('_', '-')}",)
            option = _option(kind, name, _text(defaults[name]), flags)
            self.parameters.append(parameter(called, _typed(type_), option))

    def take(self, given: dict[str, Any]) -> Any:
        """The settings; their values are taken out of those of all options."""
        parts = self._parts.items()
        values = {n: given.pop(p) if isinstance(p, str) else p.take(given) for n, p in parts}
        return made(self._kind, values)


def _option(kind: Any, name: str, default: Any, flags: Sequence[str]) -> Any:
    """An option with the field's help, in the panel of its group."""
    panel = (declared_in(kind, name).__doc__ or "").partition(".")[0]
    callback = writable if name == "store" else None
    return typer.Option(
        default, *flags, help=helps_of(kind)[name].text, rich_help_panel=panel, callback=callback
    )


def _typed(kind: Any) -> Any:
    """What typer reads: a number, a path, a flag, or else a text that the field reads itself."""
    parts = set(get_args(kind)) or {kind}
    for plain in (int, float, bool, Path):
        if parts <= {plain, type(None)}:
            return kind
    return str | None if type(None) in parts else str


def _text(default: Any) -> Any:
    """A default as typer shows it."""
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """An option of a command."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )
