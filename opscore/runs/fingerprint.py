"""Fingerprints: short hashes of what a result depends on, be it settings, numbers or code.

Settings are plain values. Numbers (arrays, tensors) count by content. Code that users register
(a proxy, a policy, a search method, an image set) counts by what is executed: its bytecode, the
values that it closes over, and the helpers of its own package that it calls; comments, docstrings
and file names do not count. Code of opscore itself counts by name: :data:`RESULTS` is raised when
the same settings give other numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from opscore.errors import OpscoreError

#: Version of opscore's own numbers; raised when the same settings come to mean other numbers.
RESULTS = 1

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    str(Path(folder).resolve())
    for name, folder in sysconfig.get_paths().items()
    if name in {"stdlib", "platstdlib", "purelib", "platlib"}
)
#: What a class has without its author's doing.
_NOT_WRITTEN = frozenset({
    "__abstractmethods__", "__annotations__", "__dict__", "__doc__", "__firstlineno__",
    "__module__", "__qualname__", "__static_attributes__", "__weakref__", "_abc_impl",
    "__annotate__", "__annotate_func__", "__annotations_cache__",
})  # fmt: skip

#: Hashes of containers as they were when they were first looked at, with the container itself, so
#: that its id is not given to another. What fills while scores are made is no setting.
_first_seen: dict[int, tuple[object, str]] = {}


def canonical(key: Mapping[str, Any]) -> str:
    """The one text of a key of plain values; OpscoreError for a value that is not plain."""
    return json.dumps(_plain(key), sort_keys=True, separators=(",", ":"), allow_nan=False)


def hash_of(key: Mapping[str, Any]) -> str:
    """The first 16 hexadecimal digits of the sha256 of a key's text."""
    return hashlib.sha256(canonical(key).encode()).hexdigest()[:16]


def fingerprint(thing: object) -> str:
    """A hash of a value, an array, a function, a class or any object, by what it is made of."""
    return _Digest(thing).text()


def is_own(function: object) -> bool:
    """Whether a function or class belongs to opscore itself."""
    return _file(function).startswith(_PACKAGE)


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


class _Digest:
    """The hash of one thing, and of everything it is made of."""

    def __init__(self, root: object) -> None:
        self._hash = hashlib.sha256()
        self._seen: set[int] = set()
        self._home = _top(root)
        self.add(root)

    def text(self) -> str:
        """The first 16 hexadecimal digits."""
        return self._hash.hexdigest()[:16]

    def add(self, thing: object) -> None:
        """Take in one thing, whatever it is."""
        if thing is None or isinstance(thing, bool | int | float | complex | str | bytes):
            self._say(type(thing).__name__, repr(thing))
        elif isinstance(thing, np.ndarray | np.generic) or _is_tensor(thing):
            self._numbers(thing)
        elif id(thing) in self._seen:
            self._say("seen")
        else:
            self._seen.add(id(thing))
            self._add_new(thing)

    def _add_new(self, thing: object) -> None:
        if isinstance(thing, tuple | frozenset):
            self._collection(thing)
        elif isinstance(thing, list | dict | set | types.MappingProxyType):
            self._say(self._as_first_seen(thing))
        elif isinstance(thing, functools.partial):
            self._parts("partial", thing.func, thing.args, tuple(sorted(thing.keywords.items())))
        elif isinstance(thing, types.MethodType):
            self._parts("method", thing.__func__, thing.__self__)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, staticmethod | classmethod):
            self._parts("method", thing.__func__)
        elif isinstance(thing, property | functools.cached_property):
            self._parts("property", getattr(thing, "fget", getattr(thing, "func", None)))
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, types.ModuleType):
            self._say("module", thing.__name__)
        elif isinstance(thing, types.CodeType):
            self._code(thing, None)
        elif isinstance(thing, Path):
            self._say("path", str(thing))
        else:
            self._object(thing)

    def _say(self, *words: str) -> None:
        self._hash.update("\0".join(words).encode() + b"\1")

    def _parts(self, kind: str, *parts: object) -> None:
        self._say(kind, str(len(parts)))
        for part in parts:
            self.add(part)

    def _numbers(self, thing: Any) -> None:
        self._say("numbers", str(thing.dtype), str(tuple(thing.shape)))
        if _is_tensor(thing):
            import torch

            flat = thing.detach().cpu().contiguous().reshape(-1)
            array = flat.view(torch.uint8).numpy()
        else:
            array = np.asarray(thing)
        if array.dtype == object:
            self._parts("objects", *array.reshape(-1).tolist())
        else:
            self._hash.update(np.ascontiguousarray(array).data)

    def _collection(self, thing: Any) -> None:
        if isinstance(thing, dict | types.MappingProxyType):
            parts = [fingerprint(name) + fingerprint(value) for name, value in thing.items()]
        else:
            parts = [fingerprint(item) for item in thing]
        ordered = isinstance(thing, list | tuple)
        self._say(type(thing).__name__, *(parts if ordered else sorted(parts)))

    def _as_first_seen(self, thing: object) -> str:
        if id(thing) not in _first_seen:
            _first_seen[id(thing)] = thing, ""  # a container that holds itself ends here
            inner = _Digest(None)
            inner._collection(thing)
            _first_seen[id(thing)] = thing, inner.text()
        return _first_seen[id(thing)][1]

    def _function(self, function: types.FunctionType) -> None:
        if is_own(function):
            self._say("opscore", function.__qualname__)
            return
        self._say("function")
        self._code(function.__code__, function.__doc__)
        self._parts("defaults", function.__defaults__, _items(function.__kwdefaults__))
        if not self._is_ours(function):
            return
        written = _written(function.__code__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            if name not in written:
                self._parts("closure", name, _content(cell))
        for name, value in _globals(function):
            if name not in written and self._is_ours(value):
                self._parts("global", name, value)

    def _code(self, code: types.CodeType, doc: str | None) -> None:
        self._say("code", *code.co_names)
        self._hash.update(code.co_code)
        for place, value in enumerate(code.co_consts):
            if isinstance(value, types.CodeType):
                self._code(value, None)
            else:  # a docstring stands where there is None without one
                self.add(None if place == 0 and value == doc else value)

    def _class(self, cls: type) -> None:
        if is_own(cls) or not self._is_ours(cls):
            self._say("class", cls.__module__.partition(".")[0], cls.__qualname__)
            return
        self._say("class")
        for base in cls.__bases__:
            self.add(base)
        for name, value in sorted(vars(cls).items()):
            if name not in _NOT_WRITTEN and not isinstance(value, types.MemberDescriptorType):
                self._parts("attribute", name, value)

    def _object(self, thing: object) -> None:
        self.add(type(thing))
        if dataclasses.is_dataclass(thing):
            names = [field.name for field in dataclasses.fields(thing)]
            self._parts("fields", *(getattr(thing, name) for name in names))
        elif hasattr(thing, "__dict__"):
            self._parts(
                "attributes", *(part for item in sorted(vars(thing).items()) for part in item)
            )
        else:
            text = repr(thing)
            self._say("value", "" if " at 0x" in text else text)

    def _is_ours(self, thing: object) -> bool:
        """Whether a helper belongs to the thing that is hashed, and not to a library."""
        if isinstance(thing, types.ModuleType):
            return False
        if not isinstance(thing, types.FunctionType | type):
            return True
        return _top(thing) == self._home or not _file(thing).startswith(_LIBRARIES)


def _is_tensor(thing: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _top(thing: object) -> str:
    """The top package of a function, a class or an object's class."""
    owner = thing if isinstance(thing, types.FunctionType | type) else type(thing)
    return str(getattr(owner, "__module__", "")).partition(".")[0]


def _file(thing: object) -> str:
    """The file of a function or class; '' where there is none."""
    if isinstance(thing, types.FunctionType):
        return thing.__code__.co_filename
    owner = thing if isinstance(thing, type) else type(thing)
    module = sys.modules.get(owner.__module__)
    try:
        return inspect.getfile(module) if module is not None else ""
    except TypeError:  # built into the interpreter
        return _LIBRARIES[0]


def _written(code: types.CodeType) -> set[str]:
    """Variables outside a function that it assigns to: its state, not its settings."""
    import dis

    writes = {"STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF"}
    return {str(step.argval) for step in dis.get_instructions(code) if step.opname in writes}


def _globals(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """The global values that a function, or one defined inside it, may use, in order of name."""
    names: set[str] = set()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [value for value in code.co_consts if isinstance(value, types.CodeType)]
    for name in sorted(names):
        if name in function.__globals__:
            value = function.__globals__[name]
            if isinstance(value, types.ModuleType) and not _library_module(value):
                # helpers.scale(x): the attributes of that module that are named here.
                found = {part: getattr(value, part, None) for part in sorted(names)}
                yield from ((f"{name}.{part}", v) for part, v in found.items() if v is not None)
            else:
                yield name, value


def _library_module(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is None or str(file).startswith((*_LIBRARIES, _PACKAGE))


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _items(mapping: Mapping[str, object] | None) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((mapping or {}).items()))
