"""What a network computes, read off its plain modules once.

``torch.fx`` runs the plain forward pass on a stand-in for the images. Layers become nodes; a choice
becomes one node, :func:`mix`, that names its edge and the output of each candidate. Beside the
graph stands where the rectifiers are: what nwot counts. Nothing here holds a weight.

What a forward pass does may depend on anything: its mode, a setting, a global of the notebook. So a
network is read anew each time that it is scored, in the mode that it is in. Networks that ship
(:func:`ships`) depend on their structure alone: one reading serves all of a structure.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from opscore.isolation import generator_states, own_generators
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
from opscore.supernets.copying import copy_network

#: Traces that are kept, the latest ones.
KEPT = 64

#: Images that a network of one's own is read with: few, and no usual number of channels, so that
#: a tensor which does not begin with the images is told from one that does.
IMAGES = 5

#: Packages whose networks and layers the tests prove.
_PROVED = ("opscore.supernets.", "torch.nn.")


class CannotTraceError(Exception):
    """A network that cannot be read; it says why. It can still be run as it is."""


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
        output: the node that it gives, or its last one.
        real: it rectifies; else it is called after what it holds.
        candidate: what it is part of; None outside of choices.
        wrapper: it is that candidate itself, and when it is removed sees its input as it is, not
            zeros.
    """

    input: fx.Node
    output: fx.Node
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


def mix(edge: int | None, weights: tuple[Any, ...], outputs: Sequence[Tensor]) -> Tensor:
    """A weighted sum. weights: places in the edge's row, or numbers where there is no edge.

    Called only to find out shapes, for which the weights do not matter.
    """
    return torch.stack(list(outputs)).sum(dim=0)


def trace(network: nn.Module, image_shape: Sequence[int]) -> Trace:
    """The trace of a supernet or of a stand-alone network for images [C, H, W].

    The network is left as it is. CannotTraceError when its forward pass cannot be read
    (:mod:`opscore.supernets.choice` tells how it must be written).
    """
    if len(image_shape) != 3:
        raise CannotTraceError(f"images have {len(image_shape)} dimensions where 3 are read")
    shape = tuple(image_shape)
    if ships(network):
        found = _kept(_known, (shape, structure(network)), network, shape)
    elif (readings := _readings.get()) is not None:
        found = _kept(readings, (shape, network, network.training), network, shape)
    else:
        found = _trace_or_reason(network, shape)
    if isinstance(found, str):
        raise CannotTraceError(found)
    return found


@contextmanager
def read_once() -> Iterator[None]:
    """A block in which nobody changes a network, so that each is read once."""
    token = _readings.set(OrderedDict())
    try:
        yield
    finally:
        _readings.reset(token)


def ships(network: nn.Module) -> bool:
    """Whether a network and all its layers are of this package or torch, without hooks.

    The tests prove what the engine makes of those.
    """
    return type(network).__module__.startswith(_PROVED[0]) and not any(
        hooked(module) or not f"{type(module).__module__}.".startswith(_PROVED)
        for module in network.modules()
    )


def hooked(module: nn.Module) -> bool:
    """Whether something is called before or after a module."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def reading(network: nn.Module, image_shape: Sequence[int]) -> Hashable:
    """What networks have in common that compute the same but for weights and statistics.

    Of a network of one's own that is what is read of it now, or why it cannot be read.
    """
    if ships(network):
        return structure(network)
    try:
        traced = trace(network, image_shape)
    except CannotTraceError as error:
        return structure(network), str(error)
    steps = [(n.name, n.op, str(n.target), str(n.args), str(n.kwargs)) for n in traced.nodes]
    counted = [(str(r.input), r.real, r.candidate, r.wrapper) for r in traced.rectifiers]
    return structure(network), network.training, *steps, *counted


def modules_of(network: nn.Module) -> dict[str, nn.Module]:
    """The modules of a network under the names that a trace gives them."""
    named = network.named_modules(remove_duplicate=False)
    return {f"network.{name}".removesuffix("."): module for name, module in named}


Known = OrderedDict[Hashable, "Trace | str"]


def _kept(known: Known, key: Hashable, network: nn.Module, shape: Sequence[int]) -> Trace | str:
    with _lock:
        found = known.get(key)
        if found is None:
            found = known[key] = _trace_or_reason(network, shape)
        known.move_to_end(key)
        while len(known) > KEPT:
            known.popitem(last=False)
    return found


_known: Known = OrderedDict()
_readings: ContextVar[Known | None] = ContextVar("readings", default=None)
_lock = threading.RLock()

#: What every module has beside what its own class sets.
_COMMON = frozenset(vars(nn.Module()))


def structure(network: nn.Module) -> Hashable:
    """What networks have in common that compute the same but for weights and statistics."""
    parts = []
    for name, module in network.named_modules(remove_duplicate=False):
        own = [(k, _frozen(v)) for k, v in vars(module).items() if k not in _COMMON]
        tensors = [(k, t is None) for k, t in module.named_parameters(recurse=False)]
        parts.append((name, type(module), *own, *tensors))
    return tuple(parts)


class _Same:
    """An object that equals itself alone, for settings that cannot be compared."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _frozen(value: Any, depth: int = 8) -> Hashable:
    """A value by its content, as far as that can be had; an object's is what it holds."""
    if depth == 0 or isinstance(value, Tensor | nn.Module):
        return _Same(value)
    if isinstance(value, list | tuple):
        return (type(value), *(_frozen(item, depth - 1) for item in value))
    if isinstance(value, dict):
        return tuple((_frozen(k, depth - 1), _frozen(v, depth - 1)) for k, v in value.items())
    if isinstance(value, set):
        return frozenset(value)
    hashes: Any = type(value).__hash__
    if hashes in (None, object.__hash__) and not callable(value):
        own = getattr(value, "__dict__", None)
        return _Same(value) if own is None else (type(value), _frozen(own, depth - 1))
    return value  # type: ignore[no-any-return]


def _trace_or_reason(network: nn.Module, image_shape: Sequence[int]) -> Trace | str:
    try:
        # Layers that set themselves up on what they first see, or count, do so in a copy.
        if ships(network):
            return _in_eval(network, image_shape)
        with own_generators(0):
            before = generator_states()
            traced = _trace(copy_network(network), image_shape, IMAGES)
            if generator_states() != before:
                return "its forward pass draws random numbers"
            return traced
    except Exception as error:  # whatever a forward pass may raise on a stand-in
        reason = str(error).strip().splitlines()
        return f"{type(error).__name__}: {reason[0] if reason else 'no reason given'}"


def _in_eval(network: nn.Module, image_shape: Sequence[int]) -> Trace:
    was_training = [(module, module.training) for module in network.modules()]
    try:
        return _trace(network.eval(), image_shape, 1)
    finally:
        for module, training in was_training:
            module.training = training


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


def _trace(network: nn.Module, image_shape: Sequence[int], images: int) -> Trace:
    whole = _Whole(network)
    tracer = _Tracer()
    graph = tracer.trace(whole)
    like = next(network.parameters(), torch.zeros(()))
    shapes = _Shapes(whole, images, graph)
    with torch.no_grad():
        shapes.run(like.new_zeros(images, *image_shape))
    nodes = tuple(graph.nodes)
    _check_in_place(nodes, dict(whole.named_modules(remove_duplicate=False)), shapes.memory)
    (output,) = nodes[-1].all_input_nodes
    return Trace(nodes[:-1], tuple(tracer.rectifiers), nodes[0], output)


class _Tracer(fx.Tracer):
    proxy_buffer_attributes = True  # a branch on one cannot be read

    def __init__(self) -> None:
        super().__init__()
        self.rectifiers: list[Rectifier] = []
        self._candidate: Candidate | None = None
        self._module: nn.Module | None = None

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(m, Choice | WeightedSum) and hooked(m):
            raise CannotTraceError(f"a {type(m).__name__} has hooks")
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
        within = list(self.module_stack.items())
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.module_stack = OrderedDict(within)  # the tracer leaves the module on it
            inner = any(isinstance(part, Choice | WeightedSum) for part in m.modules())
            if inner or holds_rectifier(m) or isinstance(m, Supernet) or m is self.root.network:
                raise
            for node in list(reversed(self.graph.nodes)):
                if node is last:
                    break
                self.graph.erase_node(node)
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

    def _choice(self, m: Choice, x: fx.Proxy, weights: Any, run_removed: bool = False) -> Any:
        if not isinstance(weights, SymbolicRow):
            held = zip(m.values(), weights, strict=False)
            terms = [(float(w), candidate(x)) for candidate, w in held if w]
            return self._mix(None, terms) if terms else m.nothing(x)  # type: ignore[arg-type]
        if self._candidate is not None:
            raise CannotTraceError("a choice within a candidate of another")
        terms = []
        for place, candidate in enumerate(m.values()):
            with self._inside(Candidate(weights.edge, place, m.removed), candidate):
                terms.append((place, candidate(x)))
        return self._mix(weights.edge, terms)

    @contextmanager
    def _inside(self, candidate: Candidate, module: nn.Module) -> Iterator[None]:
        self._candidate, self._module = candidate, module
        try:
            yield
        finally:
            self._candidate = self._module = None

    def _weighted_sum(self, values: Sequence[fx.Proxy], weights: Any) -> Any:
        if isinstance(weights, SymbolicRow):
            return self._mix(weights.edge, list(enumerate(values)))
        terms = [(float(w), value) for value, w in zip(values, weights, strict=False) if w]
        return self._mix(None, terms) if terms else values[0] * 0.0  # type: ignore[operator]

    def _mix(self, edge: int | None, terms: Sequence[tuple[float, Any]]) -> fx.Proxy:
        weights, outputs = zip(*terms, strict=True)
        return self.create_proxy("call_function", mix, (edge, weights, outputs), {})


class _Shapes(fx.Interpreter):
    """Notes the shapes of tensors, of several that come together, and the values of constants.

    Attributes:
        memory: where the numbers of each node are, to see which share it.
    """

    def __init__(self, whole: nn.Module, images: int, graph: fx.Graph) -> None:
        super().__init__(whole, graph=graph)
        self.images = images
        self.memory: dict[fx.Node, int] = {}
        self._alive: list[Tensor] = []  # so that memory is not used again

    def run_node(self, n: fx.Node) -> Any:
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
                raise CannotTraceError(f"{node.target} overwrites what is read later")


def overwrites(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a module, function or method writes into its first input."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    name = getattr(node.target, "__name__", str(node.target))
    return (name.endswith("_") and not name.endswith("__")) or bool(node.kwargs.get("inplace"))
