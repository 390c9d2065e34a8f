"""What a rule is given: a node of the trace with what it reads; and what stands for no tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import fx, nn

from opscore.engine.algebra.expressions import ZERO, Builder, Coefficient, Value
from opscore.engine.trace.graph import CannotTraceError, place_of, shape_of

M = TypeVar("M", bound=nn.Module)

#: Operation weights by edge.
Rows = Sequence[Sequence[Coefficient]]


class Values(dict[fx.Node, object]):
    """What each node of the trace is in some state: a value, several, a size or the like."""

    def tensor(self, node: fx.Node) -> Value:
        """A node that gives a tensor; CannotTraceError for another one."""
        found = self[node]
        if not isinstance(found, Value):
            raise CannotTraceError(f"{place_of(node)} gives no tensor where one is read")
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
class Slot:
    """Stands for an input of a call, by its number."""

    number: int


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

    def __str__(self) -> str:
        return place_of(self.node)


@dataclass(slots=True)
class Site:
    """A node of the trace under some weights.

    Attributes:
        builder: makes atoms.
        node: mostly a call of a module, function or method.
        values: what the nodes before it are.
        rows: the weights.
    """

    builder: Builder
    node: fx.Node
    values: Values
    rows: Rows

    @property
    def name(self) -> str:
        """Of the module that is called."""
        return str(self.node.target)

    def module(self, kind: type[M]) -> M:
        """The module that is called, of this class."""
        found = self.builder.modules[self.name]
        assert isinstance(found, kind)
        return found

    @property
    def source(self) -> fx.Node:
        """The node that is the first argument."""
        found = self.node.args[0]
        assert isinstance(found, fx.Node)
        return found

    @property
    def first(self) -> object:
        """What the first argument is."""
        return self.values[self.source]

    def value(self, node: fx.Node | None = None) -> Value:
        """The first argument, or what a node gives, as a linear combination."""
        return self.values.tensor(node or self.source)

    def numbers(self, node: fx.Node | None = None) -> Value:
        """The same as numbers: zeros are an atom there."""
        return self.builder.tensor(self.value(node), shape_of(node or self.source))

    def several(self) -> list[fx.Node] | None:
        """The nodes that are the first argument together; None where one gives no tensor."""
        parts = self.node.args[0]
        nodes = [n for n in parts if isinstance(n, fx.Node)] if isinstance(parts, Sequence) else []
        tensors = [n for n in nodes if isinstance(self.values[n], Value)]
        return tensors if tensors and len(tensors) == len(nodes) else None

    def operands(self) -> list[object]:
        """All arguments."""
        return [self.values[a] if isinstance(a, fx.Node) else a for a in self.node.args]

    def filled(self, arguments: Any) -> Any:
        """Arguments of the call, with what the nodes in them are."""
        values: Mapping[fx.Node, Any] = self.values
        return fx.map_arg(arguments, values.__getitem__)

    def option(self, name: str, place: int, default: object = None) -> object:
        """A setting of the call, by its place or its name."""
        args = self.node.args
        return args[place] if len(args) > place else self.node.kwargs.get(name, default)

    def layer(self, kind: str, layer: object, *inputs: Value) -> Value:
        """The value of a layer's output."""
        return self.builder.layer(kind, layer, inputs, shape_of(self.node))

    def zero_preserving(self, kind: str, layer: object) -> Value:
        """The value of a layer of one input that gives zeros for zeros."""
        value = self.value()
        return self.layer(kind, layer, value) if value else ZERO


#: What a node is, from those that it reads; NotImplemented where the rule does not apply.
Rule = Callable[[Site], object]
