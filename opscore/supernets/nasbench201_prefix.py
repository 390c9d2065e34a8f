"""What a state leaves unchanged at the head of a network need not be computed again.

The first cell gets the same input under every state. Its 3x3 convolutions that leave node s give
the same under two states that agree on all edges into nodes up to s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from opscore.spaces.nasbench201 import NODES
from opscore.supernets.batch_statistics import Outputs
from opscore.supernets.nasbench201_folded import Rows, rows_into

#: Which convolution of a cell: (edge, operation).
Place = tuple[int, int]
Kernels = Mapping[Place, Tensor]


@dataclass(frozen=True)
class _Known:
    rows: Rows
    kernels: Kernels
    outputs: Outputs


class Prefix:
    """The outputs that the convolutions of a first cell had last, and what they were computed from.

    Inputs are compared by value: other images or weights never give an old output.
    """

    def __init__(self) -> None:
        self._input: Tensor | None = None
        self._by_image = False
        self._known: dict[Place, _Known] = {}

    def begin(self, x: Tensor, by_image: bool = False) -> None:
        """Node 0 of the next pass, and how sums are taken; nobody may write into the node."""
        same = self._input is not None and torch.equal(x, self._input)
        if not same or by_image != self._by_image:
            self._known.clear()
            self._input, self._by_image = x, by_image

    def known(self, place: Place, rows: Rows, kernels: Kernels) -> Outputs | None:
        """Those of a convolution, if they are what it would give now; if not they are let go.

        rows: those of the cell; kernels: those of the convolutions that run in it.
        """
        known = self._known.pop(place, None)
        into, before = _basis(place, rows, kernels)
        if known is None or known.rows != into or not _equal(known.kernels, before):
            return None
        self._known[place] = known
        return known.outputs

    def keep(self, place: Place, rows: Rows, kernels: Kernels, outputs: Outputs) -> None:
        """Know these from now on; they are complete."""
        into, before = _basis(place, rows, kernels)
        copies = {p: kernel.clone() for p, kernel in before.items()}
        self._known[place] = _Known(into, copies, outputs)


def _basis(place: Place, rows: Rows, kernels: Kernels) -> tuple[Rows, Kernels]:
    """What the outputs of a convolution of a first cell depend on, beside the cell's input."""
    source, _ = NODES[place[0]]
    # The weight of 'none' plays no part.
    into = tuple(row[1:] for row in rows_into(rows, source))
    return into, {p: k for p, k in kernels.items() if NODES[p[0]][1] <= source or p == place}


def _equal(some: Kernels, others: Kernels) -> bool:
    return some.keys() == others.keys() and all(torch.equal(some[p], others[p]) for p in some)
