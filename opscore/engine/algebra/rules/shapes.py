"""What leaves numbers as they are: identities, concatenation, sizes, parts of several results."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn

from opscore.engine.algebra.expressions import ZERO, Value
from opscore.engine.algebra.site import BATCH, Attribute, Rule, Site
from opscore.engine.trace.graph import shape_of


def images(at: Site) -> object:
    """The images themselves."""
    return at.layer("images", None)


def constant(at: Site) -> object:
    """A parameter, a buffer or a constant."""
    return Attribute(at.node)


def of_attributes(at: Site) -> object:
    """What is computed of such alone."""
    return Attribute(at.node, at.filled((at.node.args, dict(at.node.kwargs))))


def same(at: Site) -> object:
    """The first argument."""
    return at.first


def dropout(at: Site) -> object:
    """The first argument, where dropout does nothing."""
    probability = getattr(at.module(nn.Module), "p", 1.0)
    return NotImplemented if at.builder.dropout and probability else at.first


def concatenate(at: Site) -> object:
    """An atom of several inputs; of zeros alone, zeros."""
    parts, dim = at.several(), at.option("dim", 1, 0)
    if dim == 0 or parts is None:
        return NotImplemented
    return at.layer("cat", dim, *map(at.numbers, parts)) if any(map(at.value, parts)) else ZERO


def size(at: Site) -> object:
    """The shape of a tensor, or one of its sizes."""
    dim = at.option("dim", 1)
    return _sizes(at)[dim] if isinstance(dim, int) else _sizes(at)


def attribute(at: Site) -> object:
    """The shape of a tensor."""
    return _sizes(at) if at.node.args[1] == "shape" else NotImplemented


def _sizes(at: Site) -> tuple[object, ...]:
    return (BATCH, *shape_of(at.source))


def item(at: Site) -> object:
    """One of several results, or of sizes."""
    source: Any = at.first
    if isinstance(source, Value):
        return NotImplemented
    return source[at.filled(at.node.args[1])]


#: Rules of what is no call, by the kind of node.
GIVEN: dict[str, Rule] = {"placeholder": images, "get_attr": constant}

MODULES: dict[type[nn.Module], Rule] = {
    nn.Identity: same,
    nn.Dropout: dropout,
    nn.Dropout2d: dropout,
}

FUNCTIONS: dict[Any, Rule] = {
    torch.cat: concatenate,
    torch.concat: concatenate,
    "size": size,
    getattr: attribute,
    operator.getitem: item,
    "contiguous": same,
}
