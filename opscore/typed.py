"""Settings whose values have the types that their fields declare, whoever gives them.

The command line, a TOML file and Python make the same settings objects; here their values are
compared with the annotations of the fields, by msgspec, and what does not fit is one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from opscore.errors import UserError, unknown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

#: What msgspec calls the types of settings, and what messages call them: one, and several.
_WORDS = {
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("true or false", "true or false"),
    "str": ("a text", "texts"),
    "array": ("a list", "lists"),
    "object": ("a table", "tables"),
    "Path": ("a path", "paths"),
}


def take_types(settings: DataclassInstance, *names: str) -> None:
    """Give the fields of a dataclass values of their declared types; for ``__post_init__``.

    Equal settings are then named alike, wherever they come from: NumPy's numbers and 1.0 become
    plain whole numbers, texts paths, lists tuples, and mappings settings of their own.

    UserError for the first value that is of another type; True is no number.

    Args:
        settings: the object that is being made.
        names: of the fields; all of them where none is named.
    """
    known = _types(type(settings))
    for name in names or known:
        object.__setattr__(settings, name, typed(name, getattr(settings, name), known[name]))


def type_of(kind: type, name: str) -> Any:
    """The declared type of a field; UserError with the near names where there is none."""
    known = _types(kind)
    if name not in known:
        raise unknown("setting", name, known)
    return known[name]


def typed(name: str, value: Any, kind: Any) -> Any:
    """The value as one of the type that an annotation says; UserError if it cannot be that.

    Args:
        name: what the value is called in the message.
        value: as it was given.
        kind: a type, or several of them; what msgspec does not know is left as it is.
    """
    for part in (kind, *get_args(kind)):
        if isinstance(part, type) and is_dataclass(part):
            if isinstance(value, part):
                return value
            if isinstance(value, Mapping):
                return _made(part, value)
    last: msgspec.ValidationError | None = None
    for form in _forms(value):
        try:
            return msgspec.convert(form, kind, dec_hook=_convert)
        except msgspec.ValidationError as error:
            last = last or error
        except TypeError:  # a type of its own, such as a function's
            return value
    choices = _choices(kind)
    if choices and isinstance(value, str):
        raise unknown(name, value, choices)
    raise UserError(f"{name} is {_wanted(str(last), kind)}, got {shown(value)}")


def _made(kind: type, given: Mapping[Any, Any]) -> Any:
    """A dataclass's object of a mapping, such as a table in TOML."""
    named = {str(name): value for name, value in given.items()}
    return kind(**{name: typed(name, value, type_of(kind, name)) for name, value in named.items()})


def shown(value: object) -> str:
    """A value in a message."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@cache
def _types(kind: type) -> dict[str, Any]:
    known = get_type_hints(kind)
    return {each.name: known[each.name] for each in fields(kind) if each.init}


def _forms(value: Any) -> list[Any]:
    """The value, and what is equal to it in plain types."""
    plain = _plain(value)
    return [value] if plain is value else [value, plain]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | range):
        return list(map(_plain, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _convert(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _choices(kind: Any) -> list[str]:
    """The texts that a type of literals has."""
    if get_origin(kind) is Literal:
        return [each for each in get_args(kind) if isinstance(each, str)]
    return [each for part in get_args(kind) for each in _choices(part)]


def _wanted(message: str, kind: Any) -> str:
    """What a type asks for, in words, from msgspec's message about a value."""
    found = re.match(r"Expected `([^`]+)`", message)
    names = [name for name in (found[1].split(" | ") if found else []) if name != "null"]
    if "[" in message:  # it is about what a list holds
        return f"a list of {_either(names, several=True)}"
    inner = [each.__name__ for each in get_args(kind) if type(each) is type]
    if names == ["array"] and inner:
        return f"a list of {_either(inner[:1], several=True)}"
    return _either(names, several=False) if names else "of another type"


def _either(names: list[str], *, several: bool) -> str:
    return " or ".join(_WORDS.get(name, (name, name))[several] for name in names)
