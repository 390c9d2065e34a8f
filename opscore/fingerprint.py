"""Fingerprints: short hashes of what a result depends on, be it settings, numbers or code.

Settings are plain values, and numbers (arrays, tensors) count by content. A function or class that
users register counts by its source as written and by the present values of what that source reads:
globals, closures, defaults, attributes, helpers of its own package. No compiled code takes part,
so that another Python gives the same name; where there is no source (``exec``, a prompt, a file
that was edited since it was read) the compiled code has to do, and one note says so. What belongs
to a library counts by its name, and so does what belongs to opscore: :data:`RESULTS` is raised
when the same settings give other numbers.
"""

from __future__ import annotations
import __future__

import ast
import dis
import enum
import functools
import hashlib
import json
import linecache
import os
import sys
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from opscore.errors import OpscoreError, note

#: Version of opscore's own numbers; raised when the same settings come to mean other numbers.
RESULTS = 1


def _folders(*names: str | Path) -> tuple[str, ...]:
    """How the path of a file in one of these folders may begin, links resolved or not."""
    return tuple(f"{path}{os.sep}" for name in names for path in (Path(name), Path(name).resolve()))


_PACKAGE = _folders(Path(__file__).parent)
_PATHS = sysconfig.get_paths()
_LIBRARIES = (
    "<frozen ",
    *_folders(*(_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))),
)
#: What a class has without its author's doing.
_NOT_WRITTEN = frozenset({
    "__abstractmethods__", "__annotations__", "__dict__", "__doc__", "__firstlineno__",
    "__module__", "__non_callable_proto_members__", "__protocol_attrs__", "__qualname__",
    "__replace__", "__slotnames__", "__static_attributes__", "__type_params__", "__weakref__",
    "_abc_impl", "__annotate__", "__annotate_func__", "__annotations_cache__",
})  # fmt: skip
_WRAPPERS = (
    types.MethodType
    | staticmethod
    | classmethod
    | property
    | functools.cached_property
    | type(functools.lru_cache(repr))
)
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_WRITES = frozenset({"STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF"})
_FUTURES = functools.reduce(
    int.__or__, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


def canonical(key: Mapping[str, Any]) -> str:
    """The one text of a key of plain values; OpscoreError for a value that is not plain."""
    return json.dumps(_plain(key), sort_keys=True, separators=(",", ":"), allow_nan=False)


def hash_of(key: Mapping[str, Any]) -> str:
    """The first 16 hexadecimal digits of the sha256 of a key's text."""
    return hashlib.sha256(canonical(key).encode()).hexdigest()[:16]


def fingerprint(thing: object) -> str:
    """A hash of a value, an array, a function, a class or any object, by what it is made of."""
    parts = thing if isinstance(thing, tuple) else (thing,)
    homes = {_top(part) for part in parts if isinstance(part, types.FunctionType | type)}
    return _Reader(frozenset(homes)).of(thing)


class _Held:
    """What lists, dictionaries and objects held, by their id: a thing, a hash, ...

    Attributes:
        at_start: while a call runs: the hash when the call first looked, and the code of whom
            counts as the user's; None otherwise.
        left: the hash that the latest call left it with, and the one that it named it by.
    """

    at_start: dict[int, tuple[object, str, frozenset[str]]] | None = None
    left: ClassVar[dict[int, tuple[object, str, str]]] = {}


@contextmanager
def named_once() -> Iterator[None]:
    """While a call computes: what changes meanwhile is state of the code, not a setting.

    A cache that a user's function fills while it scores keeps the hash it had when the call began,
    in this call and in later ones of the process, until something else changes it.
    """
    if _Held.at_start is not None:  # a call within a call
        yield
        return
    _Held.at_start = {}
    try:
        yield
    finally:
        found, _Held.at_start = _Held.at_start, None
        for place, (thing, before, homes) in found.items():
            now = _Reader(homes).of(thing)
            if now != before:
                _Held.left[place] = thing, now, before


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise OpscoreError(f"a key holds plain values, not {type(value).__name__} ({value!r})")


class _Reader:
    """Hashes of a thing and of its parts: of each the words for it and the hashes of its parts."""

    def __init__(self, homes: frozenset[str]) -> None:
        self._homes = homes
        self._known: dict[int, tuple[object, str]] = {}  # the thing too, so that its id stays its
        self._path: list[int] = []

    def of(self, thing: object) -> str:
        """The first 16 hexadecimal digits of a thing's hash."""
        if type(thing) in _PLAIN:
            return _hash(type(thing).__name__, repr(thing))
        if isinstance(thing, np.ndarray | np.generic) or _is_tensor(thing):
            return self._numbers(thing)
        if id(thing) in self._path:
            return _hash("within", str(len(self._path) - self._path.index(id(thing))))
        if id(thing) not in self._known:
            self._path.append(id(thing))
            self._known[id(thing)] = thing, _hash(*self._words(thing))
            self._path.pop()
            if isinstance(thing, list | dict | set) or _has_state(thing):
                self._known[id(thing)] = thing, self._as_named(thing)
        return self._known[id(thing)][1]

    def _as_named(self, thing: object) -> str:
        """The hash that something which can change goes by, whatever scoring does to it."""
        now, held = self._known[id(thing)][1], _Held.at_start
        if held is not None and id(thing) in held:
            return held[id(thing)][1]
        _, left, before = _Held.left.get(id(thing), (None, None, ""))
        found = before if now == left else now
        if held is not None:
            held[id(thing)] = thing, found, self._homes
        return found

    def _words(self, thing: object) -> Iterator[str]:
        kinds: tuple[tuple[Any, Callable[[Any], Iterator[str]]], ...] = (
            (tuple | list | set | frozenset | dict | types.MappingProxyType, self._collection),
            (types.FunctionType, self._function),
            (type, self._class),
            (types.ModuleType | Path, self._named),
            (types.BuiltinFunctionType, self._builtin),
            (enum.Enum, self._member),
            (_WRAPPERS, self._wrapper),
            (object, self._object),
        )
        return next(words(thing) for kind, words in kinds if isinstance(thing, kind))

    def _named(self, thing: types.ModuleType | Path) -> Iterator[str]:
        yield from (type(thing).__name__, getattr(thing, "__name__", str(thing)))

    def _member(self, thing: enum.Enum) -> Iterator[str]:
        yield from (type(thing).__qualname__, thing.name, self.of(thing.value))

    def _wrapper(self, thing: object) -> Iterator[str]:
        yield type(thing).__name__
        parts = ("__wrapped__", "__func__", "__self__", "fget", "func")
        yield from (self.of(getattr(thing, name)) for name in parts if hasattr(thing, name))

    def _numbers(self, thing: Any) -> str:
        about = ("numbers", str(thing.dtype), str(tuple(thing.shape)))
        if _is_tensor(thing):
            import torch

            flat = thing.detach().cpu().contiguous().reshape(-1)
            array = flat.view(torch.uint8).numpy()
        else:
            array = np.asarray(thing)
        if array.dtype == object:
            return _hash(*about, *map(self.of, array.reshape(-1).tolist()))
        return _hash(*about, data=np.ascontiguousarray(array).data)

    def _collection(self, thing: Any) -> Iterator[str]:
        if isinstance(thing, dict | types.MappingProxyType):
            parts = [self.of(name) + self.of(value) for name, value in thing.items()]
        else:
            parts = [self.of(item) for item in thing]
        yield type(thing).__name__
        yield from parts if isinstance(thing, list | tuple) else sorted(parts)

    def _function(self, function: types.FunctionType) -> Iterator[str]:
        yield "function"
        if not self._is_ours(function):
            yield from (_top(function), function.__qualname__)
            return
        code = function.__code__
        text = _source(function)
        if text is None:
            note(
                f"{function.__qualname__}: its source is not to be had (typed at a prompt, made by "
                "exec, or edited since it was read); its compiled code names its results, which "
                "another version of Python does not find again; a version='...' where it is "
                "registered would name them"
            )
        yield self._compiled(code) if text is None else text
        yield from map(self.of, (function.__defaults__, function.__kwdefaults__, vars(function)))
        read = dict(_globals(function))
        read |= zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True)
        written = {str(step.argval) for step in _steps(code) if step.opname in _WRITES}
        for name in sorted(read.keys() - written):  # what it assigns is its state
            yield from (name, self.of(read[name]))

    def _compiled(self, code: types.CodeType) -> str:
        inner = [value for value in code.co_consts if isinstance(value, types.CodeType)]
        others = tuple(value for value in code.co_consts if value not in inner)
        words = [self.of(others), self.of(code.co_names), *map(self._compiled, inner)]
        return _hash("code", *words, data=code.co_code)

    def _builtin(self, thing: types.BuiltinFunctionType) -> Iterator[str]:
        if self._is_ours(thing):
            note(f"{thing.__qualname__} has no source in Python: its name alone names its results")
        yield from ("builtin", str(thing.__module__), thing.__qualname__)

    def _class(self, cls: type) -> Iterator[str]:
        yield "class"
        if not self._is_ours(cls):
            yield from (_top(cls), cls.__qualname__)
            return
        yield from map(self.of, (*cls.__bases__, *(cls if issubclass(cls, enum.Enum) else ())))
        of_enum = issubclass(cls, enum.Enum)
        made = of_enum or {"__dataclass_fields__", "_field_defaults"} & vars(cls).keys()
        for name, value in sorted(vars(cls).items()):
            function = getattr(value, "__func__", value)
            file = getattr(getattr(function, "__code__", None), "co_filename", "")
            special = file == "<string>" and name.startswith("__")
            generated = made and (special or file.startswith(_LIBRARIES) or (of_enum and not file))
            descriptor = isinstance(value, types.MemberDescriptorType)
            if name == "__dataclass_params__":
                yield repr(value).strip(")").partition(",match_args")[0]  # what Python 3.11 knows
            elif not (name in _NOT_WRITTEN or generated or descriptor):
                yield from (name, self.of(value))

    def _object(self, thing: object) -> Iterator[str]:
        """By its class and by what a pickle of it would hold; by its text where there is none."""
        yield self.of(type(thing))
        try:
            held = thing.__reduce_ex__(4)
        except Exception:  # whatever a class of somebody else does
            text = repr(thing)
            yield "" if " at 0x" in text else text
            return
        for part in (held,) if isinstance(held, str) else held:
            values = list(part) if isinstance(part, Iterator) else part
            made_now = isinstance(values, list | dict | tuple)
            yield _hash(*self._collection(values)) if made_now else self.of(values)

    def _is_ours(self, thing: object) -> bool:
        """Whether a function or class was written with what is hashed, and is no library's."""
        file = _file(thing)
        if file.startswith(_PACKAGE):
            return False
        return _top(thing) in self._homes or not file.startswith(_LIBRARIES)


def _hash(*words: str, data: Any = b"") -> str:
    found = hashlib.sha256("\0".join(words).encode() + b"\1")
    found.update(data)
    return found.hexdigest()[:16]


def _has_state(thing: object) -> bool:
    """Whether a thing is an object with attributes, and neither code nor a constant."""
    code = types.FunctionType | types.MethodType | types.ModuleType | type | enum.Enum
    return hasattr(thing, "__dict__") and not isinstance(thing, code)


def _is_tensor(thing: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _top(thing: object) -> str:
    """The top package of a function or class."""
    module = getattr(thing, "__module__", "")
    if isinstance(thing, types.FunctionType):  # a wrapper goes by the name of what it wraps
        module = thing.__globals__.get("__name__")
    return str(module).partition(".")[0].lstrip("_")


def _file(thing: object) -> str:
    """The file of a function, class or module; a library's where it is built in."""
    if isinstance(thing, types.FunctionType):
        return thing.__code__.co_filename
    module = thing
    if not isinstance(thing, types.ModuleType):
        module = sys.modules.get(str(getattr(thing, "__module__", None)))
        if module is None or module.__name__ == "__main__":
            return ""
    return str(getattr(module, "__file__", None) or _LIBRARIES[0])


def _source(function: types.FunctionType) -> str | None:
    """A function's text without its decorators, which count by what they made of it.

    None where there is none, or where it is no longer the text that the function was made of.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    nodes, codes = _parsed(text, code.co_flags & _FUTURES)
    if code not in codes:
        return None
    places = [
        node
        for node in nodes
        if min(n.lineno for n in (node, *getattr(node, "decorator_list", ())))
        == code.co_firstlineno
        and getattr(node, "name", "<lambda>") == code.co_name
    ]
    if len(places) > 1:  # lambdas of one line
        places = [node for node in places if getattr(node, "body", None) and _is_of(node, code)]
    found = [ast.get_source_segment(text, node, padded=True) for node in places]
    return textwrap.dedent(found[0]).strip() if len(found) == 1 and found[0] else None


def _is_of(node: Any, code: types.CodeType) -> bool:
    """Whether the steps of a function lie where a lambda's body does."""
    steps = [(one, column, last, end) for one, last, column, end in code.co_positions()]
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    placed = [step for step in steps if None not in step and step[:2] != step[2:]]
    if not placed:  # Python 3.12 gives no place to the step that returns a constant
        return isinstance(body, ast.Constant)
    return min(s[:2] for s in placed) == start and max(s[2:] for s in placed) == end


@functools.lru_cache(maxsize=64)
def _parsed(text: str, flags: int) -> tuple[list[Any], set[types.CodeType]]:
    """The functions of a file's text, and what they are compiled to."""
    try:
        tree = ast.parse(text)
        # A notebook compiles each statement by itself, which may give other code than the whole.
        parts = [ast.Module([node], []) for node in tree.body]
        codes = [compile(part, "", "exec", flags, dont_inherit=True) for part in (tree, *parts)]
    except (SyntaxError, ValueError):
        return [], set()
    for code in codes:  # it grows
        codes += [value for value in code.co_consts if isinstance(value, types.CodeType)]
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    return [node for node in ast.walk(tree) if isinstance(node, functions)], set(codes)


def _steps(code: types.CodeType) -> Iterator[dis.Instruction]:
    """The instructions of a function, and of those inside it."""
    yield from dis.get_instructions(code)
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            yield from _steps(value)


def _globals(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """What a function reads by name from outside, with its value now."""
    steps = list(_steps(function.__code__))
    parts = {str(step.argval) for step in steps if step.opname in {"LOAD_ATTR", "LOAD_METHOD"}}
    imported = {str(step.argval) for step in steps if step.opname.startswith("IMPORT_")}
    for name in {str(s.argval) for s in steps if s.opname.startswith("LOAD_") and _by_name(s)}:
        if name in function.__globals__:
            yield from _with_parts(name, function.__globals__[name], parts)
    for name in imported & sys.modules.keys():
        yield from _with_parts(name, sys.modules[name], parts | imported)


def _by_name(step: dis.Instruction) -> bool:
    return step.opname == "LOAD_NAME" or "GLOBAL" in step.opname


def _with_parts(name: str, value: object, parts: set[str]) -> Iterator[tuple[str, object]]:
    """A value; of a module of the user's own those attributes that the function names."""
    yield name, value
    others = (*_LIBRARIES, *_PACKAGE)
    if isinstance(value, types.ModuleType) and not _file(value).startswith(others):
        for part in parts & vars(value).keys():
            yield from _with_parts(f"{name}.{part}", vars(value)[part], parts)


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
