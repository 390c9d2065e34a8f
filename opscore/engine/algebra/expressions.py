"""Expressions: what a network computes, as objects of which equal ones are one.

They are made only once, for all states: whatever two states, or two places of one network, have in
common is one object. An :class:`Atom` is the output of a layer. A :class:`Value` is a linear
combination of atoms, in which adding, weighting and dropping zeros are arithmetic, not layers:

* a batch norm with fixed statistics is part of the convolution before it;
* an operation of weight zero leaves nothing behind;
* convolutions of one value that are added will be one convolution.

Several states can be one graph, side by side: a coefficient is then one number for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

#: A number, or one for each of several states that are not all equal.
Coefficient = float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Atom:
    """The output of a layer.

    Attributes:
        number: of its making; what it depends on has smaller numbers.
        kind: what computes it, such as 'conv' or 'relu'.
        layer: what tells it from others of its kind: names of modules, a node, settings.
        inputs: values.
        shape: that for one image and one state.
        wide: whether it differs between states that are side by side.
    """

    number: int
    kind: str
    layer: Any
    inputs: tuple[Value, ...]
    shape: tuple[int, ...]
    wide: bool

    @property
    def name(self) -> str:
        """Its kind, and which layer it is."""
        parts = self.layer if type(self.layer) is tuple else (self.layer,)
        names = [str(part).removeprefix("network.") for part in parts if part is not None]
        return f"{self.kind} {' & '.join(names)}".strip()

    def __str__(self) -> str:
        read = ", ".join(map(str, self.inputs))
        return f"{self.name} of {read}" if read else self.name


class Value(tuple[tuple[Coefficient, Atom], ...]):
    """(coefficient, atom), by the atoms' numbers; without any it is zero."""

    __slots__ = ()

    @property
    def wide(self) -> bool:
        """Whether it differs between states that are side by side."""
        return any(atom.wide or isinstance(c, tuple) for c, atom in self)

    @property
    def alone(self) -> Atom | None:
        """The atom that it is, if it is one."""
        return self[0][1] if len(self) == 1 and self[0][0] == 1 else None

    def __str__(self) -> str:
        return " + ".join(times(c, f"#{atom.number}") for c, atom in self) or "0"


def below(*values: Value) -> Iterator[Atom]:
    """All atoms that values depend on, each once."""
    seen: set[Atom] = set()
    stack = [atom for value in values for _, atom in value]
    while stack:
        atom = stack.pop()
        if atom not in seen:
            seen.add(atom)
            yield atom
            stack += [inner for value in atom.inputs for _, inner in value]


def written(value: Value) -> str:
    """A value and the atoms that it depends on, a line for each, for people to read."""
    atoms = sorted(below(value), key=lambda atom: atom.number)
    return "\n".join([*(f"#{atom.number} = {atom}" for atom in atoms), str(value)])


def times(c: Coefficient, what: str) -> str:
    """So many times something, for people to read."""
    return what if c == 1 else f"{c} {what}"


ZERO = Value()


class Builder:
    """Makes atoms, each once.

    Args:
        modules: the network's layers by their names.
        norms: whether there are batch norms; without them they are the identity.
        dropout: whether dropout does anything.
        nothing_from_nothing: tells of a layer, by its kind and what it is, and the shapes of its
            inputs, whether zeros give zeros in it; None where that is not asked.

    Attributes:
        rules: that of each node of the trace, once it has been looked up.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        *,
        norms: bool = True,
        dropout: bool = False,
        nothing_from_nothing: Callable[[str, Any, list[tuple[int, ...]]], bool] | None = None,
    ) -> None:
        self.modules = modules
        self.norms = norms
        self.dropout = dropout
        self.nothing_from_nothing = nothing_from_nothing
        self.rules: dict[fx.Node, Callable[[Any], object]] = {}
        self._atoms: dict[Any, Atom] = {}

    def layer(self, kind: str, layer: Any, inputs: Sequence[Value], shape: Sequence[int]) -> Value:
        """The value of a layer's output; zeros give zeros where that is said of the layer."""
        if self.nothing_from_nothing is not None and inputs and all(map(_is_zero, inputs)):
            shapes = [value[0][1].shape for value in inputs if value]
            if self.nothing_from_nothing(kind, layer, shapes):
                return ZERO
        return Value(((1.0, self.atom(kind, layer, tuple(inputs), shape)),))

    def atom(self, kind: str, layer: Any, inputs: tuple[Value, ...], shape: Sequence[int]) -> Atom:
        """The atom of these inputs, made if it is not there yet; shape: for one image."""
        key = (kind, layer, inputs)
        found = self._atoms.get(key)
        if found is None:
            wide = any(value.wide for value in inputs)
            found = Atom(len(self._atoms), kind, layer, inputs, tuple(shape), wide)
            self._atoms[key] = found
        return found

    def tensor(self, value: Value, shape: Sequence[int]) -> Value:
        """A value where numbers are needed: zeros are an atom there."""
        return value or self.layer("zeros", tuple(shape), (), shape)

    def rectified(self, value: Value, shape: Sequence[int], kind: str = "relu") -> Atom:
        """The rectified value; of what is rectified already, that itself."""
        atom = value.alone
        if atom is not None and atom.kind in ("relu", "relu6") and kind in ("relu", atom.kind):
            return atom
        return self.atom(kind, None, (value,), shape)


def _is_zero(value: Value) -> bool:
    return not value or (value.alone is not None and value[0][1].kind == "zeros")


def combined(function: Any, *coefficients: Coefficient) -> Coefficient:
    """A function of coefficients, state by state."""
    if not any(isinstance(c, tuple) for c in coefficients):
        found: float = function(*coefficients)
        return found
    states = max(len(c) for c in coefficients if isinstance(c, tuple))
    columns = [c if isinstance(c, tuple) else (c,) * states for c in coefficients]
    return side_by_side([function(*column) for column in zip(*columns, strict=True)])


def side_by_side(numbers: Sequence[float]) -> Coefficient:
    """The coefficient of several states."""
    first = numbers[0]
    return first if all(number == first for number in numbers) else tuple(numbers)


def of_state(c: Coefficient, state: int) -> float:
    """The number of one of the states."""
    return c[state] if isinstance(c, tuple) else c


def nonzero(c: Coefficient) -> bool:
    """Whether a coefficient is not zero in some state."""
    return any(c) if isinstance(c, tuple) else c != 0


def added(a: Coefficient, b: Coefficient) -> Coefficient:
    """a + b."""
    return combined(float.__add__, a, b) if isinstance(a, tuple) or isinstance(b, tuple) else a + b


def multiplied(a: Coefficient, b: Coefficient) -> Coefficient:
    """a b."""
    return combined(float.__mul__, a, b) if isinstance(a, tuple) or isinstance(b, tuple) else a * b


def total(values: Sequence[Value]) -> Value:
    """The sum of values."""
    if len(values) == 1:
        return values[0]
    found: dict[Atom, Coefficient] = {}
    for value in values:
        for coefficient, atom in value:
            found[atom] = added(found[atom], coefficient) if atom in found else coefficient
    kept = [(c, atom) for atom, c in found.items() if nonzero(c)]
    kept.sort(key=lambda term: term[1].number)
    return Value(kept)


def scaled(value: Value, factor: Coefficient) -> Value:
    """A multiple of a value; of zero nothing is left."""
    if factor == 1:
        return value
    terms = [(multiplied(factor, c), atom) for c, atom in value]
    return Value([term for term in terms if nonzero(term[0])])
