"""Search spaces and states: what can be chosen, and what is still open (paper, section 3.1)."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from opscore.errors import UserError, unknown
from opscore.registry import Registry
from opscore.spaces.graphs import Graph, chain, graph_of

#: What an edge keeps: an operation by index or name, or several.
Pick = int | str | Sequence[int | str]
#: One choice for each edge, in the edges' order or by edge.
Picks = Sequence[Pick] | Mapping[Any, Pick]


@dataclass(frozen=True)
class SearchSpace:
    """The edges of a supernet and the candidate operations of each.

    Attributes:
        name: the space's name on the command line and in tables.
        edges: a name for each edge, in the benchmark's order.
        operations: for each edge, the names of its candidate operations O_e, in order.
        keeps: for each edge, how many of its operations an architecture keeps; one each where not
            given. 'Which two inputs has this node' is an edge whose operations are the possible
            inputs and that keeps two.
        stages: groups of edges (by index) that are decided one group after the other; all together
            where not given.
        weightless: names of the operations that have no weights, but where one must change width
            or resolution. What is not named has weights, or is a choice of inputs.
        identity: the one of these that hands its input on as it is; empty where there is none.
    """

    name: str
    edges: tuple[str, ...]
    operations: tuple[tuple[str, ...], ...]
    keeps: tuple[int, ...] = ()
    stages: tuple[tuple[int, ...], ...] = ()
    weightless: tuple[str, ...] = ()
    identity: str = ""

    def __post_init__(self) -> None:
        count = len(self.edges)
        if count != len(self.operations):
            raise UserError(
                f"space '{self.name}' has {count} edges but operations for {len(self.operations)}"
            )
        # The dataclass is frozen once it is made.
        object.__setattr__(self, "keeps", self.keeps or (1,) * count)
        object.__setattr__(self, "stages", self.stages or (tuple(range(count)),))
        if len(self.keeps) != count:
            raise UserError(
                f"space '{self.name}' has {count} edges but says of {len(self.keeps)} what is kept"
            )
        for edge, kept, offered in zip(self.edges, self.keeps, self.shape, strict=True):
            if not 1 <= kept <= offered:
                raise UserError(
                    f"edge {edge} of space '{self.name}' cannot keep {kept} of {offered} operations"
                )
        if sorted(edge for stage in self.stages for edge in stage) != list(range(count)):
            raise UserError(f"the stages of space '{self.name}' must hold each edge once")
        known = {op for operations in self.operations for op in operations}
        for op in (*self.weightless, *filter(None, [self.identity])):
            if op not in known:
                raise unknown(f"operation of space '{self.name}'", op, sorted(known))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of operations on each edge."""
        return tuple(len(operations) for operations in self.operations)

    @property
    def max_operations(self) -> int:
        """The largest number of operations on any edge: the width of a weight table."""
        return max(self.shape)

    @cached_property
    def choices(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each edge, everything that it may keep: sets of operation indices, in order.

        Where one operation is kept, choice number i is operation i.
        """
        return tuple(
            tuple(itertools.combinations(range(offered), kept))
            for kept, offered in zip(self.keeps, self.shape, strict=True)
        )

    @property
    def choice_counts(self) -> tuple[int, ...]:
        """Number of choices of each edge: the shape of a table of all architectures."""
        return tuple(
            math.comb(offered, kept) for kept, offered in zip(self.keeps, self.shape, strict=True)
        )

    @property
    def size(self) -> int:
        """Number of architectures, equal ones counted as often as they can be written."""
        return math.prod(self.choice_counts)

    @property
    def has_equals(self) -> bool:
        """Whether some architectures stand for the same network: :meth:`canonical` is its own."""
        return type(self).canonical is not SearchSpace.canonical

    @property
    def has_invalid(self) -> bool:
        """Whether some combinations are no architectures: :meth:`is_valid` is the space's own."""
        return type(self).is_valid is not SearchSpace.is_valid

    def canonical(self, architecture: State) -> State:
        """The one that stands for all architectures that are the same network.

        The architecture itself unless a space says otherwise. Equal ones are one candidate and one
        place in a ranking.
        """
        return architecture

    def written(self, architecture: State) -> State:
        """The architecture as the authors' program writes what a search decided.

        The architecture itself unless a space says otherwise.
        """
        return architecture

    def is_valid(self, architecture: State) -> bool:
        """Whether a combination is an architecture of the benchmark; all are unless overridden."""
        return True

    def live(self, architecture: State) -> State:
        """The architecture without what cannot reach its output.

        The architecture itself unless a space says otherwise. Architectures with the same live
        part compute the same; unlike equal ones (:meth:`canonical`) each may have been trained, so
        that they tell how much accuracy varies by chance.
        """
        return self.canonical(architecture)

    @property
    def kinds(self) -> dict[str, tuple[int, ...]]:
        """Edges that one speaks of together, by a name for them: those of each kind of cell.

        All edges of the first stage unless a space says otherwise.
        """
        return {"all edges": self.stages[0]}

    def by_cell(self, edges: Sequence[int]) -> list[tuple[int, ...]]:
        """Edges, choices of inputs among them, by the kind of cell that they are in.

        One group unless a space says otherwise.
        """
        return [tuple(edges)]

    def contained(self, architecture: State) -> tuple[tuple[int, int], ...]:
        """The (edge, operation)s that an architecture's network has.

        All that its edges keep unless a space says otherwise.
        """
        return tuple(
            (edge, op) for edge in range(len(self.edges)) for op in architecture.remaining(edge)
        )

    @cached_property
    def residual_edges(self) -> tuple[int, ...]:
        """Edges that alone join a cell's input to its output, beside other paths (by index).

        Found from :meth:`graphs`: the arrow that changes with the edge's operation leaves a node
        that no arrow enters and enters one that none leaves. A skip connection there makes a
        residual block of the cell. Empty where operations are nodes, or where the output puts
        several nodes side by side.
        """
        first = [0] * len(self.edges)
        before = self.graphs(self.architecture(self._numbered(first)))
        found = []
        for edge, count in enumerate(self.choice_counts):
            if count < 2:
                continue
            after = self.graphs(
                self.architecture(self._numbered([*first[:edge], 1, *first[edge + 1 :]]))
            )
            changed = [
                (graph, arrow)
                for old, new in zip(before, after, strict=True)
                for graph, others in ((old, new), (new, old))
                for arrow in graph.arrows
                if arrow not in others.arrows
            ]
            if changed and all(graph.is_shortcut(arrow) for graph, arrow in changed):
                found.append(edge)
        return tuple(found)

    def _numbered(self, choices: Sequence[int]) -> list[tuple[int, ...]]:
        """The operations of each edge's choice, by the choice's number."""
        return [self.choices[edge][number] for edge, number in enumerate(choices)]

    def stage_of(self, edge: int) -> int:
        """The number of the stage in which an edge is decided."""
        return next(number for number, stage in enumerate(self.stages) if edge in stage)

    def initial_state(self) -> State:
        """A_0: every operation of every edge still there."""
        return State(self, tuple((True,) * count for count in self.shape))

    def architecture(self, choices: Picks) -> State:
        """The state with one choice per edge.

        Args:
            choices: for each edge the operation, by index or name; for an edge that keeps several,
                these operations, or the number of the choice (:attr:`choices`). In the order of the
                edges, or by edge, given by index or name.
        """
        if isinstance(choices, str):
            return self.parse(choices)
        if isinstance(choices, Mapping):
            choices = self._in_order(choices)
        if len(choices) != len(self.edges):
            raise UserError(
                f"an architecture of {self.name} has {len(self.edges)} operations, "
                f"one per edge; got {len(choices)}"
            )
        rows = []
        for edge, choice in enumerate(choices):
            kept = self._kept_operations(edge, choice)
            rows.append(tuple(op in kept for op in range(self.shape[edge])))
        return State(self, tuple(rows))

    def as_architecture(self, given: State | str | Picks) -> State:
        """An architecture in any of its forms: a state, the benchmark's string, or the choices.

        UserError when it is of another space or malformed, or an edge of a state is open.
        """
        if not isinstance(given, State):
            return self.architecture(given)
        if given.space != self:
            raise UserError(f"an architecture of {self.name} is wanted, not of {given.space.name}")
        _ = given.architecture_indices  # says which edges are open
        return given

    def _in_order(self, choices: Mapping[Any, Pick]) -> list[Pick]:
        """Picks by edge as a list."""
        found = {self.edge_index(edge): choice for edge, choice in choices.items()}
        missing = [name for edge, name in enumerate(self.edges) if edge not in found]
        if missing:
            raise UserError(f"no operation for edge {', '.join(missing)}")
        return [found[edge] for edge in range(len(self.edges))]

    def _kept_operations(
        self, edge: int, choice: int | str | Sequence[int | str]
    ) -> tuple[int, ...]:
        """Indices of the operations of a choice; UserError for one that the edge does not have."""
        given: Sequence[int | str]
        if isinstance(choice, Sequence) and not isinstance(choice, str):
            given = choice
        elif self.keeps[edge] > 1 and not isinstance(choice, str):
            if not 0 <= choice < len(self.choices[edge]):
                raise UserError(
                    f"edge {self.edges[edge]} has choices 0..{len(self.choices[edge]) - 1}, "
                    f"not {choice}"
                )
            return self.choices[edge][choice]
        else:
            given = (choice,)
        kept = tuple(sorted({self.operation_index(edge, op) for op in given}))
        if len(kept) != self.keeps[edge]:
            raise UserError(
                f"edge {self.edges[edge]} keeps {self.keeps[edge]} of its operations, "
                f"got {len(kept)}"
            )
        return kept

    def parse(self, text: str) -> State:
        """The architecture that the benchmark writes as ``text``; UserError if it is malformed.

        Operations are separated by commas; those of an edge that keeps several are joined by '+'.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != len(self.edges):
            return self.architecture(parts)  # says what is wrong
        return self.architecture(
            [
                part.split("+") if kept > 1 else part
                for part, kept in zip(parts, self.keeps, strict=True)
            ]
        )

    def format(self, state: State) -> str:
        """The benchmark's own string of an architecture."""
        if not state.is_architecture:
            _ = state.architecture_indices  # says which edges are open
        return ",".join(
            "+".join(names[op] for op in state.remaining(edge))
            for edge, names in enumerate(self.operations)
        )

    def graphs(self, architecture: State) -> tuple[Graph, ...]:
        """The architecture as pictures show it, a graph for each kind of cell.

        Unless a space says otherwise: operations stand on the arrows where edges are called
        'source->target'; else edges are nodes one after the other.
        """
        _ = architecture.architecture_indices  # says which edges are open
        chosen = [
            ", ".join(names[op] for op in architecture.remaining(edge))
            for edge, names in enumerate(self.operations)
        ]
        cell = graph_of(self.edges, chosen, "cell")
        if cell is not None:
            return (cell,)
        steps = [f"{edge}\n{ops}" for edge, ops in zip(self.edges, chosen, strict=True)]
        return (chain("network", ["images", *steps, "output"]),)

    def edge_index(self, edge: int | str) -> int:
        """Index of an edge given by index or name."""
        return _index("edge", edge, self.edges)

    def operation_index(self, edge: int | str, operation: int | str) -> int:
        """Index of an operation of an edge, given by index or name."""
        return _index("operation", operation, self.operations[self.edge_index(edge)])


#: Search spaces by name; each file of this room adds its own, and other packages add theirs
#: through the entry-point group.
SPACES: Registry[SearchSpace] = Registry("space", entry_points="opscore.spaces")


@dataclass(frozen=True, repr=False)
class State:
    """A_t, a partially discretized model: for every edge, which operations remain.

    An edge is decided when as many operations remain as it keeps. Fewer may remain on an edge that
    keeps several: these are sure to be kept, beside others that are not decided yet. That is
    A + (e, o) of such an edge, and its network has these operations alone.

    Frozen and hashable; :meth:`discretize`, :meth:`perturb` and :meth:`prune` return new states.

    Attributes:
        space: the search space.
        mask: for each edge, one boolean per operation; at least one is true.
        perturbed: edges that :meth:`perturb` left with no more than they keep. Nothing was decided
            on them: in the network of A - (e, o) the operations that are left weigh what they
            weighed before, and on a decided edge they weigh one.
    """

    space: SearchSpace
    mask: tuple[tuple[bool, ...], ...]
    perturbed: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if type(self.mask) is not tuple or any(type(row) is not tuple for row in self.mask):
            # Lists and arrays are taken too, and are then equal and hashable like any other.
            rows = tuple(tuple(bool(kept) for kept in row) for row in self.mask)
            object.__setattr__(self, "mask", rows)
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
        keeps = self.space.keeps
        return tuple(edge for edge, row in enumerate(self.mask) if sum(row) != keeps[edge])

    @property
    def next_edges(self) -> tuple[int, ...]:
        """Open edges of the first stage that has any: those that may be decided now."""
        still_open = set(self.open_edges)
        for stage in self.space.stages:
            found = tuple(edge for edge in sorted(stage) if edge in still_open)
            if found:
                return found
        return ()

    @property
    def is_architecture(self) -> bool:
        """Whether every edge is decided."""
        return not self.open_edges

    @property
    def architecture_indices(self) -> tuple[int, ...]:
        """The number of each edge's choice: its operation, where it keeps one.

        UserError while an edge is open.
        """
        if not self.is_architecture:
            names = ", ".join(self.space.edges[edge] for edge in self.open_edges)
            raise UserError(f"not an architecture yet: edges {names} are open")
        return tuple(
            row.index(True) if kept == 1 else self.space.choices[edge].index(self.remaining(edge))
            for edge, (row, kept) in enumerate(zip(self.mask, self.space.keeps, strict=True))
        )

    def possible_choices(self, edge: int) -> tuple[int, ...]:
        """Numbers of an edge's choices that can still be reached."""
        left = self.remaining(edge)
        kept = self.space.keeps[edge]
        if kept == 1:
            return left
        few = set(left)
        return tuple(
            number
            for number, choice in enumerate(self.space.choices[edge])
            if (few <= set(choice) if len(few) < kept else set(choice) <= few)
        )

    @property
    def n_completions(self) -> int:
        """Number of architectures that can still be reached."""
        return math.prod(len(self.possible_choices(edge)) for edge in range(len(self.mask)))

    def completions(self) -> Iterator[State]:
        """Every architecture that can still be reached."""
        edges = range(len(self.mask))
        for choices in itertools.product(*(self.possible_choices(edge) for edge in edges)):
            yield self.space.architecture(choices)

    def discretize(self, edge: int | str, operation: int | str | Sequence[int | str]) -> State:
        """A + (e, o): the edge keeps this operation only, or these if it keeps several."""
        several = isinstance(operation, Sequence) and not isinstance(operation, str)
        found = [self._locate(edge, one) for one in (operation if several else (operation,))]  # type: ignore[union-attr, arg-type]
        e, kept = found[0][0], {o for _, o in found}
        if len(kept) > self.space.keeps[e]:
            raise UserError(
                f"edge {self.space.edges[e]} keeps {self.space.keeps[e]} of its operations, "
                f"not {len(kept)}"
            )
        return self._with_row(e, tuple(op in kept for op in range(len(self.mask[e]))))

    def perturb(self, edge: int | str, operation: int | str) -> State:
        """A - (e, o), to be scored: the edge loses this operation, and all else is as it was.

        UserError when no more remain than the edge keeps.
        """
        found = self.prune(edge, operation)
        e = self.space.edge_index(edge)
        if sum(found.mask[e]) > self.space.keeps[e]:
            return found
        return replace(found, perturbed=found.perturbed | {e})

    def prune(self, edge: int | str, operation: int | str) -> State:
        """The edge loses this operation for good, and is decided when no more than it keeps remain.

        UserError when no more remain than the edge keeps.
        """
        e, o = self._locate(edge, operation)
        kept = self.space.keeps[e]
        if 1 < kept >= sum(self.mask[e]):
            raise UserError(
                f"edge {self.space.edges[e]} keeps {kept} operations and has no more than that left"
            )
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
        mask = (*self.mask[:edge], row, *self.mask[edge + 1 :])
        return State(self.space, mask, self.perturbed - {edge})

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
    try:
        place = operator.index(key)
    except TypeError:
        raise UserError(f"an {kind} is given by index or name, not by {key!r}") from None
    if not 0 <= place < len(names):
        raise UserError(f"{kind} index {place} is outside 0..{len(names) - 1}")
    return place
