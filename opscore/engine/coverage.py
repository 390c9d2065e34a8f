"""Which layers of a network the engine computes by a rule, and which it calls as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import fx, nn

from opscore.engine.algebra.expressions import Builder, Value
from opscore.engine.algebra.rules import value_of
from opscore.engine.algebra.site import Attribute, Call, Values
from opscore.engine.trace import CannotTraceError, Trace, mix, modules_of, trace
from opscore.supernets.base import Supernet


@dataclass(frozen=True)
class Coverage:
    """How a network's layers and functions are computed, by their names with how many there are.

    Attributes:
        reason: why the network cannot be read; None if it can. If not, it runs as it is.
        by_rule: those that have a rule.
        per_image: those that are called as they are, on pieces of the batch.
        whole_batch: those that are called as they are, on the whole batch: the slowest way.
        unused: layers with weights that the forward pass does not call.
    """

    reason: str | None
    by_rule: Mapping[str, int]
    per_image: Mapping[str, int]
    whole_batch: Mapping[str, int]
    unused: tuple[str, ...]


def coverage(network: nn.Module, image_shape: Sequence[int] = (3, 32, 32)) -> Coverage:
    """How the engine computes a supernet or a stand-alone network.

    Args:
        network: left as it is.
        image_shape: [channels, height, width].
    """
    try:
        traced = trace(network, image_shape)
        return _coverage(traced, network)
    except CannotTraceError as error:
        return Coverage(str(error), {}, {}, {}, ())


def _coverage(traced: Trace, network: nn.Module) -> Coverage:
    modules = modules_of(network)
    builder = Builder(modules)
    edges = len(network.space.edges) if isinstance(network, Supernet) else 0
    width = network.space.max_operations if isinstance(network, Supernet) else 0
    rows = [[1.0] * width] * edges
    values = Values()
    found: dict[str, Counter[str]] = {name: Counter() for name in ("rule", "image", "batch")}
    called = set()
    for node in traced.nodes:
        value = values[node] = value_of(builder, node, values, rows)
        if node.op == "call_module":
            called.add(str(node.target))
        known = isinstance(value, Attribute) or "shape" not in node.meta
        if known or node.op == "placeholder":
            continue
        found[_way(node, value)][_name(node, modules)] += 1
    unused = [
        name.removeprefix("network.")
        for name, module in modules.items()
        if next(module.parameters(recurse=False), None) is not None
        and not any(name == own or name.startswith(f"{own}.") for own in called)
    ]
    return Coverage(None, found["rule"], found["image"], found["batch"], tuple(unused))


def _way(node: fx.Node, value: object) -> str:
    """'rule', or on what a node is called as it is: each 'image' or the whole 'batch'."""
    atoms = [atom for _, atom in value] if isinstance(value, Value) else []
    own = [a.layer for a in atoms if isinstance(a.layer, Call) and a.layer.node is node]
    if not own:
        return "rule"
    return "image" if all(call.per_image for call in own) else "batch"


def _name(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    if node.op == "call_module":
        return type(modules[str(node.target)]).__name__
    if node.target is mix:
        return "Choice"
    return str(getattr(node.target, "__name__", node.target))
