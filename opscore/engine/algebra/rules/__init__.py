"""What layers and functions are as expressions: one short rule for each, a file for each kind.

What has no rule is called as it is (:mod:`opscore.engine.algebra.rules.plain`), on pieces of the
batch where images are known not to see each other
(:mod:`opscore.engine.algebra.rules.by_image`), else on the whole batch.
"""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from opscore.engine.algebra.rules import arithmetic, convolution, norm, pooling, rectifier, shapes
from opscore.engine.algebra.rules.arithmetic import NUMBER_FIRST
from opscore.engine.algebra.rules.plain import plain
from opscore.engine.algebra.site import Attribute, Rule, Site
from opscore.engine.trace.graph import hooked, mix

#: Rules by the class of a module.
MODULES: dict[type[nn.Module], Rule] = {
    **convolution.MODULES,
    **norm.MODULES,
    **rectifier.MODULES,
    **pooling.MODULES,
    **shapes.MODULES,
}

#: Rules by function, or by the name of a method.
FUNCTIONS: dict[Any, Rule] = {**arithmetic.FUNCTIONS, **rectifier.FUNCTIONS, **shapes.FUNCTIONS}


def value_of(at: Site) -> object:
    """What a node is, from those that it reads."""
    rule = at.builder.rules.get(at.node)
    if rule is None:
        rule = at.builder.rules[at.node] = rule_of(at)
    found = rule(at)
    return plain(at) if found is NotImplemented else found


def rule_of(at: Site) -> Rule:
    """The rule for a node, the same in every state."""
    node, read = at.node, at.node.all_input_nodes
    if node.op in shapes.GIVEN:
        return shapes.GIVEN[node.op]
    if node.target is mix:
        return arithmetic.mixture
    if read and all(isinstance(at.values[n], Attribute) for n in read):
        return shapes.of_attributes
    if not node.args or not isinstance(node.args[0], fx.Node | list | tuple):
        return FUNCTIONS.get(node.target, plain) if node.target in NUMBER_FIRST else plain
    if node.op == "call_module":
        module = at.module(nn.Module)
        return plain if hooked(module) else MODULES.get(type(module), plain)
    return FUNCTIONS.get(node.target, plain)
