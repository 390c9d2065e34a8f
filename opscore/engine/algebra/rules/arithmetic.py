"""Sums and multiples: arithmetic of linear combinations, no layers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import fx

from opscore.engine.algebra.expressions import Value, scaled, total
from opscore.engine.algebra.site import Rule, Site


def mixture(at: Site) -> Value:
    """A choice: the sum of its candidates, each times its weight."""
    edge, weights, outputs = at.node.args
    assert isinstance(weights, tuple)
    assert isinstance(outputs, tuple)
    terms = []
    for weight, output in zip(weights, outputs, strict=True):
        factor = at.rows[edge][weight] if isinstance(edge, int) else weight
        terms.append(scaled(at.value(output), factor))
    return total(terms)


def add(at: Site) -> object:
    """a + b."""
    terms = at.operands()
    if len(terms) == 2 and isinstance(terms[0], int) and terms[0] == 0:
        return terms[1]  # the built-in sum begins with zero
    return total(terms) if _are_alike(terms, at.node) else NotImplemented


def subtract(at: Site) -> object:
    """a - b."""
    terms = at.operands()
    if not _are_alike(terms, at.node):
        return NotImplemented
    return total([terms[0], scaled(terms[1], -1.0)])


def _are_alike(terms: Sequence[object], node: fx.Node) -> TypeGuard[Sequence[Value]]:
    """Whether all are tensors of one shape: then none is spread over another."""
    if node.kwargs or not all(isinstance(term, Value) for term in terms):
        return False
    return len({n.meta["shape"] for n in node.all_input_nodes}) == 1


def multiply(at: Site) -> object:
    """A number times a tensor."""
    terms = at.operands()
    numbers = [t for t in terms if isinstance(t, int | float)]
    tensors = [t for t in terms if isinstance(t, Value)]
    if len(numbers) == 1 and len(tensors) == 1:
        return scaled(tensors[0], float(numbers[0]))
    return NotImplemented


def stack(at: Site) -> object:
    """Tensors that are only stacked to be added: their sum."""
    users, parts = at.node.users, at.several()
    if at.option("dim", 1, 0) != 0 or len(users) != 1 or not all(map(_sums_over_first, users)):
        return NotImplemented
    return NotImplemented if parts is None else total([at.value(part) for part in parts])


def add_stacked(at: Site) -> object:
    """The sum over what was stacked, which has been taken."""
    source = at.source
    added = source.target is torch.stack and len(source.users) == 1 and _sums_over_first(at.node)
    return at.first if added else NotImplemented


def _sums_over_first(node: fx.Node) -> bool:
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    known = (node.op == "call_method" and node.target == "sum") or node.target is torch.sum
    known &= len(node.args) < 3 and node.kwargs.keys() <= {"dim"}
    return known and dim in (0, (0,), [0])


#: Functions and methods that add two tensors.
SUMS: frozenset[Any] = frozenset({operator.add, operator.iadd, torch.add, "add", "add_"})

FUNCTIONS: dict[Any, Rule] = {
    **dict.fromkeys(SUMS, add),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul"), multiply),
    operator.sub: subtract,
    torch.stack: stack,
    **dict.fromkeys((torch.sum, "sum"), add_stacked),
}

#: Functions whose first argument may be a number.
NUMBER_FIRST = frozenset({operator.add, operator.mul, torch.add, torch.mul})
