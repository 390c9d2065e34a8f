"""A NAS-Bench-201 supernet under one state in train mode, for one gradient of a forward pass.

The cells' gradient is written out (``nasbench201_cell``), so that less is kept and passed over than
autograd would; autograd does the layers around the cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from opscore.supernets.nasbench201_cell import CellLayers, CellPass
from opscore.supernets.nasbench201_folded import Rows
from opscore.supernets.nasbench201_shared import SharedNetwork
from opscore.supernets.workspace import Workspace

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import NASBench201Supernet


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
    """

    def __init__(self, supernet: NASBench201Supernet, weights: Tensor, memory: Workspace) -> None:
        super().__init__(supernet, weights)
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes]."""
        self.memory.begin()
        return super().forward(images)

    def cell(self, place: int, edges: nn.ModuleDict, x: Tensor, rows: Rows) -> Tensor:
        """See :meth:`SharedNetwork.cell`."""
        if not self.training:
            return super().cell(place, edges, x, rows)
        layers = CellLayers.of(edges, rows)
        convolutions = layers.convolutions.values()
        cell = CellPass(layers, self.memory, place, gated=self.gates is not None)
        if self.gates is None:
            tensors: list[Tensor] = [convolution.weight for convolution in convolutions]
        else:
            widths = [convolution.out_channels for convolution in convolutions]
            tensors = [x.new_ones(len(x), width).requires_grad_() for width in widths]
            self.gates += zip(convolutions, tensors, strict=True)
        output: Tensor = _Cell.apply(cell, x, *tensors)  # type: ignore[no-untyped-call]
        return output
