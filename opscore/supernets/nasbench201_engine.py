"""The activation kernels of many states of a NAS-Bench-201 supernet, in eval mode.

The plain path's numbers with less work. Cells are folded (nasbench201_folded.py); all convolutions
that leave a node see the same signs, which are counted once and multiplied; the stem is computed
once, and so are the first cell's leading nodes when neighbouring states agree on their edges.

On a GPU several states go through the network together, side by side in the channels
(engine.STATES_BYTES); on a CPU one after the other.

Images do not see each other, so they go through a cell in pieces that fit the cache. Between cells
only the activations are kept, and signs only until they are counted. At paper size and in single
precision that is about 0.4 MB for each image and each state that goes along, however many states
there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets.engine import (
    AveragePool,
    SignKernel,
    affine_map,
    cut,
    fold_batch_norm,
    in_pieces,
    states_together,
)
from opscore.supernets.nasbench201_folded import (
    CONV1,
    CONV3,
    FoldedCell,
    FoldedReduction,
    Nodes,
    Rows,
    distinct_rows,
    rows_into,
)

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import NASBench201Network, NASBench201Supernet

#: Images that go through the stem together.
STEM_PIECE = 64


@torch.no_grad()
def activation_kernels(
    supernet: NASBench201Supernet,
    weights: Sequence[Tensor],
    images: Tensor,
    *,
    run_removed: bool,
    dtype: torch.dtype | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """See :meth:`opscore.supernets.base.Supernet.activation_kernels`."""
    network = FoldedNetwork(supernet, images, run_removed, dtype or images.dtype)
    distinct = list(distinct_rows(weights).items())
    together = states_together(network.stem)
    for start in range(0, len(distinct), together):
        part = distinct[start : start + together]
        kernels = network.kernels([rows for rows, _ in part])
        yield from zip([positions for _, positions in part], kernels, strict=True)


class FoldedNetwork:
    """A supernet folded for one batch: what does not depend on the state is done once.

    Args:
        supernet: the supernet; its running statistics are used, whatever its mode.
        images: [N, channels, H, W].
        run_removed: count what the authors' hooks count; see :func:`multiplicities`.
        dtype: precision of the forward pass.
    """

    def __init__(
        self,
        supernet: NASBench201Supernet | NASBench201Network,
        images: Tensor,
        run_removed: bool,
        dtype: torch.dtype,
    ) -> None:
        self.n_images = len(images)
        self.run_removed = run_removed
        self.dtype = dtype
        self.blocks = supernet.folded_blocks(fold_batch_norm, dtype)
        scale, shift = affine_map(supernet.lastact[0])
        self.last = [part.to(dtype)[:, None, None] for part in (scale, shift)]
        stem = fold_batch_norm(supernet.stem[0], supernet.stem[1]).to(dtype)
        images = images.to(dtype, memory_format=torch.channels_last)
        self.stem = in_pieces([stem(piece) for piece in cut(images, STEM_PIECE)])
        # Nodes 1 and 2 of the first cell, by piece, with the rows that the latest states gave them.
        self._latest: list[tuple[list[Rows], list[Tensor]]] = []

    def kernels(self, states: Sequence[Rows]) -> list[Tensor]:
        """The activation kernels of some states' networks, computed together; float64 [N, N]."""
        kernels = [SignKernel(self.n_images, self.stem[0].device) for _ in states]
        pieces = self._first_cell(states, kernels)
        for block in self.blocks[1:]:
            if isinstance(block, FoldedReduction):
                pieces = in_pieces(self._reduce(block, pieces, kernels))
            else:
                started = [[piece] for piece in pieces]
                (pieces,) = self._cell(block, started, states, kernels, keep=(3,))
        scale, shift = (part.repeat(len(states), 1, 1) for part in self.last)
        codes = Codes(self.n_images, pieces[0], len(states))
        for piece in pieces:
            codes.add((piece * scale + shift).relu_())
        for kernel, bits in zip(kernels, codes.bits, strict=True):
            kernel.add(bits)
        return [kernel.value for kernel in kernels]

    def counts(self, rows: Rows) -> list[tuple[int, int]]:
        """How often the signs of a cell's nodes count; see :func:`multiplicities`."""
        return multiplicities(rows, self.run_removed)

    def _first_cell(self, states: Sequence[Rows], kernels: Sequence[SignKernel]) -> list[Tensor]:
        """The first cell, starting from the nodes that the latest states left."""
        started = [[side_by_side(piece, len(states))] for piece in self.stem]
        into = {node: [rows_into(rows, node) for rows in states] for node in (1, 2)}
        for node, (known, values) in enumerate(self._latest, start=1):
            if known != into[node]:
                break
            for nodes, value in zip(started, values, strict=True):
                nodes.append(value)
        cell = self.blocks[0]
        assert isinstance(cell, FoldedCell)
        self._latest = []
        *first, last = self._cell(cell, started, states, kernels, keep=(1, 2, 3))
        self._latest = [(into[node], first[node - 1]) for node in (1, 2)]
        return last

    def _cell(
        self,
        cell: FoldedCell,
        started: list[list[Tensor]],
        states: Sequence[Rows],
        kernels: Sequence[SignKernel],
        *,
        keep: Sequence[int],
    ) -> list[list[Tensor]]:
        """The nodes asked for, each by piece, from the leading ones; the cell's signs are counted.

        started: for each piece, the nodes that are known.
        """
        plan = cell.plan(states, self.dtype)
        pool = AveragePool(started[0][0])
        counts = [self.counts(rows) for rows in states]
        # A node is read when it counts in any of the states.
        read = [any(times for times, _ in column) for column in zip(*counts, strict=True)]
        codes = [Codes(self.n_images, started[0][0], len(states)) for _ in read]
        kept: list[list[Tensor]] = [[] for _ in keep]
        for known in started:
            nodes = Nodes(known, pool)
            nodes.complete(plan)
            for node, needed in enumerate(read):
                if needed:
                    codes[node].add(nodes.convolved(node))
            for values, node in zip(kept, keep, strict=True):
                values.append(nodes.values[node])
        for place, (kernel, own) in enumerate(zip(kernels, counts, strict=True)):
            for code, (times, constant) in zip(codes, own, strict=True):
                kernel.add(code.bits[place], times)
                kernel.add_constant(constant * code.bits.shape[2])
        return kept

    def _reduce(
        self, block: FoldedReduction, pieces: list[Tensor], kernels: Sequence[SignKernel]
    ) -> list[Tensor]:
        """The output of a residual block by piece; its signs are counted."""
        first, second, shortcut = block.repeated(len(kernels))
        codes: list[Codes] = []
        outputs = []
        for x in pieces:
            start = x.relu()
            middle = first(start, stride=2).relu_()
            codes = codes or [Codes(self.n_images, x, len(kernels)) for x in (start, middle)]
            codes[0].add(start)
            codes[1].add(middle)
            outputs.append(second(middle).add_(shortcut(functional.avg_pool2d(x, 2))))
        for code in codes:
            for kernel, bits in zip(kernels, code.bits, strict=True):
                kernel.add(bits, 2 if self.run_removed else 1)
        return outputs


class FoldedAlone(FoldedNetwork):
    """A stand-alone network folded for one batch: what it does not hold is never counted."""

    def counts(self, rows: Rows) -> list[tuple[int, int]]:
        """Every convolution there is counts its input, by the authors' hooks twice."""
        times = 2 if self.run_removed else 1
        return [(times * present, 0) for present, _ in multiplicities(rows, run_removed=False)]


@torch.no_grad()
def alone_kernel(
    network: NASBench201Network,
    images: Tensor,
    *,
    wrappers: bool,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """See :meth:`opscore.supernets.nasbench201.NASBench201Network.activation_kernel`."""
    rows = tuple(
        tuple(float(op == chosen) for op in range(len(OPERATIONS))) for chosen in network.chosen
    )
    (kernel,) = FoldedAlone(network, images, wrappers, dtype or images.dtype).kernels([rows])
    return kernel


class Codes:
    """Which activations of a layer are positive, collected piece by piece.

    Args:
        n_images: N.
        like: activations of the layer, [n, S * C, H, W].
        states: S.

    Attributes:
        bits: bool [S, N, activations of an image].
    """

    def __init__(self, n_images: int, like: Tensor, states: int) -> None:
        shape = (states, n_images, like[0].numel() // states)
        self.bits = torch.empty(shape, dtype=torch.bool, device=like.device)
        self._filled = 0

    def add(self, rectified: Tensor) -> None:
        """The next images' rectified activations [n, S * C, H, W].

        Positive means not zero here; conversion to bool is several times faster than a comparison.
        """
        start, self._filled = self._filled, self._filled + len(rectified)
        for bits, own in zip(self.bits, rectified.chunk(len(self.bits), dim=1), strict=True):
            flat = own.permute(0, 2, 3, 1).reshape(len(own), -1)
            bits[start : self._filled].copy_(flat)


def side_by_side(x: Tensor, states: int) -> Tensor:
    """[N, C, H, W] for each of several states: [N, states * C, H, W]."""
    if states == 1:
        return x
    return x.repeat(1, states, 1, 1).contiguous(memory_format=torch.channels_last)


def multiplicities(rows: Rows, run_removed: bool) -> list[tuple[int, int]]:
    """For nodes 0, 1, 2: how often its signs count, and how often constant signs of its size do.

    With ``run_removed`` a convolution's wrapper counts its input whether or not it was removed;
    its rectifier counts the same input, or zeros when it was removed.
    """
    found = []
    for node in range(3):
        convolutions = [
            row[op] != 0
            for row, (source, _) in zip(rows, NODES, strict=True)
            if source == node
            for op in (CONV1, CONV3)
        ]
        total, present = len(convolutions), sum(convolutions)
        found.append((total + present, total - present) if run_removed else (present, 0))
    return found
