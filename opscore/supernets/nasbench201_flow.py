"""synflow's sums for many states of a NAS-Bench-201 supernet, without a backward pass.

With absolute weights, no batch norm and positive signals no rectifier does anything, so the
network's output R is a polynomial of its weights, of degree one in each layer. By Euler's formula

    S = sum over weights of theta * dR/dtheta = d/dt R(theta (1 + t)) at t = 0,

the derivative of R along theta itself. It is carried forward together with the signal: a
convolution maps (x, x') to (W x, W x + W x') = (W x, W (x + x')), everything else is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.supernets.engine import AveragePool, Convolution
from opscore.supernets.nasbench201_folded import (
    FoldedReduction,
    Nodes,
    Rows,
    distinct_rows,
)

if TYPE_CHECKING:
    from opscore.supernets.nasbench201 import NASBench201Supernet


@torch.no_grad()
def synaptic_flows(
    supernet: NASBench201Supernet, weights: Sequence[Tensor], image_shape: Sequence[int]
) -> list[float]:
    """See :meth:`opscore.supernets.base.Supernet.synaptic_flows`."""
    network = FlowNetwork(supernet, image_shape)
    flows = [0.0] * len(weights)
    for rows, positions in distinct_rows(weights).items():
        flow = network.flow(rows)
        for position in positions:
            flows[position] = flow
    return flows


def absolute(convolution: nn.Module, _: nn.Module | None) -> Convolution:
    """A convolution of absolute weights in double precision; its batch norm is left out."""
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight.detach().double().abs()
    return Convolution(weight, weight.new_zeros(len(weight)))


def with_derivative(pair: Tensor) -> Tensor:
    """(x, x + x') from (x, x'), both [2, C, H, W]: what a convolution of theta (1 + t) sees."""
    return torch.stack((pair[0], pair[0] + pair[1]))


class FlowNodes(Nodes):
    """The nodes of a cell; each holds the signal and its derivative, [2, C, H, W]."""

    def before_convolution(self, x: Tensor) -> Tensor:
        """See :func:`with_derivative`."""
        return with_derivative(x)


class FlowNetwork:
    """A supernet of absolute weights in double precision; the stem is computed once."""

    def __init__(self, supernet: NASBench201Supernet, image_shape: Sequence[int]) -> None:
        self.blocks = supernet.folded_blocks(absolute, torch.float64)
        classifier = supernet.classifier.weight.detach().double().abs()
        self.readout = classifier.sum(dim=0)
        stem = absolute(supernet.stem[0], supernet.stem[1])
        ones = self.readout.new_ones(2, *image_shape)
        # The image does not depend on the weights: (1, 0) becomes (1, 1 + 0).
        self.stem = stem(ones)

    def flow(self, rows: Rows) -> float:
        """S of one state's network."""
        pair = self.stem
        for block in self.blocks:
            if isinstance(block, FoldedReduction):
                middle = block.first(with_derivative(pair), stride=2)
                shortcut = block.shortcut(with_derivative(functional.avg_pool2d(pair, 2)))
                pair = block.second(with_derivative(middle)) + shortcut
            else:
                nodes = FlowNodes([pair], AveragePool(pair))
                pair = nodes.complete(block.plan([rows], torch.float64))
        features = with_derivative(pair)[1].mean(dim=(1, 2))
        return float(features @ self.readout)
