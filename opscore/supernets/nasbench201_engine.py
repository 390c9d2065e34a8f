"""The activation kernels of many states of a NAS-Bench-201 supernet, in eval mode.

The plain path's numbers with less work. Cells are folded (nasbench201_folded.py); all convolutions
that leave a node see the same signs, which are counted once and multiplied; the stem is computed
once, and so are the first cell's leading nodes when neighbouring states agree on their edges.

Images do not see each other, so they go through a cell in pieces that fit the cache. Between cells
only the activations are kept, and signs only until they are counted. At paper size and in single
precision that is about 0.4 MB for each image, however many states there are.
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
    for rows, positions in distinct_rows(weights).items():
        yield positions, network.kernel(rows)


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
        # Nodes 1 and 2 of the first cell, by piece, with the rows that the latest state gave them.
        self._latest: list[tuple[Rows, list[Tensor]]] = []

    def kernel(self, rows: Rows) -> Tensor:
        """The activation kernel of one state's network, float64 [N, N]."""
        kernel = SignKernel(self.n_images, self.stem[0].device)
        pieces = self._first_cell(rows, kernel)
        for block in self.blocks[1:]:
            if isinstance(block, FoldedReduction):
                pieces = in_pieces(self._reduce(block, pieces, kernel))
            else:
                started = [[piece] for piece in pieces]
                (pieces,) = self._cell(block, started, rows, kernel, keep=(3,))
        scale, shift = self.last
        codes = Codes(self.n_images, pieces[0])
        for piece in pieces:
            codes.add((piece * scale + shift).relu_())
        kernel.add(codes.bits)
        return kernel.value

    def counts(self, rows: Rows) -> list[tuple[int, int]]:
        """How often the signs of a cell's nodes count; see :func:`multiplicities`."""
        return multiplicities(rows, self.run_removed)

    def _first_cell(self, rows: Rows, kernel: SignKernel) -> list[Tensor]:
        """The first cell, starting from the nodes that the latest state left."""
        started = [[piece] for piece in self.stem]
        for node, (known_rows, values) in enumerate(self._latest, start=1):
            if known_rows != rows_into(rows, node):
                break
            for nodes, value in zip(started, values, strict=True):
                nodes.append(value)
        cell = self.blocks[0]
        assert isinstance(cell, FoldedCell)
        self._latest = []
        *first, last = self._cell(cell, started, rows, kernel, keep=(1, 2, 3))
        self._latest = [(rows_into(rows, node), first[node - 1]) for node in (1, 2)]
        return last

    def _cell(
        self,
        cell: FoldedCell,
        started: list[list[Tensor]],
        rows: Rows,
        kernel: SignKernel,
        *,
        keep: Sequence[int],
    ) -> list[list[Tensor]]:
        """The nodes asked for, each by piece, from the leading ones; the cell's signs are counted.

        started: for each piece, the nodes that are known.
        """
        plan = cell.plan(rows, self.dtype)
        pool = AveragePool(started[0][0])
        counts = self.counts(rows)
        codes = [Codes(self.n_images, started[0][0]) for _ in counts]
        kept: list[list[Tensor]] = [[] for _ in keep]
        for known in started:
            nodes = Nodes(known, pool)
            nodes.complete(plan)
            for node, (times, _) in enumerate(counts):
                if times:
                    codes[node].add(nodes.convolved(node))
            for values, node in zip(kept, keep, strict=True):
                values.append(nodes.values[node])
        for code, (times, constant) in zip(codes, counts, strict=True):
            if times:
                kernel.add(code.bits, times)
            kernel.add_constant(constant * code.bits.shape[1])
        return kept

    def _reduce(
        self, block: FoldedReduction, pieces: list[Tensor], kernel: SignKernel
    ) -> list[Tensor]:
        """The output of a residual block by piece; its signs are counted."""
        codes: list[Codes] = []
        outputs = []
        for x in pieces:
            start = x.relu()
            middle = block.first(start, stride=2).relu_()
            codes = codes or [Codes(self.n_images, part) for part in (start, middle)]
            codes[0].add(start)
            codes[1].add(middle)
            shortcut = block.shortcut(functional.avg_pool2d(x, 2))
            outputs.append(block.second(middle).add_(shortcut))
        for code in codes:
            kernel.add(code.bits, 2 if self.run_removed else 1)
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
    return FoldedAlone(network, images, wrappers, dtype or images.dtype).kernel(rows)


class Codes:
    """Which activations of a layer are positive, collected piece by piece.

    Attributes:
        bits: bool [N, activations of an image].
    """

    def __init__(self, n_images: int, like: Tensor) -> None:
        shape = (n_images, like[0].numel())
        self.bits = torch.empty(shape, dtype=torch.bool, device=like.device)
        self._filled = 0

    def add(self, rectified: Tensor) -> None:
        """The next images' rectified activations [n, C, H, W].

        Positive means not zero here; conversion to bool is several times faster than a comparison.
        """
        start, self._filled = self._filled, self._filled + len(rectified)
        flat = rectified.permute(0, 2, 3, 1).reshape(len(rectified), -1)
        self.bits[start : self._filled].copy_(flat)


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
