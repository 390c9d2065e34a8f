"""Search spaces and states: what can be chosen, and what is still open (paper, section 3.1)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opscore.errors import UserError, unknown


@dataclass(frozen=True)
class SearchSpace:
    """The edges of a supernet and the candidate operations of each.

    Attributes:
        name: the space's name on the command line and in tables.
        edges: a name for each edge, in the benchmark's order.
        operations: for each edge, the names of its candidate operations O_e, in order.
    """

    name: str
    edges: tuple[str, ...]
    operations: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.operations):
            raise UserError(
                f"space '{self.name}' has {len(self.edges)} edges "
                f"but operations for {len(self.operations)}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of operations on each edge."""
        return tuple(len(operations) for operations in self.operations)

    @property
    def max_operations(self) -> int:
        """The largest number of operations on any edge: the width of a weight table."""
        return max(self.shape)

    @property
    def size(self) -> int:
        """Number of architectures."""
        return math.prod(self.shape)

    def initial_state(self) -> State:
        """A_0: every operation of every edge still there."""
        return State(self, tuple((True,) * count for count in self.shape))

    def architecture(self, choices: Sequence[int | str]) -> State:
        """The state with one operation per edge, given by index or name."""
        if len(choices) != len(self.edges):
            raise UserError(
                f"an architecture of {self.name} has {len(self.edges)} operations, "
                f"one per edge; got {len(choices)}"
            )
        indices = [self.operation_index(edge, op) for edge, op in enumerate(choices)]
        return State(
            self,
            tuple(
                tuple(op == chosen for op in range(count))
                for chosen, count in zip(indices, self.shape, strict=True)
            ),
        )

    def parse(self, text: str) -> State:
        """The architecture that the benchmark writes as ``text``; UserError if it is malformed."""
        return self.architecture([part.strip() for part in text.split(",")])

    def format(self, state: State) -> str:
        """The benchmark's own string of an architecture."""
        return ",".join(
            self.operations[edge][op] for edge, op in enumerate(state.architecture_indices)
        )

    def edge_index(self, edge: int | str) -> int:
        """Index of an edge given by index or name."""
        return _index("edge", edge, self.edges)

    def operation_index(self, edge: int | str, operation: int | str) -> int:
        """Index of an operation of an edge, given by index or name."""
        return _index("operation", operation, self.operations[self.edge_index(edge)])


@dataclass(frozen=True, repr=False)
class State:
    """A_t, a partially discretized model: for every edge, which operations remain.

    Frozen and hashable; :meth:`discretize` and :meth:`perturb` return new states.

    Attributes:
        space: the search space.
        mask: for each edge, one boolean per operation; at least one is true.
    """

    space: SearchSpace
    mask: tuple[tuple[bool, ...], ...]

    def __post_init__(self) -> None:
        if tuple(len(row) for row in self.mask) != self.space.shape:
            raise UserError(f"the mask does not have the shape of space '{self.space.name}'")
        for edge, row in zip(self.space.edges, self.mask, strict=True):
            if not any(row):
                raise UserError(f"edge {edge} has no operation left")

    def remaining(self, edge: int | str) -> tuple[int, ...]:
        """Indices of the operations left on an edge."""
        row = self.mask[self.space.edge_index(edge)]
        return tuple(op for op, kept in enumerate(row) if kept)

    @property
    def open_edges(self) -> tuple[int, ...]:
        """Indices of the edges that still have a choice."""
        return tuple(edge for edge, row in enumerate(self.mask) if sum(row) > 1)

    @property
    def is_architecture(self) -> bool:
        """Whether one operation is left on every edge."""
        return not self.open_edges

    @property
    def architecture_indices(self) -> tuple[int, ...]:
        """The operation index of each edge; UserError while an edge is open."""
        if not self.is_architecture:
            names = ", ".join(self.space.edges[edge] for edge in self.open_edges)
            raise UserError(f"not an architecture yet: edges {names} are open")
        return tuple(row.index(True) for row in self.mask)

    @property
    def n_completions(self) -> int:
        """Number of architectures that can still be reached."""
        return math.prod(sum(row) for row in self.mask)

    def completions(self) -> Iterator[State]:
        """Every architecture that can still be reached."""
        edges = range(len(self.mask))
        for choices in itertools.product(*(self.remaining(edge) for edge in edges)):
            yield self.space.architecture(choices)

    def discretize(self, edge: int | str, operation: int | str) -> State:
        """A + (e, o): the edge keeps this operation only."""
        e, o = self._locate(edge, operation)
        return self._with_row(e, tuple(op == o for op in range(len(self.mask[e]))))

    def perturb(self, edge: int | str, operation: int | str) -> State:
        """A - (e, o): the edge loses this operation.

        UserError when it is the last one: a state keeps at least one operation on every edge.
        """
        e, o = self._locate(edge, operation)
        return self._with_row(e, tuple(k and op != o for op, k in enumerate(self.mask[e])))

    def _locate(self, edge: int | str, operation: int | str) -> tuple[int, int]:
        e = self.space.edge_index(edge)
        o = self.space.operation_index(e, operation)
        if not self.mask[e][o]:
            left = ", ".join(self.space.operations[e][op] for op in self.remaining(e))
            raise UserError(
                f"operation {self.space.operations[e][o]} is no longer on edge "
                f"{self.space.edges[e]}; left: {left}"
            )
        return e, o

    def _with_row(self, edge: int, row: tuple[bool, ...]) -> State:
        return State(self.space, (*self.mask[:edge], row, *self.mask[edge + 1 :]))

    def __repr__(self) -> str:
        return f"<State of {self.space.name}: {self}>"

    def __str__(self) -> str:
        if self.is_architecture:
            return self.space.format(self)
        rows = (
            f"{edge}: {'/'.join(ops[o] for o in self.remaining(e))}"
            for e, (edge, ops) in enumerate(
                zip(self.space.edges, self.space.operations, strict=True)
            )
        )
        return "; ".join(rows)


def _index(kind: str, key: int | str, names: tuple[str, ...]) -> int:
    if isinstance(key, str):
        if key not in names:
            raise unknown(kind, key, names)
        return names.index(key)
    if not 0 <= key < len(names):
        raise UserError(f"{kind} index {key} is outside 0..{len(names) - 1}")
    return int(key)
