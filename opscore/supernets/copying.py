"""A deep copy of a network: what is computed on a network is computed on one of these.

A network that was handed over is never run, for its forward pass may alter it: count, keep what it
saw, set itself up on the first images. So nothing of a copy may lead back to the original either,
such as a hook that closes over a layer, or a forward pass that was compiled.

It is several times faster than ``copy.deepcopy``. A supernet has hundreds of small modules, each
with a dozen settings and empty tables of hooks; a general copy spends its time there. Here what
cannot change is shared, what is empty is made anew and plain weights are cloned; everything else is
copied as ``copy.deepcopy`` does. All share one memory of what has been copied, so that shared
weights stay shared.
"""

from __future__ import annotations

import copy
import functools
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from opscore.errors import UserError

N = TypeVar("N", bound=nn.Module)

#: Types whose values cannot change.
_CONSTANT = frozenset((bool, int, float, complex, str, bytes, type(None), type))

#: Containers that are made anew when they are empty, as tables of hooks mostly are.
_EMPTY = frozenset((dict, set, list, OrderedDict))

#: Copies by the id of their originals.
Memo = dict[int, Any]


def copy_network(network: N) -> N:
    """An independent copy of a network; of a compiled one the network that was compiled.

    Weights have no gradients in it. UserError that names what cannot be copied.
    """
    return cast(N, _copy(network, {}))


def _copy(module: nn.Module, memo: Memo) -> nn.Module:
    found = memo.get(id(module))
    if isinstance(found, nn.Module):
        return found
    kind: Any = type(module)
    if kind.__name__ == "OptimizedModule" and "_orig_mod" in module._modules:
        return _copy(cast(nn.Module, module._modules["_orig_mod"]), memo)
    if _has_a_way_of_its_own(kind):
        return _copied_its_own_way(module, memo)
    own: nn.Module = nn.Module.__new__(kind)
    memo[id(module)] = own
    name = ""
    try:
        for name, value in _attributes(module):
            own.__dict__[name] = value if type(value) in _CONSTANT else _part(name, value, memo)
        for name in _slots(kind):
            if hasattr(module, name):
                object.__setattr__(own, name, _value(getattr(module, name), memo))
    except UserError:
        raise
    except Exception as error:  # whatever the copying of an attribute raises
        raise _cannot(f"'{name}' of {kind.__name__}", error) from error
    return own


def _copied_its_own_way(module: nn.Module, memo: Memo) -> nn.Module:
    kind = type(module).__name__
    try:
        copied: nn.Module = copy.deepcopy(module, memo)
    except Exception as error:  # whatever its way raises
        raise _cannot(kind, error) from error
    parts = {id(part) for part in (*module.modules(), *module.parameters(), *module.buffers())}
    if any(id(p) in parts for p in (*copied.modules(), *copied.parameters(), *copied.buffers())):
        raise _cannot(kind, TypeError("its copy shares layers or weights with it"))
    return copied


def _cannot(what: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [""])[0]
    return UserError(
        f"nothing is computed on a network itself, only on a copy, and {what} cannot be copied "
        f"({type(error).__name__}: {reason})"
    )


def _part(name: str, value: Any, memo: Memo) -> Any:
    """A copy of an attribute of a module."""
    if name == "_modules":
        pairs = {key: None if m is None else _copy(m, memo) for key, m in value.items()}
        return type(value)(pairs)
    if name in ("_parameters", "_buffers"):
        return type(value)((key, _tensor(t, memo)) for key, t in value.items())
    return _value(value, memo)


@functools.cache
def _has_a_way_of_its_own(kind: type) -> bool:
    """Whether a class says how it is copied.

    Layers of torch say how an old file is taken (``__setstate__``), which plays no part here.
    """
    if hasattr(kind, "__deepcopy__"):
        return True
    written = [base for base in kind.__mro__ if base not in (nn.Module, object)]
    torchs = [base.__module__.startswith("torch.nn.modules") for base in written]
    return any(
        {"__getstate__", "__reduce__", "__reduce_ex__"} & vars(base).keys()
        or ("__setstate__" in vars(base) and not own)
        for base, own in zip(written, torchs, strict=True)
    )


def _attributes(module: nn.Module) -> list[tuple[str, Any]]:
    """What a module has of its own, but for its compiled form, which runs the module itself."""
    return [item for item in vars(module).items() if item[0] != "_compiled_call_impl"]


@functools.cache
def _slots(kind: type) -> tuple[str, ...]:
    found = [vars(base).get("__slots__", ()) for base in kind.__mro__]
    names = [name for row in found for name in ([row] if isinstance(row, str) else row)]
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _tensor(value: Tensor | None, memo: Memo) -> Any:
    """A copy of a weight or statistic: of a plain one by a clone."""
    if value is None or id(value) in memo:
        return None if value is None else memo[id(value)]
    if type(value) is nn.Parameter:
        copied: Tensor = nn.Parameter(_clone(value.data), value.requires_grad)
    elif type(value) is Tensor and not (value.requires_grad and value.is_leaf):
        copied = _clone(value.detach())  # also what was kept of a pass, with its history
    else:
        return copy.deepcopy(value, memo)
    memo[id(value)] = copied
    return copied


def _clone(value: Tensor) -> Tensor:
    return value.clone(memory_format=torch.preserve_format)


def _value(value: Any, memo: Memo) -> Any:
    kind = type(value)
    if kind in _CONSTANT or isinstance(value, type):
        return value
    if kind is tuple and all(type(item) in _CONSTANT for item in value):
        return value
    if id(value) not in memo:
        if kind in _EMPTY and not value:
            copied = kind()
        elif isinstance(value, nn.Module):
            copied = _copy(value, memo)
        elif isinstance(value, Tensor):
            copied = _tensor(value, memo)
        else:
            copied = _KINDS.get(kind, copy.deepcopy)(value, memo)
        memo[id(value)] = copied
    return memo[id(value)]


def _list(value: list[Any], memo: Memo) -> list[Any]:
    own = memo[id(value)] = []
    own.extend(_value(item, memo) for item in value)
    return own


def _dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    own = memo[id(value)] = type(value)()
    own.update((_value(name, memo), _value(item, memo)) for name, item in value.items())
    return own


def _tuple(value: tuple[Any, ...], memo: Memo) -> tuple[Any, ...]:
    return tuple(_value(item, memo) for item in value)


def _method(value: types.MethodType, memo: Memo) -> types.MethodType:
    return types.MethodType(_value(value.__func__, memo), _value(value.__self__, memo))


def _partial(value: functools.partial[Any], memo: Memo) -> functools.partial[Any]:
    keywords = {name: _value(item, memo) for name, item in value.keywords.items()}
    return functools.partial(_value(value.func, memo), *_tuple(value.args, memo), **keywords)


def _function(value: types.FunctionType, memo: Memo) -> types.FunctionType:
    """A function that closes over copies: a hook, say, that keeps what it sees in a layer."""
    if not value.__closure__ and not value.__defaults__:
        return value
    cells = tuple(memo.setdefault(id(cell), types.CellType()) for cell in value.__closure__ or ())
    own = types.FunctionType(value.__code__, value.__globals__, value.__name__, None, cells)
    memo[id(value)] = functools.update_wrapper(own, value)
    for cell, mine in zip(value.__closure__ or (), cells, strict=True):
        with_contents = _contents(cell)
        if with_contents and not _contents(mine):
            mine.cell_contents = _or_shared(with_contents[0], memo)
    own.__defaults__ = value.__defaults__ and tuple(_or_shared(v, memo) for v in value.__defaults__)
    own.__kwdefaults__ = value.__kwdefaults__
    return own


def _reference(value: weakref.ReferenceType[Any], memo: Memo) -> weakref.ReferenceType[Any]:
    """A weak reference, such as of a layer to the network that it is in."""
    referent = value()
    return weakref.ref(_copy(referent, memo)) if isinstance(referent, nn.Module) else value


def _contents(cell: types.CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # empty
        return []


def _or_shared(value: Any, memo: Memo) -> Any:
    """A copy of what a function holds; a log or a lock, which cannot be copied, is shared."""
    try:
        return _value(value, memo)
    except Exception:  # whatever its way of copying raises
        return value


#: Ways to copy, by the exact type.
_KINDS: dict[type, Callable[[Any, Memo], Any]] = {
    list: _list,
    dict: _dict,
    OrderedDict: _dict,
    tuple: _tuple,
    types.MethodType: _method,
    types.FunctionType: _function,
    functools.partial: _partial,
    weakref.ref: _reference,
}
