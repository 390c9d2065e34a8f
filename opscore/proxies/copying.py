"""A deep copy of a network, several times faster than ``copy.deepcopy``.

A supernet has hundreds of small modules, each with a dozen settings and empty tables of hooks; a
general copy spends its time there. Here what cannot change is shared, what is empty is made anew
and plain weights are cloned; everything else is copied as ``copy.deepcopy`` does. All share one
memory of what has been copied, so that shared weights stay shared.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)

#: Types whose values cannot change.
_CONSTANT = (bool, int, float, complex, str, bytes, type(None), type)


def copy_network(network: N) -> N:
    """An independent copy of a network."""
    return cast(N, _copy(network, {}))


def _copy(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    found = memo.get(id(module))
    if isinstance(found, nn.Module):
        return found
    if hasattr(type(module), "__deepcopy__"):
        copied: nn.Module = copy.deepcopy(module, memo)
        return copied
    own = type(module).__new__(type(module))
    memo[id(module)] = own
    for name, value in vars(module).items():
        if name == "_modules":
            own.__dict__[name] = _children(value, memo)
        elif name in ("_parameters", "_buffers"):
            own.__dict__[name] = type(value)((n, _tensor(v, memo)) for n, v in value.items())
        else:
            own.__dict__[name] = _value(value, memo)
    return own


def _children(modules: dict[str, nn.Module | None], memo: dict[int, Any]) -> Any:
    pairs = {name: None if m is None else _copy(m, memo) for name, m in modules.items()}
    return type(modules)(pairs)


def _tensor(value: Tensor | None, memo: dict[int, Any]) -> Any:
    """A copy of a weight or statistic: of a plain one by a clone."""
    if value is None or id(value) in memo:
        return memo.get(id(value))
    if type(value) is nn.Parameter:
        copied: Tensor = nn.Parameter(_clone(value.data), value.requires_grad)
    elif type(value) is Tensor and not value.requires_grad:
        copied = _clone(value)
    else:
        return copy.deepcopy(value, memo)
    memo[id(value)] = copied
    return copied


def _clone(value: Tensor) -> Tensor:
    return value.clone(memory_format=torch.preserve_format)


def _value(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _CONSTANT):
        return value
    if isinstance(value, dict | set) and not value:
        return type(value)()
    if isinstance(value, tuple) and all(isinstance(item, _CONSTANT) for item in value):
        return value
    return copy.deepcopy(value, memo)
