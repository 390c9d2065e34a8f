"""Functions that take settings as keywords, without declaring them once more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from opscore.errors import unknown
from opscore.settings.groups import RunSettings, Settings
from opscore.typed import Help, helps_of, keywords, made, types_of

S = TypeVar("S", bound=Settings)
P = ParamSpec("P")
R = TypeVar("R")

#: Where trained supernets are kept in a store of runs.
CACHE = "supernets"


def takes(
    kind: type[S], *positional: str, only: Sequence[str] = (), **defaults: Any
) -> Callable[[Callable[Concatenate[S, RunSettings, P], R]], Callable[..., R]]:
    """Let a function of two settings objects be called with their fields, flat, as keywords.

    ::

        @takes(ScoringSettings, "policies", "seeds")
        def initial(settings, run, *, baselines=True): ...

        initial(["random"], size="smoke", store="runs", baselines=False)
        initial(ScoringSettings(size="smoke"), store="runs")

    Signature and docstring say which keywords there are. UserError, with the near names, for one
    that is none, and for a value of another type.

    Args:
        kind: of the settings.
        positional: what may be given by its place, fields or the function's own.
        only: the fields that count for the function; others are refused. All where none is named.
        **defaults: other ones than the fields have.
    """

    def decorate(function: Callable[Concatenate[S, RunSettings, P], R]) -> Callable[..., R]:
        own = dict(list(inspect.signature(function).parameters.items())[2:])
        ours = _parameters(kind, defaults)
        ours = {name: ours[name] for name in only or ours}
        known = {**ours, **_parameters(RunSettings, defaults), **own}
        signature = _signature(known, positional)

        @wraps(function)
        def call(*args: Any, **others: Any) -> R:
            start = _part(defaults, types_of(kind))
            if args and isinstance(args[0], Settings):
                start |= _part(keywords(args[0]), ours)
                args = args[1:]
            for name in others:
                if name not in known:
                    raise unknown("setting", name, known)
            given = signature.bind_partial(*args, **others).arguments
            settings = made(kind, start | _part(given, ours))
            run = made(RunSettings, _part({**defaults, **given}, types_of(RunSettings)))
            if run.store is not None and settings.cache is None:
                settings = replace(settings, cache=run.store / CACHE)
            return function(settings, run, **_part(given, own))  # type: ignore[call-arg]

        call.__signature__ = signature  # type: ignore[attr-defined]
        helps = {**helps_of(kind), **helps_of(RunSettings)}
        call.__doc__ = _described(function.__doc__, _part(helps, known))
        return call

    return decorate


def _part(given: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in names}


def _parameters(kind: Any, defaults: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
    """The fields of a dataclass as parameters, with their types and defaults."""
    types, own = types_of(kind), inspect.signature(kind).parameters
    return {
        name: own[name].replace(
            annotation=types[name], default=defaults.get(name, own[name].default)
        )
        for name in types
    }


def _signature(
    parameters: Mapping[str, inspect.Parameter], positional: tuple[str, ...] = ()
) -> inspect.Signature:
    """Some of the parameters by place, in their order, the others by name alone."""
    by_place: list[inspect.Parameter] = []
    for name in reversed(positional):
        # What stands before a parameter that has to be given has to be given too.
        default = parameters[name].default
        if by_place and by_place[0].default is inspect.Parameter.empty:
            default = inspect.Parameter.empty
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        by_place.insert(0, parameters[name].replace(kind=kind, default=default))
    by_name = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in parameters.items()
        if name not in positional
    ]
    return inspect.Signature([*by_place, *by_name])


def _described(text: str | None, helps: Mapping[str, Help]) -> str:
    """A docstring, and what each setting is."""
    lines = [f"    {name}: {help.text}" for name, help in helps.items()]
    return "\n".join([inspect.cleandoc(text or ""), "", "Settings:", *lines])
