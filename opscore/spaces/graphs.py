"""Architectures as graphs, for pictures: nodes, and arrows that may carry an operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrow:
    """From one node to another, by their numbers.

    Attributes:
        source, target: the nodes.
        label: the operation that stands on it; empty for none.
    """

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which every arrow points onwards.

    Attributes:
        name: what it is of, such as 'normal cell'.
        nodes: what each node is called.
        arrows: between them.
    """

    name: str
    nodes: tuple[str, ...]
    arrows: tuple[Arrow, ...]

    @property
    def is_chain(self) -> bool:
        """Whether every node leads to the next one and to no other, without an operation."""
        following = tuple(Arrow(place, place + 1) for place in range(len(self.nodes) - 1))
        return self.arrows == following

    def is_shortcut(self, arrow: Arrow) -> bool:
        """Whether an arrow alone leads from where the graph begins to where it ends.

        Not where it is the only arrow: then it is all there is.
        """
        begins = all(other.target != arrow.source for other in self.arrows)
        ends = all(other.source != arrow.target for other in self.arrows)
        return begins and ends and len(self.arrows) > 1

    def dot(self) -> str:
        """The graph in the language of graphviz."""
        lines = [f"digraph {_quoted(self.name)} {{", "  rankdir=LR; node [shape=box];"]
        lines += [f"  {n} [label={_quoted(name)}];" for n, name in enumerate(self.nodes)]
        lines += [
            f"  {a.source} -> {a.target}" + (f" [label={_quoted(a.label)}];" if a.label else ";")
            for a in self.arrows
        ]
        return "\n".join([*lines, "}"])


def chain(name: str, nodes: Iterable[str]) -> Graph:
    """Nodes one after the other."""
    found = tuple(nodes)
    return Graph(name, found, tuple(Arrow(n, n + 1) for n in range(len(found) - 1)))


def graph_of(edges: Sequence[str], chosen: Sequence[str], name: str) -> Graph | None:
    """The graph of edges that are called 'source->target', each with its operation.

    None where the names are others.
    """
    ends = [tuple(part.strip() for part in edge.split("->")) for edge in edges]
    if any(len(pair) != 2 for pair in ends):
        return None
    nodes = tuple(dict.fromkeys(end for pair in sorted(ends) for end in pair))
    if any(nodes.index(source) >= nodes.index(target) for source, target in ends):
        return None
    arrows = tuple(
        Arrow(nodes.index(source), nodes.index(target), label)
        for (source, target), label in zip(ends, chosen, strict=True)
    )
    return Graph(name, nodes, arrows)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
