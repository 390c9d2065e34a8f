"""Expressions as steps of a computation, in an order in which they can be computed.

A step computes an atom, or a sum: convolutions of the same input that are added belong to one step,
and so does everything else that is added to them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from opscore.engine.algebra.expressions import Atom, Coefficient, Value, times

#: Convolutions with their coefficients.
Terms = tuple[tuple[Coefficient, Atom], ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One step.

    Attributes:
        atom: what is computed; None for a sum.
        inputs: the steps that it reads, each once, or in the order of the atom's inputs.
        convolutions: of a sum, convolutions that can become one, and the step that they read.
        linear: of a sum, steps and their coefficients.
        shape: that for one image and one state.
        wide: whether it differs between states that are side by side.
    """

    atom: Atom | None
    inputs: tuple[Step, ...]
    convolutions: tuple[tuple[Step, Terms], ...]
    linear: tuple[tuple[Step, Coefficient], ...]
    shape: tuple[int, ...]
    wide: bool

    @property
    def kind(self) -> str:
        """That of the atom, or 'sum'."""
        return "sum" if self.atom is None else self.atom.kind


class Steps:
    """Makes steps, each once. modules: layers by the names that atoms have."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = modules
        self._known: dict[Hashable, Step] = {}

    def of(self, value: Value) -> Step:
        """The step that gives a value."""
        atom = value.alone
        if atom is None or atom.kind == "conv":
            found = self._known.get(value)
            return found or self._known.setdefault(value, self._sum(value))
        if atom.kind == "sum":
            return self.of(atom.inputs[0])
        return self.of_atom(atom)

    def of_atom(self, atom: Atom) -> Step:
        """The step of an atom that is neither a sum nor a convolution."""
        found = self._known.get(atom)
        if found is None:
            inputs = tuple(self.of(value) for value in atom.inputs)
            found = Step(atom, inputs, (), (), atom.shape, atom.wide)
            self._known[atom] = found
        return found

    def _sum(self, value: Value) -> Step:
        groups: dict[Hashable, tuple[Step, list[tuple[Coefficient, Atom]]]] = {}
        linear = []
        for c, atom in value:
            if atom.kind == "conv":
                source = self.of(atom.inputs[0])
                group = (source, mergeable(self.modules[atom.layer[0]]))
                groups.setdefault(group, (source, []))[1].append((c, atom))
            else:
                linear.append((self.of(Value(((1.0, atom),))), c))
        convolutions = tuple((source, tuple(terms)) for source, terms in groups.values())
        inputs = dict.fromkeys([source for source, _ in (*convolutions, *linear)])
        return Step(None, tuple(inputs), convolutions, tuple(linear), value[0][1].shape, value.wide)


def mergeable(conv: nn.Module) -> Hashable:
    """The same for convolutions of one input whose sum is one convolution.

    Kernels of several sizes are added where the middle of each is on the pixel.
    """
    assert isinstance(conv, nn.Conv2d)
    square = conv.kernel_size[0] == conv.kernel_size[1] and conv.dilation[0] == conv.dilation[1]
    pairs = zip(conv.kernel_size, conv.padding, conv.dilation, strict=True)
    centred = square and all(k % 2 == 1 and p == d * (k // 2) for k, p, d in pairs)
    place = () if centred else (conv.kernel_size, conv.padding)
    return conv.stride, conv.dilation, conv.groups, place


def ordered(wanted: Iterable[Step], known: Iterable[Step] = ()) -> list[Step]:
    """The steps that lead to what is wanted, beside what is known, each after what it reads."""
    found: dict[Step, None] = {}
    known = set(known)
    for step in wanted:
        stack = [(step, False)]
        while stack:
            top, read = stack.pop()
            if read:
                found[top] = None
            elif top not in found and top not in known:
                stack.append((top, True))
                stack += [(source, False) for source in reversed(top.inputs)]
    return list(found)


def written(steps: Sequence[Step]) -> str:
    """Steps as they are computed, a line for each, for people to read."""
    name = {step: f"[{place}]" for place, step in enumerate(steps)}
    lines = []
    for step in steps:
        parts = [times(c, name[source]) for source, c in step.linear]
        for source, terms in step.convolutions:
            one = " + ".join(times(c, atom.name) for c, atom in terms)
            parts.append(f"({one}) of {name[source]}")
        if step.atom is not None:
            read = ", ".join(name[source] for source in step.inputs)
            parts = [f"{step.atom.name} of {read}" if read else step.atom.name]
        lines.append(f"{name[step]} = {' + '.join(parts)}")
    return "\n".join(lines)


def last_uses(steps: Sequence[Step]) -> dict[Step, int]:
    """The place of the last step that reads each."""
    return {source: place for place, step in enumerate(steps) for source in step.inputs}
