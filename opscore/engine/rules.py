"""What layers and functions are as expressions: one short rule for each.

What has no rule is an atom that calls the plain module or function on the whole batch: slower,
never wrong. Of those in :data:`PER_IMAGE` it is known that images do not see each other in them, so
they may run on a part of the batch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from opscore.engine.expressions import ZERO, Builder, Coefficient, Value, scaled, total
from opscore.engine.trace import CannotTraceError, hooked, mix

#: Operation weights by edge.
Rows = Sequence[Sequence[Coefficient]]

#: What a node of the trace is in some state: a value, or a number, a size or the like.
Values = dict[fx.Node, Any]

#: (what makes atoms, node, what it reads) -> what it is; NotImplemented where it does not apply.
Rule = Callable[[Builder, fx.Node, Values], Any]


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape of a node for one image."""
    found: tuple[int, ...] = node.meta["shape"][1:]
    return found


class BatchSize:
    """Stands for the number of images, which is not known before they are run."""

    def __repr__(self) -> str:
        return "BATCH"


BATCH = BatchSize()


@dataclass(frozen=True)
class Attribute:
    """Stands for a parameter, buffer or constant, or for what is computed of such alone.

    It is computed when it is read, so that gradients reach the parameters.
    """

    node: fx.Node
    arguments: Any = field(default=((), {}), compare=False)


@dataclass(frozen=True)
class Call:
    """How a layer without a rule is computed.

    Attributes:
        node: which module, function or method it is.
        arguments: (args, kwargs); a :class:`Slot` stands for each input.
        per_image: whether it may run on some of the images.
        place: which of several results it is; None for a single one.
    """

    node: fx.Node
    arguments: Any = field(compare=False)
    per_image: bool = field(compare=False)
    place: int | None = None


@dataclass(frozen=True)
class Slot:
    """Stands for an input of a call, by its number."""

    number: int


@dataclass(frozen=True)
class Pool:
    """The settings of an average pooling: pairs of kernel, stride and padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    count_padding: bool


def value_of(b: Builder, node: fx.Node, values: Values, rows: Rows) -> Any:
    """What a node is, from those that it reads."""
    if node.op == "placeholder":
        return b.layer("images", None, (), shape_of(node))
    if node.op == "get_attr":
        return Attribute(node)
    if node.target is mix:
        return _mix(b, node, values, rows)
    if _reads_attributes_only(node, values):
        return Attribute(node, fx.map_arg((node.args, dict(node.kwargs)), values.__getitem__))
    rule = rule_of(b, node)
    if rule is not None:
        found = rule(b, node, values)
        if found is not NotImplemented:
            return found
    return call(b, node, values)


def _reads_attributes_only(node: fx.Node, values: Values) -> bool:
    read = [values[n] for n in node.all_input_nodes]
    return bool(read) and all(isinstance(value, Attribute) for value in read)


def rule_of(b: Builder, node: fx.Node) -> Rule | None:
    """The rule for a node, if there is one."""
    if not node.args or not isinstance(node.args[0], fx.Node | list | tuple):
        return FUNCTIONS.get(node.target) if node.target in _BINARY else None
    if node.op == "call_module":
        module = b.modules[str(node.target)]
        return None if hooked(module) else MODULES.get(type(module))
    return FUNCTIONS.get(node.target)


def call(b: Builder, node: fx.Node, values: Values) -> Any:
    """What a layer without a rule gives."""
    inputs: list[Value] = []

    def slot(n: fx.Node) -> Any:
        value = values[n]
        if isinstance(value, Value):
            inputs.append(b.tensor(value, shape_of(n)))
            return Slot(len(inputs) - 1)
        if isinstance(value, tuple | list) and any(isinstance(v, Value) for v in value):
            raise CannotTraceError(f"{node.target} reads several tensors that come together")
        return value

    arguments = fx.map_arg((node.args, dict(node.kwargs)), slot)
    if not inputs:
        return _plain_call(node, arguments)
    if not node.meta["by_image"]:
        raise CannotTraceError(f"{node.target} gives tensors that do not begin with the images")
    per_image = is_per_image(b, node, arguments)
    if "shapes" in node.meta:
        return tuple(
            b.layer("call", Call(node, arguments, per_image, place), inputs, shape[1:])
            for place, shape in enumerate(node.meta["shapes"])
        )
    if "shape" not in node.meta:
        raise CannotTraceError(f"{node.target} gives something that is no tensor")
    return b.layer("call", Call(node, arguments, per_image), inputs, shape_of(node))


def _plain_call(node: fx.Node, arguments: Any) -> Any:
    """A function of sizes and settings only."""
    args, kwargs = arguments
    flat: list[Any] = []
    fx.node.map_aggregate(arguments, flat.append)
    known = not any(isinstance(value, BatchSize | Attribute) for value in flat)
    if node.op == "call_function" and (known or node.target is operator.getitem):
        return node.target(*args, **kwargs)  # type: ignore[operator]
    raise CannotTraceError(f"{node.target} computes with the number of images or with a parameter")


def _mix(b: Builder, node: fx.Node, values: Values, rows: Rows) -> Value:
    edge, weights, outputs = node.args
    terms = []
    for weight, output in zip(weights, outputs, strict=True):  # type: ignore[arg-type]
        factor = weight if edge is None else rows[edge][weight]  # type: ignore[index]
        terms.append(scaled(values[output], factor))
    return total(terms)


def _input(b: Builder, node: fx.Node, values: Values) -> Value:
    """The first argument, as numbers."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return b.tensor(values[source], shape_of(source))


# Layers


def _convolution(b: Builder, node: fx.Node, values: Values) -> Any:
    conv = b.modules[str(node.target)]
    assert isinstance(conv, nn.Conv2d)
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return NotImplemented
    return b.layer("conv", (str(node.target), None), (_input(b, node, values),), shape_of(node))


def _batch_norm(b: Builder, node: fx.Node, values: Values) -> Any:
    norm = b.modules[str(node.target)]
    assert isinstance(norm, nn.BatchNorm2d)
    if not b.norms:
        return values[node.args[0]]  # type: ignore[index]
    if norm.running_mean is None:
        return NotImplemented
    x = _input(b, node, values)
    conv = x.alone
    if conv is not None and conv.kind == "conv" and conv.layer[1] is None:
        return b.layer("conv", (conv.layer[0], str(node.target)), conv.inputs, shape_of(node))
    return b.layer("affine", str(node.target), (x,), shape_of(node))


def _rectifier(kind: str) -> Rule:
    def rule(b: Builder, node: fx.Node, values: Values) -> Value:
        source = node.args[0]
        value = values[source]  # type: ignore[index]
        if not value:
            return ZERO
        return Value(((1.0, b.rectified(value, shape_of(node), kind)),))

    return rule


def _average_pool(b: Builder, node: fx.Node, values: Values) -> Any:
    pool = b.modules[str(node.target)]
    assert isinstance(pool, nn.AvgPool2d)
    if pool.ceil_mode or pool.divisor_override:
        return NotImplemented
    settings = Pool(
        _pair(pool.kernel_size),
        _pair(pool.stride),
        _pair(pool.padding),
        pool.count_include_pad,
    )
    return _linear_atom(b, "pool", settings, node, values)


def _linear_atom(b: Builder, kind: str, layer: Any, node: fx.Node, values: Values) -> Value:
    """A linear layer without a bias: zeros give zeros."""
    value: Value = values[node.args[0]]  # type: ignore[index]
    return b.layer(kind, layer, (value,), shape_of(node)) if value else ZERO


def _same(b: Builder, node: fx.Node, values: Values) -> Any:
    return values[node.args[0]]  # type: ignore[index]


def _dropout(b: Builder, node: fx.Node, values: Values) -> Any:
    dropout: Any = b.modules[str(node.target)]
    return NotImplemented if b.dropout and dropout.p else _same(b, node, values)


MODULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: _rectifier("relu"),
    nn.ReLU6: _rectifier("relu6"),
    nn.AvgPool2d: _average_pool,
    nn.Identity: _same,
    nn.Dropout: _dropout,
    nn.Dropout2d: _dropout,
}

# Functions and methods


def _add(b: Builder, node: fx.Node, values: Values) -> Any:
    terms = _operands(node, values)
    if len(terms) == 2 and 0 in terms[:1]:  # the built-in sum begins with zero
        return terms[1]
    return total(terms) if _same_shapes(node, terms) else NotImplemented


def _subtract(b: Builder, node: fx.Node, values: Values) -> Any:
    terms = _operands(node, values)
    if not _same_shapes(node, terms):
        return NotImplemented
    return total([terms[0], scaled(terms[1], -1.0)])


def _operands(node: fx.Node, values: Values) -> list[Any]:
    return [values[a] if isinstance(a, fx.Node) else a for a in node.args]


def _same_shapes(node: fx.Node, terms: Sequence[Any]) -> bool:
    """Whether all are tensors of one shape: then none is spread over another."""
    if node.kwargs or not all(isinstance(term, Value) for term in terms):
        return False
    return len({n.meta["shape"] for n in node.all_input_nodes}) == 1


def _multiply(b: Builder, node: fx.Node, values: Values) -> Any:
    terms = _operands(node, values)
    numbers = [t for t in terms if isinstance(t, int | float)]
    tensors = [t for t in terms if isinstance(t, Value)]
    if len(numbers) == 1 and len(tensors) == 1:
        return scaled(tensors[0], float(numbers[0]))
    return NotImplemented


def _stack(b: Builder, node: fx.Node, values: Values) -> Any:
    """Tensors that are only stacked to be added."""
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    if dim != 0 or len(node.users) != 1 or not all(map(_sums_over_first, node.users)):
        return NotImplemented
    return total([values[n] for n in node.args[0]])  # type: ignore[union-attr, index]


def _sums_over_first(node: fx.Node) -> bool:
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    known = (node.op == "call_method" and node.target == "sum") or node.target is torch.sum
    known &= len(node.args) < 3 and node.kwargs.keys() <= {"dim"}
    return known and dim in (0, (0,), [0])


def _sum(b: Builder, node: fx.Node, values: Values) -> Any:
    source = node.args[0]
    assert isinstance(source, fx.Node)
    added = source.target is torch.stack and len(source.users) == 1 and _sums_over_first(node)
    return values[source] if added else NotImplemented


def _concatenate(b: Builder, node: fx.Node, values: Values) -> Any:
    parts = node.args[0]
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    if dim == 0 or not isinstance(parts, list | tuple):
        return NotImplemented
    found = [values[n] for n in parts]  # type: ignore[index]
    if not any(found):
        return ZERO
    inputs = [b.tensor(v, shape_of(n)) for n, v in zip(parts, found, strict=True)]
    return b.layer("cat", dim, inputs, shape_of(node))


def _size(b: Builder, node: fx.Node, values: Values) -> Any:
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    sizes = _sizes(node)
    return sizes if dim is None else sizes[dim]  # type: ignore[index]


def _getattr(b: Builder, node: fx.Node, values: Values) -> Any:
    return _sizes(node) if node.args[1] == "shape" else NotImplemented


def _sizes(node: fx.Node) -> tuple[Any, ...]:
    """The shape of what a node reads."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return (BATCH, *shape_of(source))


def _getitem(b: Builder, node: fx.Node, values: Values) -> Any:
    source = values[node.args[0]]  # type: ignore[index]
    if isinstance(source, Value):
        return NotImplemented
    index = fx.map_arg(node.args[1], lambda n: values[n])
    return source[index]


FUNCTIONS: dict[Any, Rule] = {
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    "add": _add,
    "add_": _add,
    operator.sub: _subtract,
    operator.mul: _multiply,
    operator.imul: _multiply,
    torch.mul: _multiply,
    "mul": _multiply,
    torch.stack: _stack,
    "sum": _sum,
    torch.sum: _sum,
    torch.cat: _concatenate,
    torch.concat: _concatenate,
    functional.relu: _rectifier("relu"),
    torch.relu: _rectifier("relu"),
    "relu": _rectifier("relu"),
    "relu_": _rectifier("relu"),
    "size": _size,
    getattr: _getattr,
    operator.getitem: _getitem,
    "contiguous": _same,
}

#: Functions whose first argument may be a number.
_BINARY = frozenset({operator.add, operator.mul, torch.add, torch.mul})

# What may run on some of the images

_PER_IMAGE_MODULES = (
    nn.Linear,
    nn.Conv2d,
    nn.ConvTranspose2d,
    nn.AvgPool2d,
    nn.MaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Upsample,
    nn.ZeroPad2d,
    nn.PixelShuffle,
    nn.ChannelShuffle,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.Sigmoid,
    nn.Tanh,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.PReLU,
    nn.LeakyReLU,
    nn.Hardtanh,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Dropout,
    nn.Dropout2d,
)

_POINTWISE: frozenset[Any] = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.neg),
        *(torch.add, torch.sub, torch.mul, torch.div, torch.neg, torch.abs, torch.exp),
        *(torch.sigmoid, torch.tanh, torch.clamp, torch.sqrt, functional.sigmoid),
        *(functional.hardswish, functional.hardsigmoid, functional.silu, functional.gelu),
        *(functional.leaky_relu, functional.relu6, functional.elu),
        *(functional.avg_pool2d, functional.max_pool2d, functional.pad, functional.interpolate),
        *(functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d),
        *("add", "sub", "mul", "div", "neg", "abs", "exp", "sigmoid", "tanh", "clamp", "sqrt"),
    }
)

_REDUCTIONS: frozenset[Any] = frozenset(
    {"mean", "sum", "amax", "amin", torch.mean, torch.sum, torch.amax, torch.amin}
)

_FLATTENINGS: frozenset[Any] = frozenset({"flatten", torch.flatten})

_RESHAPINGS: frozenset[Any] = frozenset({"view", "reshape", torch.reshape})


def is_per_image(b: Builder, node: fx.Node, arguments: Any) -> bool:
    """Whether it is known that images do not see each other in a layer or function."""
    if node.op == "call_module":
        module = b.modules[str(node.target)]
        known = isinstance(module, _PER_IMAGE_MODULES)
        known &= type(module).__module__.startswith("torch.nn") and not hooked(module)
        return known or (isinstance(module, nn.Flatten) and module.start_dim >= 1)
    return any(test(node, *arguments) for test in _PER_IMAGE_TESTS)


def _pointwise(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A function of single positions or of windows of an image."""
    if node.target not in _POINTWISE or _holds_attribute((args, kwargs)):
        return False
    if node.target is functional.pad and len(args[1]) > 6:
        return False
    ranks = {len(n.meta.get("shape", ())) for n in node.all_input_nodes} - {0, 1}
    return len(ranks) <= 1


def _reduces(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A reduction over other dimensions than that of the images."""
    if node.target not in _REDUCTIONS:
        return False
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    rank = len(node.all_input_nodes[0].meta["shape"])
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    return all(isinstance(d, int) and d % rank != 0 for d in dims)


def _reshapes(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """Another shape for each image by itself."""
    if node.target in _FLATTENINGS:
        return bool(kwargs.get("start_dim", args[1] if len(args) > 1 else 0) == 1)
    if node.target in _RESHAPINGS:
        sizes = args[1] if isinstance(args[1], list | tuple) else args[1:]
        return bool(sizes) and sizes[0] is BATCH
    return False


def _takes_a_part(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A part of every image."""
    if node.target is not operator.getitem or not isinstance(args[1], tuple):
        return False
    return bool(args[1][0] == slice(None))


_PER_IMAGE_TESTS = (_pointwise, _reduces, _reshapes, _takes_a_part)


def _holds_attribute(arguments: Any) -> bool:
    flat: list[Any] = []
    fx.node.map_aggregate(arguments, flat.append)
    return any(isinstance(value, Attribute) for value in flat)


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])
