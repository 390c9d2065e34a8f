"""Which layers of a network the engine computes by a rule, and which it calls as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import fx, nn

from opscore.engine.algebra.expressions import Value
from opscore.engine.algebra.networks import Networks
from opscore.engine.algebra.site import Attribute, Call
from opscore.engine.trace.graph import CannotTraceError, Trace, mix, modules_of, place_of
from opscore.engine.trace.known import trace
from opscore.supernets.base import Supernet

#: By a rule, or as it is: on pieces of the batch, or on the whole batch, which is the slowest way.
Way = Literal["rule", "image", "batch"]


@dataclass(frozen=True)
class Computed:
    """A call of a layer or function in the forward pass.

    Attributes:
        kind: the layer's class or the function's name.
        place: its path in the tree of modules; of a function its node, and the module it is in.
        way: how it is computed.
    """

    kind: str
    place: str
    way: Way


@dataclass(frozen=True)
class Coverage:
    """How a network's layers and functions are computed.

    Attributes:
        reason: why the network cannot be read, and where; None if it can. If not, it runs as it
            is.
        calls: in the order of the forward pass.
        unused: layers with weights that the forward pass does not call.
    """

    reason: str | None
    calls: tuple[Computed, ...] = ()
    unused: tuple[str, ...] = ()

    def kinds(self, way: Way) -> Counter[str]:
        """How many of each kind are computed this way."""
        return Counter(call.kind for call in self.calls if call.way == way)


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
        return Coverage(str(error))


def _coverage(traced: Trace, network: nn.Module) -> Coverage:
    modules = modules_of(network)
    rows: list[list[float]] = []
    if isinstance(network, Supernet):
        rows = [[1.0] * network.space.max_operations] * len(network.space.edges)
    calls = []
    for node, value in Networks(traced, modules).values(rows).items():
        settings = isinstance(value, Attribute) or "shape" not in node.meta
        if not settings and node.op != "placeholder":
            calls.append(Computed(_kind(node, modules), place_of(node), _way(node, value)))
    called = [str(node.target) for node in traced.nodes if node.op == "call_module"]
    unused = [
        name.removeprefix("network.")
        for name, module in modules.items()
        if next(module.parameters(recurse=False), None) is not None
        and not any(name == own or name.startswith(f"{own}.") for own in called)
    ]
    return Coverage(None, tuple(calls), tuple(unused))


def _way(node: fx.Node, value: object) -> Way:
    atoms = [atom for _, atom in value] if isinstance(value, Value) else []
    own = [a.layer for a in atoms if isinstance(a.layer, Call) and a.layer.node is node]
    if not own:
        return "rule"
    return "image" if all(call.per_image for call in own) else "batch"


def _kind(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    if node.op == "call_module":
        return type(modules[str(node.target)]).__name__
    if node.target is mix:
        return "Choice"
    return str(getattr(node.target, "__name__", node.target))
