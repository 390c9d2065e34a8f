"""What has no rule: an atom that calls the plain module or function. Slower, never wrong."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx

from opscore.engine.algebra.expressions import Value
from opscore.engine.algebra.rules.by_image import is_per_image
from opscore.engine.algebra.site import Attribute, BatchSize, Call, Site, Slot
from opscore.engine.trace.graph import CannotTraceError, place_of, shape_of


def plain(at: Site) -> object:
    """A call of the module, function or method on what it reads."""
    node, inputs = at.node, list[Value]()

    def slot(n: fx.Node) -> Any:
        value = at.values[n]
        if isinstance(value, Value):
            inputs.append(at.numbers(n))
            return Slot(len(inputs) - 1)
        if isinstance(value, tuple | list) and any(isinstance(v, Value) for v in value):
            raise CannotTraceError(f"{place_of(node)} reads several tensors that come together")
        return value

    arguments = fx.map_arg((node.args, dict(node.kwargs)), slot)
    if not inputs:
        return _of_settings(node, arguments)
    if not node.meta["by_image"]:
        raise CannotTraceError(f"{place_of(node)} gives tensors that do not begin with the images")
    per_image = is_per_image(at, arguments)
    if "shapes" in node.meta:
        return tuple(
            at.builder.layer("call", Call(node, arguments, per_image, place), inputs, shape[1:])
            for place, shape in enumerate(node.meta["shapes"])
        )
    if "shape" not in node.meta:
        raise CannotTraceError(f"{place_of(node)} gives something that is no tensor")
    return at.builder.layer("call", Call(node, arguments, per_image), inputs, shape_of(node))


def _of_settings(node: fx.Node, arguments: Any) -> object:
    """A function of sizes and settings only."""
    args, kwargs = arguments
    flat: list[object] = []
    fx.node.map_aggregate(arguments, flat.append)
    known = not any(isinstance(value, BatchSize | Attribute) for value in flat)
    if callable(node.target) and (known or node.target is operator.getitem):
        return node.target(*args, **kwargs)
    raise CannotTraceError(
        f"{place_of(node)} computes with the number of images or with a parameter"
    )
