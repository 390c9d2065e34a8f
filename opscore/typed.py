"""Settings whose values have the types that their fields declare, whoever gives them.

The command line, a TOML file and Python make the same settings objects; here their values are
compared with the annotations of the fields, by msgspec, and what does not fit is one line. What a
field is, in words, is said in its annotation by :class:`Help`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from inspect import get_annotations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from opscore.errors import UserError, unknown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


@dataclass(frozen=True, init=False)
class Help:
    """What a setting is, in the declaration of its field: ``size: Annotated[str, Help("...")]``.

    Attributes:
        text: what it is, and which values there are.
        flags: of the command line; none where they are the field's name.
        read: makes what else it may be given as, such as a text for a list, a value of its type;
            what it does not know it gives back.
        option: whether users give it; else it follows from something else that they give.
    """

    text: str
    flags: tuple[str, ...]
    read: Callable[[Any], Any] | None
    option: bool

    def __init__(
        self,
        text: str,
        *flags: str,
        read: Callable[[Any], Any] | None = None,
        option: bool = True,
    ) -> None:
        vars(self).update(text=text, flags=flags, read=read, option=option)


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
    known, described = types_of(type(settings)), helps_of(type(settings))
    for name in names or known:
        value = getattr(settings, name)
        read = described[name].read if name in described else None
        value = value if read is None else read(value)
        object.__setattr__(settings, name, typed(name, value, known[name]))


def made(kind: Callable[..., T], given: Mapping[Any, Any]) -> T:
    """A dataclass's object of a mapping, such as keywords, or a table in TOML.

    UserError, with the near names, for a name that is none of its fields.
    """
    named = {str(name): value for name, value in given.items()}
    known = types_of(kind)
    for name in named:
        if name not in known:
            raise unknown("setting", name, known)
    return kind(**named)


def keywords(settings: DataclassInstance) -> dict[str, Any]:
    """The fields that make an equal object, by name."""
    return {name: getattr(settings, name) for name in types_of(type(settings))}


def types_of(kind: Any) -> dict[str, Any]:
    """The declared types of the fields that are given, by name; those of the class itself first."""
    return _declared(kind)[0]


def helps_of(kind: Any) -> dict[str, Help]:
    """What the fields are that are given and described, by name."""
    return _declared(kind)[1]


def declared_in(kind: Any, name: str) -> Any:
    """The class that declares a field, or declares it anew."""
    return next(each for each in kind.__mro__ if name in get_annotations(each))


@cache
def _declared(kind: Any) -> tuple[dict[str, Any], dict[str, Help]]:
    given = [each.name for each in fields(kind) if each.init]
    names = sorted(given, key=lambda name: kind.__mro__.index(declared_in(kind, name)))
    plain, hints = get_type_hints(kind), get_type_hints(kind, include_extras=True)
    helps = {
        name: part
        for name in names
        for part in getattr(hints[name], "__metadata__", ())
        if isinstance(part, Help)
    }
    return {name: plain[name] for name in names}, helps


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
                return made(part, value)
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


def shown(value: object) -> str:
    """A value in a message."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _forms(value: Any) -> list[Any]:
    """The value, and what is equal to it in plain types."""
    plain = _plain(value)
    if isinstance(value, np.generic | np.ndarray):
        return [plain]
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
