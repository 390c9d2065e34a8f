"""What layers and functions are as expressions: one short rule for each, a file for each kind.

What has no rule is called as it is (:mod:`opscore.engine.algebra.rules.plain`), on pieces of the
batch where images are known not to see each other
(:mod:`opscore.engine.algebra.rules.by_image`), else on the whole batch.
"""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from opscore.engine.algebra.expressions import Builder
from opscore.engine.algebra.rules import (
    arithmetic,
    convolution,
    norm,
    pooling,
    rectifier,
    shapes,
)
from opscore.engine.algebra.rules.plain import plain
from opscore.engine.algebra.site import Attribute, Rows, Rule, Site, Values
from opscore.engine.trace import hooked, mix, shape_of

#: Rules by the class of a module.
MODULES: dict[type[nn.Module], Rule] = {
    **convolution.MODULES,
    **norm.MODULES,
    **rectifier.MODULES,
    **pooling.MODULES,
    **shapes.MODULES,
}

#: Rules by function, or by the name of a method.
FUNCTIONS: dict[Any, Rule] = {
    **arithmetic.FUNCTIONS,
    **rectifier.FUNCTIONS,
    **shapes.FUNCTIONS,
}


def value_of(builder: Builder, node: fx.Node, values: Values, rows: Rows) -> object:
    """What a node is, from those that it reads."""
    if node.op == "placeholder":
        return builder.layer("images", None, (), shape_of(node))
    if node.op == "get_attr":
        return Attribute(node)
    at = Site(builder, node, values)
    if node.target is mix:
        return arithmetic.mixture(at, rows)
    if _reads_attributes_only(at):
        return Attribute(node, at.filled((node.args, dict(node.kwargs))))
    rule = rule_of(at)
    found = NotImplemented if rule is None else rule(at)
    return plain(at) if found is NotImplemented else found


def _reads_attributes_only(at: Site) -> bool:
    read = [at.values[n] for n in at.node.all_input_nodes]
    return bool(read) and all(isinstance(value, Attribute) for value in read)


def rule_of(at: Site) -> Rule | None:
    """The rule for a node, if there is one."""
    node = at.node
    if not node.args or not isinstance(node.args[0], fx.Node | list | tuple):
        return FUNCTIONS.get(node.target) if node.target in arithmetic.NUMBER_FIRST else None
    if node.op == "call_module":
        module = at.module(nn.Module)
        return None if hooked(module) else MODULES.get(type(module))
    return FUNCTIONS.get(node.target)
