"""A NAS-Bench-201 supernet under one state in train mode, for one gradient of a forward pass.

The cells' gradient is written out (``nasbench201_cell``), so that less is kept and passed over than
autograd would; autograd does the layers around the cells, in channels last with our own batch norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from opscore.supernets.batch_norm import run
from opscore.supernets.nasbench201_cell import CellLayers, CellPass
from opscore.supernets.nasbench201_folded import Rows, layers
from opscore.supernets.nasbench201_prefix import Prefix
from opscore.supernets.nasbench201_shared import SharedNetwork
from opscore.supernets.workspace import Workspace

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import NASBench201Supernet, ResidualBlock


class _Cell(torch.autograd.Function):
    """A :class:`CellPass` for autograd; ``tensors`` are its kernels, or its gates if it has any."""

    @staticmethod
    def forward(ctx: Any, cell: CellPass, x: Tensor, *tensors: Tensor) -> Tensor:
        ctx.cell = cell
        return cell.forward(x.contiguous(memory_format=torch.channels_last))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        cell: CellPass = ctx.cell
        needed = zip(cell.kernels, ctx.needs_input_grad[2:], strict=True)
        wanted = set() if cell.gated else {place for place, need in needed if need}
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        dx, kernels, slopes = cell.backward(gradient, wanted)
        if cell.gated:
            kernels = {place: cell.effects(place, slope) for place, slope in slopes.items()}
        return None, dx, *(kernels.get(place) for place in cell.kernels)


class GradientNetwork(SharedNetwork):
    """The network of one state, with faster first derivatives in train mode.

    The convolutions of cells are not called as modules there; :attr:`gates` stand for their hooks.
    A gradient must be taken before the next forward pass of a network with the same memory.
    Networks with the same prefix compute what their states agree on once.
    """

    def __init__(
        self,
        supernet: NASBench201Supernet,
        weights: Tensor,
        memory: Workspace,
        prefix: Prefix | None = None,
    ) -> None:
        super().__init__(supernet, weights)
        self.memory = memory
        self.prefix = prefix

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes]."""
        if not self.training:
            return super().forward(images)
        self.memory.begin(images)
        rows: Rows = tuple(tuple(row) for row in self.weights.tolist())
        images = images.contiguous(memory_format=torch.channels_last)
        x = run(self.supernet.stem, images, self.memory)
        for place, block in enumerate(self.supernet.cells):
            edges = getattr(block, "edges", None)
            if edges is None:
                x = self._reduction(cast("ResidualBlock", block), x)
            else:
                x = self._cell(place, edges, x, rows)
        return self.supernet.head(run(self.supernet.lastact, x, self.memory))

    def _reduction(self, block: ResidualBlock, x: Tensor) -> Tensor:
        """A residual block [N, C, H, W] to [N, 2 C, H / 2, W / 2]."""
        inner = run(layers(block.conv_a), x, self.memory)
        inner = run(layers(block.conv_b), inner, self.memory)
        return run(block.downsample, x, self.memory) + inner

    def _cell(self, place: int, edges: nn.ModuleDict, x: Tensor, rows: Rows) -> Tensor:
        """The output [N, C, H, W] of a cell, which is block number ``place``, from its input."""
        held = CellLayers.of(edges, rows)
        convolutions = held.convolutions.values()
        prefix = self.prefix if place == 0 else None
        gated = self.gates is not None
        cell = CellPass(held, self.memory, place, gated=gated, prefix=prefix)
        if self.gates is None:
            tensors: list[Tensor] = [convolution.weight for convolution in convolutions]
        else:
            widths = [convolution.out_channels for convolution in convolutions]
            tensors = [x.new_ones(len(x), width).requires_grad_() for width in widths]
            self.gates += zip(convolutions, tensors, strict=True)
        output: Tensor = _Cell.apply(cell, x, *tensors)  # type: ignore[no-untyped-call]
        return output
