"""The DARTS space (Liu et al. 2019) and its parts S1-S4 (Zela et al. 2020).

A network has two kinds of cell, normal and reduction. Node k of a cell (2 to 5) may read the cell's
two inputs (0 and 1) and the nodes before it: 14 edges, each with an operation. The operations are
decided first; then every node keeps two of the edges that lead to it (the first node has no more).

An architecture is written as others' training code reads it: a :class:`Genotype`. It says nothing
of edges that no node keeps, and architectures that differ there alone are one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opscore.errors import UserError, one_of
from opscore.spaces.base import SPACES, SearchSpace, State
from opscore.spaces.graphs import Arrow, Graph

#: Kinds of cell, in the order of the space's edges.
KINDS = ("normal", "reduce")

#: Nodes that compute; 0 and 1 are the cell's inputs.
NODES = (2, 3, 4, 5)

#: (source, target) of each edge of a cell.
EDGES = tuple((source, node) for node in NODES for source in range(node))

#: Edges that have an operation, of both kinds of cell.
N_OPERATIONS = len(KINDS) * len(EDGES)

#: (kind, node) of the nodes that choose two of their inputs.
CHOOSING = tuple((kind, node) for kind in range(len(KINDS)) for node in NODES[1:])

NONE = "none"

#: The operations of DARTS but for 'none', in its order: what the authors of Zero-Cost-PT search.
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)

#: Every operation that some of these spaces has.
ALL_OPERATIONS = (NONE, *OPERATIONS, "noise")

#: Those without weights; 'noise' draws its output.
WEIGHTLESS = (NONE, "max_pool_3x3", "avg_pool_3x3", "skip_connect", "noise")

#: (operation, node that it reads).
Pair = tuple[str, int]

_FORM = (
    "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), "
    "reduce=[...], reduce_concat=range(2, 6))"
)

#: An integer as NumPy 2 prints it.
_NUMPY = re.compile(r"\b(?:np|numpy)\.u?int(?:8|16|32|64)\((-?\d+)\)")


@dataclass(frozen=True)
class Genotype:
    """A pair of cells as DARTS writes them.

    Attributes:
        normal: eight (operation, source), two for each node in order.
        normal_concat: the nodes that are put side by side.
        reduce, reduce_concat: the same of the reduction cell.
    """

    normal: tuple[Pair, ...]
    normal_concat: tuple[int, ...]
    reduce: tuple[Pair, ...]
    reduce_concat: tuple[int, ...]

    def __post_init__(self) -> None:
        for kind in KINDS:
            pairs = self.pairs(kind)
            if len(pairs) != 2 * len(NODES):
                raise UserError(
                    f"the {kind} cell of a genotype has {2 * len(NODES)} pairs, two for each node; "
                    f"got {len(pairs)}"
                )
            for place, (op, source) in enumerate(pairs):
                node = NODES[place // 2]
                one_of("operation", op, ALL_OPERATIONS)
                if not 0 <= source < node:
                    raise UserError(
                        f"node {node} of the {kind} cell reads nodes 0..{node - 1}, not {source}"
                    )

    def pairs(self, kind: str) -> tuple[Pair, ...]:
        """The pairs of the 'normal' or the 'reduce' cell."""
        return self.normal if kind == KINDS[0] else self.reduce

    def __str__(self) -> str:
        parts = (
            f"{kind}={list(self.pairs(kind))}, {kind}_concat={_concat_text(concat)}"
            for kind, concat in zip(KINDS, (self.normal_concat, self.reduce_concat), strict=True)
        )
        return f"Genotype({', '.join(parts)})"

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """The genotype of a text in the DARTS format; nothing in the text is executed.

        What a log or a module of genotypes writes before it on its line is left out. Pairs may
        stand in a list for each node, and nodes be NumPy's integers, as NumPy 2 prints them.

        Raises UserError that says what is wrong.
        """
        start = max(text.find("Genotype("), 0)
        before = text[:start].strip()
        try:
            plain = _NUMPY.sub(r"\1", text[start:].strip())
            call = None if "\n" in before else ast.parse(plain, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            call = None
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.func, ast.Name)
            or call.func.id != "Genotype"
        ):
            raise UserError(f"bad genotype '{_short(text)}'; the form is {_FORM}")
        fields = ("normal", "normal_concat", "reduce", "reduce_concat")
        given = dict(zip(fields, call.args, strict=False))
        given |= {str(keyword.arg): keyword.value for keyword in call.keywords}
        if set(given) != set(fields):
            raise UserError(
                f"a genotype has {', '.join(fields)}, this one {', '.join(given) or 'nothing'}"
            )
        return cls(
            _pairs(given["normal"]),
            _concat(given["normal_concat"]),
            _pairs(given["reduce"]),
            _concat(given["reduce_concat"]),
        )


@dataclass(frozen=True)
class DARTSSpace(SearchSpace):
    """DARTS or a part of it: some operations on each of the 28 edges."""

    def parse(self, text: str) -> State:
        """The architecture of a genotype, see :meth:`state_of`."""
        return self.state_of(Genotype.parse(text))

    def format(self, state: State) -> str:
        """The genotype of an architecture."""
        return str(self.genotype(state))

    def genotype(self, architecture: State) -> Genotype:
        """The architecture as DARTS writes it, sources in ascending order."""
        _ = architecture.architecture_indices  # says which edges are open
        cells = []
        for kind in range(len(KINDS)):
            kept = [(s, node) for node in NODES for s in self.inputs(architecture, kind, node)]
            ops = [architecture.remaining(edge_of(kind, *edge))[0] for edge in kept]
            cells.append(
                tuple(
                    (self.operations[edge_of(kind, *edge)][op], edge[0])
                    for edge, op in zip(kept, ops, strict=True)
                )
            )
        return Genotype(cells[0], NODES, cells[1], NODES)

    def state_of(self, genotype: Genotype) -> State:
        """The architecture of a genotype; edges that it does not name have their first operation.

        UserError when it is none of this space: an operation that an edge does not have, a node
        that reads one input twice, or an output that is not all four nodes.
        """
        choices: list[int | str | Sequence[int | str]] = [0] * len(self.edges)
        for kind, (name, concat) in enumerate(
            zip(KINDS, (genotype.normal_concat, genotype.reduce_concat), strict=True)
        ):
            if tuple(sorted(concat)) != NODES:
                raise UserError(
                    f"the {name} cell of {self.name} puts nodes 2, 3, 4, 5 side by side, "
                    f"not {', '.join(map(str, concat))}"
                )
            pairs = genotype.pairs(name)
            for place, node in enumerate(NODES):
                own = pairs[2 * place : 2 * place + 2]
                self._check_node(name, node, own)
                for op, source in own:
                    choices[edge_of(kind, source, node)] = op
                if (kind, node) in CHOOSING:
                    choices[inputs_edge(kind, node)] = [source for _, source in own]
        return self.architecture(choices)

    def _check_node(self, name: str, node: int, pairs: Sequence[Pair]) -> None:
        sources = [source for _, source in pairs]
        if len(set(sources)) < len(sources):
            raise UserError(
                f"node {node} of the {name} cell reads {sources[0]} twice; in {self.name} a node "
                "reads two different ones"
            )
        for op, source in pairs:
            offered = self.operations[edge_of(KINDS.index(name), source, node)]
            if op not in offered:
                more = " ('darts-none' has it)" if op == NONE and self.name == "darts" else ""
                raise UserError(
                    f"{self.name} has no {op} on edge {source}->{node} of the {name} cell, "
                    f"only {', '.join(offered)}{more}"
                )

    def canonical(self, architecture: State) -> State:
        """The architecture with the first operation on edges that no node keeps."""
        rows = list(architecture.mask)
        for edge in self._dropped(architecture):
            rows[edge] = tuple(op == 0 for op in range(self.shape[edge]))
        return State(self, tuple(rows))

    def written(self, architecture: State) -> State:
        """Without 'none': DARTS writes its first other operation, on the node's first free input.

        An input that was decided as 'none' weighs as little as those that were removed, and the
        first of all these takes its place.
        """
        picks = [architecture.remaining(edge) for edge in range(len(self.edges))]
        for kind in range(len(KINDS)):
            for node in NODES:
                edges = [edge_of(kind, source, node) for source in range(node)]
                kept = [
                    source
                    for source in self.inputs(architecture, kind, node)
                    if self.operations[edges[source]][picks[edges[source]][0]] != NONE
                ]
                free = [source for source in range(node) if source not in kept][: 2 - len(kept)]
                for source in free:
                    names = self.operations[edges[source]]
                    picks[edges[source]] = (int(names[0] == NONE),)
                if (kind, node) in CHOOSING:
                    picks[inputs_edge(kind, node)] = tuple(sorted((*kept, *free)))
        return self.architecture(picks)

    @property
    def kinds(self) -> dict[str, tuple[int, ...]]:
        """The edges of the normal and of the reduction cell."""
        return {
            name: tuple(edge_of(kind, *edge) for edge in EDGES) for kind, name in enumerate(KINDS)
        }

    def by_cell(self, edges: Sequence[int]) -> list[tuple[int, ...]]:
        """See :meth:`SearchSpace.by_cell`."""
        kinds = [*(edge // len(EDGES) for edge in range(N_OPERATIONS)), *(k for k, _ in CHOOSING)]
        groups = (tuple(e for e in edges if kinds[e] == kind) for kind in range(len(KINDS)))
        return [group for group in groups if group]

    def contained(self, architecture: State) -> tuple[tuple[int, int], ...]:
        """What is on the edges that a node keeps, and which inputs these are."""
        dropped = self._dropped(architecture)
        return tuple(pair for pair in super().contained(architecture) if pair[0] not in dropped)

    def _dropped(self, architecture: State) -> set[int]:
        """Edges that no node keeps."""
        return {
            edge_of(kind, source, node)
            for kind, node in CHOOSING
            for source in set(range(node)) - set(self.inputs(architecture, kind, node))
        }

    def graphs(self, architecture: State) -> tuple[Graph, ...]:
        """The two cells: their inputs, their nodes, and the output that has these side by side."""
        genotype, names = self.genotype(architecture), ("c_{k-2}", "c_{k-1}", *map(str, NODES))
        output = len(names)
        return tuple(
            Graph(
                {"normal": "normal cell", "reduce": "reduction cell"}[kind],
                (*names, "c_{k}"),
                (
                    *(
                        Arrow(source, NODES[place // 2], op)
                        for place, (op, source) in enumerate(genotype.pairs(kind))
                    ),
                    *(Arrow(node, output) for node in NODES),
                ),
            )
            for kind in KINDS
        )

    def inputs(self, state: State, kind: int, node: int) -> tuple[int, ...]:
        """What a node reads, or may read."""
        chooses = (kind, node) in CHOOSING
        return state.remaining(inputs_edge(kind, node)) if chooses else tuple(range(node))


def edge_of(kind: int, source: int, node: int) -> int:
    """The edge of the space that holds the operation between two nodes."""
    return kind * len(EDGES) + EDGES.index((source, node))


def inputs_edge(kind: int, node: int) -> int:
    """The edge of the space that says which inputs a node keeps."""
    return N_OPERATIONS + CHOOSING.index((kind, node))


def _pairs(tree: ast.expr) -> tuple[Pair, ...]:
    try:
        value = ast.literal_eval(tree)
        nested = all(isinstance(node, list) and isinstance(node[0], list | tuple) for node in value)
        pairs = [pair for node in value for pair in node] if nested else value
        return tuple((str(op), int(source)) for op, source in pairs)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise UserError(
            f"a cell of a genotype lists (operation, node), not '{_short(ast.unparse(tree))}'"
        ) from None


def _concat(tree: ast.expr) -> tuple[int, ...]:
    """Numbers of nodes: a list, a tuple, or range(first, end)."""
    try:
        if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "range":
            first, end = (int(ast.literal_eval(argument)) for argument in tree.args)
            return tuple(range(max(first, 0), min(end, len(NODES) + 2)))
        return tuple(int(node) for node in ast.literal_eval(tree))
    except (ValueError, TypeError, IndexError, OverflowError):
        raise UserError(
            f"what a cell puts side by side is range(2, 6), not '{_short(ast.unparse(tree))}'"
        ) from None


def _concat_text(nodes: tuple[int, ...]) -> str:
    whole = nodes and nodes == tuple(range(nodes[0], nodes[-1] + 1))
    return f"range({nodes[0]}, {nodes[-1] + 1})" if whole else str(list(nodes))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _make(name: str, operations: Iterable[tuple[str, ...]]) -> DARTSSpace:
    operations = tuple(operations)
    offered = {op for edge in operations for op in edge}
    n_edges = N_OPERATIONS + len(CHOOSING)
    return DARTSSpace(
        name=name,
        edges=(
            *(f"{kind} {source}->{node}" for kind in KINDS for source, node in EDGES),
            *(f"inputs of {KINDS[kind]} {node}" for kind, node in CHOOSING),
        ),
        operations=(
            *operations,
            *(tuple(str(source) for source in range(node)) for _, node in CHOOSING),
        ),
        keeps=(*(1,) * N_OPERATIONS, *(2,) * len(CHOOSING)),
        stages=(tuple(range(N_OPERATIONS)), tuple(range(N_OPERATIONS, n_edges))),
        weightless=tuple(op for op in WEIGHTLESS if op in offered),
        identity="skip_connect" if "skip_connect" in offered else "",
    )


#: Letters of S1's operations.
_LETTERS = {
    "S": "skip_connect",
    "M": "max_pool_3x3",
    "A": "avg_pool_3x3",
    "s3": "sep_conv_3x3",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
}

#: S1: two operations on each edge of the normal and of the reduction cell, those that a search of
#: Zela et al. left.
_S1 = (
    "S d3, S d5, S d5, S s3, S d3, M S, S s3, S s3, S d3, S s3, M S, S d3, d3 d5, d3 d5, "
    "M A, M d3, M A, M A, S d5, M A, M s3, S d3, S d5, M A, M A, S d5, S d5, S d5"
)


DARTS = _make("darts", [OPERATIONS] * N_OPERATIONS)
DARTS_NONE = _make("darts-none", [(NONE, *OPERATIONS)] * N_OPERATIONS)
S1 = _make("s1", [tuple(map(_LETTERS.__getitem__, edge.split())) for edge in _S1.split(", ")])
S2 = _make("s2", [("skip_connect", "sep_conv_3x3")] * N_OPERATIONS)
S3 = _make("s3", [(NONE, "skip_connect", "sep_conv_3x3")] * N_OPERATIONS)
S4 = _make("s4", [("noise", "sep_conv_3x3")] * N_OPERATIONS)

#: All of them.
DARTS_SPACES = (DARTS, DARTS_NONE, S1, S2, S3, S4)

for _space in DARTS_SPACES:
    _source = "liu2019" if _space in (DARTS, DARTS_NONE) else "zela2020"
    SPACES.add(_space.name, _space, source=_source)
