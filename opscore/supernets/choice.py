"""Where a network has a choice: the candidates of an edge, and weighted sums.

A supernet is a plain module. It can be computed with less work (:mod:`opscore.engine`) when it is
written like this:

* the candidates of an edge are in a :class:`Choice`; where options are not layers but values, such
  as which earlier nodes a node reads, they are added by a :class:`WeightedSum`;
* ``logits(images, rows, run_removed)`` hands each edge's row of weights to its choices; one row
  may serve many cells;
* beside that the forward pass is made of ``torch.nn`` layers and of torch functions, and no branch
  or loop of it depends on a value or on a weight. Sizes, such as ``x.shape[0]``, are no values;
* what is rectified in place is read by nobody else.

A stand-alone network is the same module with what it holds, and constant weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor, nn

from opscore.errors import UserError, one_of

#: What a removed candidate does in the faithful meaning, where hooks can see it.
#: 'zeros': it runs on a zeroed input, and a :class:`Wrapper` sees its input as it is (the authors'
#: code for NAS-Bench-201). 'absent': it does not run (for DARTS). 'whole': it runs as it is, and
#: its output is multiplied by zero (for NAS-Bench-1Shot1).
Removed = Literal["zeros", "absent", "whole"]


@dataclass(frozen=True)
class SymbolicRow:
    """The row of an edge's weights while a supernet is only read, not run."""

    edge: int


@dataclass(frozen=True)
class SymbolicWeights:
    """A table of weights while a supernet is only read: a row for each of so many edges."""

    edges: int


#: The operation weights of one edge. What is exactly the float zero has been removed.
Row = Sequence["Tensor | float"] | SymbolicRow


def operation_rows(weights: Tensor | SymbolicWeights) -> list[Row]:
    """The rows of a table of weights [edges, operations].

    Weights stay tensors, so that gradients reach them; a zero becomes the number 0.0. All zeros
    are found in one transfer from the weights' device.
    """
    if isinstance(weights, SymbolicWeights):
        return [SymbolicRow(edge) for edge in range(weights.edges)]
    removed = (weights.detach() == 0).tolist()
    return [
        [0.0 if gone else weights[e, o] for o, gone in enumerate(row)]
        for e, row in enumerate(removed)
    ]


class Wrapper(nn.Module):
    """A candidate whose own hooks see the edge's input as it is, even where it runs on zeros.

    A subclass sets ``op``, its layers.
    """

    op: nn.Module

    def forward(self, x: Tensor, removed: bool = False) -> Tensor:
        """What the layers give of x, or of zeros."""
        out: Tensor = self.op(x * 0.0 if removed else x)
        return out


class Choice(nn.ModuleDict):
    """The candidate operations of one edge, keyed by operation index.

    Args:
        candidates: the operations by their index in the space, in that order; a supernet has all
            of them, a stand-alone network one, or none where the edge is not kept.
        removed: what a removed candidate does where ``run_removed`` is asked for.
        stride: how much coarser the output is than the input; the width stays as it is. Needed
            only where all candidates can be removed.
        vanishes: whether there is nothing where no candidate is left: None in place of zeros, for
            layers that then do not run. A candidate returns None where it has nothing to read,
            and what adds outputs leaves None out.
    """

    def __init__(
        self,
        candidates: Mapping[int, nn.Module],
        *,
        removed: Removed = "zeros",
        stride: int = 1,
        vanishes: bool = False,
    ) -> None:
        super().__init__({str(index): module for index, module in candidates.items()})
        if list(candidates) != sorted(candidates):
            raise UserError(f"the operations of a choice come by their index, not {[*candidates]}")
        self.removed: Removed = one_of("kind of removed operation", removed, get_args(Removed))
        self.stride = stride
        self.vanishes = vanishes

    def forward(self, x: Any, weights: Row, run_removed: bool = False) -> Tensor | None:
        """Sum of weight x operation(x) over the candidates whose weight is not zero.

        weights: one for each candidate, in their order; more, which pad a table, are ignored. With
        ``run_removed`` removed candidates also run, where they do in this family; their outputs
        play no part.
        """
        row = _numbers(weights, len(self))
        if len(row) > len(self):
            self.check_whole()
        total: Tensor | None = None
        for candidate, weight in zip(self.values(), row, strict=False):
            if isinstance(weight, Tensor) or weight != 0:
                output = candidate(x)
                if output is not None:
                    total = weight * output if total is None else total + weight * output
            elif run_removed:
                self._run_removed(candidate, x)
        return self.nothing(x) if total is None and not self.vanishes else total

    def check_whole(self) -> None:
        """UserError where an operation lacks whose index is below that of another.

        Weights of a supernet go by their place.
        """
        if [*self] != [str(place) for place in range(len(self))]:
            raise UserError(
                f"a choice of a supernet has an operation for each index from 0, not "
                f"{', '.join(self)}; one that has no layer, such as 'none', is a module that "
                "returns zeros"
            )

    def nothing(self, x: Tensor) -> Tensor:
        """Zeros of the output's shape that still depend on x for autograd."""
        kept = x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride]
        return kept * 0.0

    def _run_removed(self, candidate: nn.Module, x: Tensor) -> None:
        if self.removed == "absent" or not holds_rectifier(candidate):
            return
        if self.removed == "whole":
            candidate(x)
        elif isinstance(candidate, Wrapper):
            candidate(x, removed=True)
        else:
            candidate(x * 0.0)


class WeightedSum(nn.Module):
    """The sum of weight x value over values whose weight is not zero; zeros if there is none."""

    def forward(self, values: Sequence[Tensor], weights: Row) -> Tensor:
        """values: one or more of one shape. weights: one for each; more are ignored."""
        row = _numbers(weights, len(values))
        total: Tensor | None = None
        for value, weight in zip(values, row, strict=False):
            if isinstance(weight, Tensor) or weight != 0:
                total = weight * value if total is None else total + weight * value
        return values[0] * 0.0 if total is None else total


def holds_rectifier(module: nn.Module) -> bool:
    """Whether hooks on rectifiers, found by their class name, see something of a module."""
    return any("ReLU" in type(part).__name__ for part in module.modules())


def _numbers(weights: Row, least: int) -> Sequence[Tensor | float]:
    """A row that has a weight for each of so many options."""
    assert not isinstance(weights, SymbolicRow), "this row is for a network that is only read"
    if len(weights) < least:
        raise ValueError(f"{least} options, but {len(weights)} weights")
    return weights
