"""What a network computes, read off its plain modules.

``torch.fx`` runs the plain forward pass on a stand-in for the images. Layers become nodes; a choice
becomes one node, :func:`mix`, that names its edge and the output of each candidate. Beside the
graph stands where the rectifiers are: what nwot counts. Nothing here holds a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from opscore.supernets.base import Supernet
from opscore.supernets.choice import (
    Choice,
    Removed,
    SymbolicRow,
    SymbolicWeights,
    WeightedSum,
    Wrapper,
    holds_rectifier,
)


class CannotTraceError(Exception):
    """A network that cannot be read; it says why, and where. It can still be run as it is."""


@dataclass(frozen=True)
class Candidate:
    """A candidate operation of an edge, and what it does when it is removed."""

    edge: int
    op: int
    removed: Removed


@dataclass(frozen=True)
class Rectifier:
    """A call of a module that the authors' hooks count: its class name contains 'ReLU'.

    Attributes:
        input: the node that it sees.
        carrier: where what it does can be seen: the output of its candidate, or its own.
        real: it rectifies; else it is called after what it holds.
        candidate: what it is part of; None outside of choices.
        wrapper: it is that candidate itself, and when it is removed sees its input as it is, not
            zeros.
    """

    input: fx.Node
    carrier: fx.Node
    real: bool
    candidate: Candidate | None
    wrapper: bool


@dataclass(frozen=True)
class Trace:
    """What a network computes.

    Attributes:
        nodes: in the order of the computation; ``meta['shape']`` is that for one image.
        rectifiers: what may be counted.
        images: the node of the images.
        output: the node of the logits.
    """

    nodes: tuple[fx.Node, ...]
    rectifiers: tuple[Rectifier, ...]
    images: fx.Node
    output: fx.Node

    def __str__(self) -> str:
        lines = []
        for node in self.nodes:
            edge = node.args[0] if node.target is mix else None
            what = place_of(node) if edge is None else f"choice {edge}"
            read = ", ".join(map(str, node.all_input_nodes))
            lines.append(f"{node} = {what} of {read}" if read else str(node))
        return "\n".join(lines)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape of a node for one image."""
    found: tuple[int, ...] = node.meta["shape"][1:]
    return found


def place_of(node: fx.Node) -> str:
    """Where a node is in the tree of modules: its path and class, or the module that calls it."""
    where = _innermost(node.meta.get("nn_module_stack", {}))
    if node.op == "call_module":
        own = f"'{str(node.target).removeprefix('network.')}'"
        return where if where.startswith(own) else own
    return f"'{node.name}' in {where}"


def _innermost(stack: Mapping[str, tuple[str, Any]]) -> str:
    """The innermost of modules that call each other, by its path and class."""
    path, kind = next(reversed([*stack.values()]), ("", None))
    named = path.removeprefix("network").removeprefix(".")
    return f"'{named}' ({getattr(kind, '__name__', kind)})" if named else "the network itself"


def mix(
    edge: int | None, weights: tuple[Any, ...], outputs: Sequence[Tensor], *, vanishes: bool = False
) -> Tensor:
    """A weighted sum. weights: places in the edge's row, or numbers where there is no edge.

    vanishes: whether there is nothing, not zeros, where no weight is left.

    Called only to find out shapes, for which the weights do not matter.
    """
    return torch.stack(list(outputs)).sum(dim=0)


def hooked(module: nn.Module) -> bool:
    """Whether something is called before or after a module, or its backward pass."""
    forward = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return bool(forward or module._backward_hooks or module._backward_pre_hooks)


def modules_of(network: nn.Module) -> dict[str, nn.Module]:
    """The modules of a network under the names that a trace gives them."""
    named = network.named_modules(remove_duplicate=False)
    return {f"network.{name}".removesuffix("."): module for name, module in named}


class _Whole(nn.Module):
    """A supernet, or a stand-alone network, as a function of images alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor
        if isinstance(self.network, Supernet):
            found = self.network(images, SymbolicWeights(len(self.network.space.edges)))
        else:
            found = self.network(images)
        return found


def read(network: nn.Module, image_shape: Sequence[int], images: int) -> Trace:
    """The trace of a network, in the mode that it is in, with so many images [C, H, W].

    CannotTraceError where its forward pass cannot be read.
    """
    whole = _Whole(network)
    tracer = _Tracer()
    with _failing_at(lambda: tracer.where):
        graph = tracer.trace(whole)
    like = next(network.parameters(), torch.zeros(()))
    shapes = _Shapes(whole, images, graph)
    with torch.no_grad(), _failing_at(lambda: place_of(shapes.at)):
        shapes.run(like.new_zeros(images, *image_shape))
    nodes = tuple(graph.nodes)
    _check_in_place(nodes, dict(whole.named_modules(remove_duplicate=False)), shapes.memory)
    returned = nodes[-1].all_input_nodes
    if len(returned) != 1:
        raise CannotTraceError("it does not return one tensor")
    return Trace(nodes[:-1], tuple(tracer.rectifiers), nodes[0], returned[0])


@contextmanager
def _failing_at(where: Callable[[], str]) -> Iterator[None]:
    """A block of which whatever is raised says that a network cannot be read, why and where."""
    try:
        yield
    except Exception as error:  # whatever a forward pass may raise on a stand-in
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        kind = "" if isinstance(error, CannotTraceError) else f"{type(error).__name__}: "
        raise CannotTraceError(f"{kind}{reason}, at {where()}") from error


class _Tracer(fx.Tracer):
    """Reads a forward pass.

    Attributes:
        rectifiers: those met so far.
        where: the module that a reading broke off in.
    """

    proxy_buffer_attributes = True  # a branch on one cannot be read

    def __init__(self) -> None:
        super().__init__()
        self.where = ""
        self.rectifiers: list[Rectifier] = []
        self._candidate: Candidate | None = None
        self._module: nn.Module | None = None

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        for kind in (Choice, WeightedSum):
            if isinstance(m, kind) and (hooked(m) or type(m).forward is not kind.forward):
                raise CannotTraceError(f"a {type(m).__name__} has hooks, or a forward of its own")
        if isinstance(m, Choice):
            return self._choice(m, *args, **kwargs)
        if isinstance(m, WeightedSum):
            return self._weighted_sum(*args, **kwargs)
        if "ReLU" in type(m).__name__:
            return self._rectifier(m, forward, args, kwargs)
        if self.is_leaf_module(m, "") and holds_rectifier(m):
            raise CannotTraceError(f"{type(m).__name__} hides a rectifier")
        return self._call(m, forward, args, kwargs)

    def _call(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """What a module gives; one that cannot be read becomes a single node."""
        last = next(iter(reversed(self.graph.nodes)))
        depth = len(self.module_stack)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.where = self.where or _innermost(self.module_stack)
            while len(self.module_stack) > depth:  # the tracer leaves the module on it
                self.module_stack.popitem()
            inner = any(isinstance(part, Choice | WeightedSum) for part in m.modules())
            if inner or holds_rectifier(m) or isinstance(m, Supernet) or m is self.root.network:
                raise
            for node in list(reversed(self.graph.nodes)):
                if node is last:
                    break
                self.graph.erase_node(node)
            self.where = ""
            return self.create_proxy("call_module", self.path_of_module(m), args, kwargs)

    def _rectifier(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        seen = args[0] if args else next(iter(kwargs.values()))
        place = len(self.rectifiers)
        output = self._call(m, forward, args, kwargs)
        real = isinstance(m, nn.ReLU | nn.ReLU6)
        wrapper = m is self._module and isinstance(m, Wrapper)
        found = Rectifier(seen.node, output.node, real, self._candidate, wrapper)
        self.rectifiers.insert(place, found)
        return output

    def _choice(self, m: Choice, x: Any, weights: Any, run_removed: bool = False) -> Any:
        if not isinstance(weights, SymbolicRow):
            held = zip(m.values(), weights, strict=False)
            terms = [(float(w), candidate(x)) for candidate, w in held if w]
            return self._mix(None, terms) if terms else m.nothing(x)
        if self._candidate is not None:
            raise CannotTraceError("a choice within a candidate of another")
        m.check_whole()
        terms = []
        for place, candidate in enumerate(m.values()):
            first = len(self.rectifiers)
            with self._inside(Candidate(weights.edge, place, m.removed), candidate):
                output = candidate(x)
            if output is not None:
                terms.append((place, output))
                own = [replace(r, carrier=output.node) for r in self.rectifiers[first:]]
                self.rectifiers[first:] = own
        return self._mix(weights.edge, terms, vanishes=m.vanishes)

    @contextmanager
    def _inside(self, candidate: Candidate, module: nn.Module) -> Iterator[None]:
        self._candidate, self._module = candidate, module
        try:
            yield
        finally:
            self._candidate = self._module = None

    def _weighted_sum(self, values: Sequence[Any], weights: Any) -> Any:
        if isinstance(weights, SymbolicRow):
            return self._mix(weights.edge, list(enumerate(values)))
        terms = [(float(w), value) for value, w in zip(values, weights, strict=False) if w]
        return self._mix(None, terms) if terms else values[0] * 0.0

    def _mix(
        self, edge: int | None, terms: Sequence[tuple[float, Any]], *, vanishes: bool = False
    ) -> fx.Proxy:
        weights, outputs = zip(*terms, strict=True)
        said = {"vanishes": True} if vanishes else {}
        return self.create_proxy("call_function", mix, (edge, weights, outputs), said)


class _Shapes(fx.Interpreter):
    """Notes the shapes of tensors, of several that come together, and the values of constants.

    Attributes:
        at: the node that is run.
        memory: where the numbers of each node are, to see which share it.
    """

    def __init__(self, whole: nn.Module, images: int, graph: fx.Graph) -> None:
        super().__init__(whole, graph=graph)
        self.at = next(iter(graph.nodes))
        self.images = images
        self.memory: dict[fx.Node, int] = {}
        self._alive: list[Tensor] = []  # so that memory is not used again

    def run_node(self, n: fx.Node) -> Any:
        self.at = n
        result = super().run_node(n)
        several = isinstance(result, list | tuple) and all(isinstance(r, Tensor) for r in result)
        parts = [result] if isinstance(result, Tensor) else list(result) if several else []
        n.meta["by_image"] = self.images == 1 or all(p.shape[:1] == (self.images,) for p in parts)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape)
        elif several:
            n.meta["shapes"] = [tuple(part.shape) for part in parts]
        if n.op == "get_attr" and "." not in str(n.target):
            n.meta["constant"] = result  # made by the forward pass
        if self.images > 1 and parts:
            self.memory[n] = parts[0].untyped_storage().data_ptr()
            self._alive += parts[:1]
        return result


def _check_in_place(
    nodes: Sequence[fx.Node], modules: dict[str, nn.Module], memory: dict[fx.Node, int]
) -> None:
    """CannotTraceError where something reads what has been overwritten."""
    order = {node: place for place, node in enumerate(nodes)}
    for place, node in enumerate(nodes):
        if not overwrites(node, modules):
            continue
        for seen in node.all_input_nodes[:1]:
            where = memory.get(seen)
            same = [n for n in nodes[:place] if where is not None and memory.get(n) == where]
            if any(order[user] > place for other in (seen, *same) for user in other.users):
                raise CannotTraceError(f"{place_of(node)} overwrites what is read later")


def overwrites(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a module, function or method writes into its first input."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    name = getattr(node.target, "__name__", str(node.target))
    return (name.endswith("_") and not name.endswith("__")) or bool(node.kwargs.get("inplace"))
