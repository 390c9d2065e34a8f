"""TransNAS-Bench-101, micro (Duan et al. 2021): the cell of NAS-Bench-201 with four operations.

An architecture is ``64-41414-a_bc_def``: base width, the code of the skeleton that all cells share,
and the operations of edges 0->1 | 0->2, 1->2 | 0->3, 1->3, 2->3. Every cell was trained by itself
on each task, so that cells which differ in edges that reach nothing have places of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opscore.errors import UserError
from opscore.spaces.base import SPACES, SearchSpace, State
from opscore.spaces.nasbench201 import NODES

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")

#: Base width and skeleton of the benchmark's cells.
WIDTH, SKELETON = 64, "41414"

_FORM = re.compile(rf"{WIDTH}-{SKELETON}-([0-3])_([0-3]{{2}})_([0-3]{{3}})")


@dataclass(frozen=True)
class TransNASMicroSpace(SearchSpace):
    """The space with its official architecture strings."""

    def parse(self, text: str) -> State:
        """The architecture of an official string; UserError if it is malformed."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise UserError(
                f"bad TransNAS-Bench-101 string '{text}'; the form is {WIDTH}-{SKELETON}-a_bc_def, "
                "each letter a digit 0 to 3"
            )
        return self.architecture([int(digit) for digit in "".join(match.groups())])

    def format(self, state: State) -> str:
        """The official string of an architecture."""
        a, b, c, d, e, f = state.architecture_indices
        return f"{WIDTH}-{SKELETON}-{a}_{b}{c}_{d}{e}{f}"

    def live(self, architecture: State) -> State:
        """The cell with 'none' on edges that lead to nothing or that nothing reaches.

        Cells with the same live part compute the same, and differ in accuracy by chance alone.
        """
        operations = architecture.architecture_indices
        edges = [nodes for nodes, op in zip(NODES, operations, strict=True) if op]
        fed, read = {0}, {3}
        for source, target in sorted(edges, key=lambda edge: edge[1]):
            if source in fed:
                fed.add(target)
        for source, target in sorted(edges, key=lambda edge: -edge[0]):
            if target in read:
                read.add(source)
        return self.architecture(
            [
                op if source in fed and target in read else 0
                for op, (source, target) in zip(operations, NODES, strict=True)
            ]
        )


TRANSNAS_MICRO = TransNASMicroSpace(
    name="transnas-micro",
    edges=tuple(f"{source}->{target}" for source, target in NODES),
    operations=(OPERATIONS,) * len(NODES),
    weightless=("none", "skip_connect"),
    identity="skip_connect",
)
SPACES.add(TRANSNAS_MICRO.name, TRANSNAS_MICRO, source="duan2021")
