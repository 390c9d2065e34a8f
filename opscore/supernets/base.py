"""What supernets and stand-alone networks are made of.

A space has its layers once, as :class:`Layers` of a state: the candidates that the state leaves on
each edge, and what is around them. Its supernet is these layers of A_0 under weights, its
stand-alone networks are these layers of an architecture: a stand-alone network is a supernet with
one choice on every edge, because there is nothing else that it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor, nn

from opscore.settings import Survivors
from opscore.spaces import SearchSpace, State
from opscore.supernets.choice import Row, operation_rows

#: What the operations that are left on an edge weigh after others were removed from it: 'theta',
#: as before; 'renormalized', as before and scaled to a sum of one; 'uniform', 1/|O| each, with |O|
#: the number of operations that the edge has in its space.
SURVIVORS: tuple[Survivors, ...] = get_args(Survivors)

#: Standard deviation of fresh architecture parameters (DARTS; the authors' code).
ALPHA_SCALE = 1e-3


class Layers(nn.Module):
    """Base of the layers of a space's networks.

    A subclass makes the layers of a state, where each edge has what :meth:`State.remaining` says,
    and its :meth:`logits` reads them.

    Args:
        state: A_0 for a supernet, an architecture for a stand-alone network.

    Attributes:
        space: the search space.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self.space = state.space

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """Logits [N, classes] of images [N, channels, height, width].

        rows: the weights of what each edge has, by edge of the space. run_removed: whether
        operations of weight zero still run, where hooks can see them.
        """
        raise NotImplementedError

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew, by PyTorch's default unless a space says otherwise."""
        initialize(self, generator)


class Supernet(Layers):
    """All operations of all edges, under weights: in front of a space's layers, in its bases.

    ``forward(images, weights)`` takes images [N, channels, height, width] and the edges' operation
    weights [edges, operations], and returns logits [N, classes]. A weight of exactly zero means
    that the operation has been removed.

    Args:
        space: the search space.
        shape: what the layers are made with.

    Attributes:
        alphas: architecture parameters, float [edges, operations]. A buffer, not a parameter: no
            proxy counts them. Entries of operations that an edge does not have are ignored.
        has_alphas: whether there are architecture parameters in this space; where there are none
            the alphas stay zero, so that operations weigh alike.
    """

    alphas: Tensor
    has_alphas = True

    def __init__(self, space: SearchSpace, *args: Any, **shape: Any) -> None:
        super().__init__(space.initial_state(), *args, **shape)
        self.register_buffer("alphas", torch.zeros(len(space.edges), space.max_operations))

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        """Logits [N, classes]; with ``run_removed`` removed operations still run, on zeros."""
        return self.logits(images, operation_rows(weights), run_removed)

    def theta(self) -> Tensor:
        """Softmax of the alphas over each edge's own operations, [edges, operations]."""
        exists = _mask(self.space.initial_state(), self.alphas.device)
        return torch.softmax(self.alphas.masked_fill(~exists, -math.inf), dim=1)

    def weights(self, state: State, *, survivors: Survivors = "theta") -> Tensor:
        """Operation weights of a state: mask x theta, [edges, operations].

        A discretized edge has weight one on its operation, or on each that it keeps. ``survivors``
        says what is left on an edge that has lost some operations but is not decided, be it a
        single one (:attr:`State.perturbed`), see :data:`Survivors`: the authors' nwot scores keep
        the weights as they are, their synflow scores scale them to a sum of one, and their released
        code gives 1/|O| for the other proxies (docs/faithful.md).
        """
        mask = _mask(state, self.alphas.device)
        kept = self.theta() * mask
        count = mask.sum(dim=1, keepdim=True)
        keeps = [0 if e in state.perturbed else kept for e, kept in enumerate(self.space.keeps)]
        decided = torch.tensor(keeps, device=mask.device)[:, None]
        if survivors == "renormalized":
            kept = kept / kept.sum(dim=1, keepdim=True)
        elif survivors == "uniform":
            options = _mask(self.space.initial_state(), self.alphas.device).sum(dim=1, keepdim=True)
            kept = torch.where(count < options, mask.to(kept.dtype) / options, kept)
        return torch.where(count <= decided, mask.to(kept.dtype), kept)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights, and then the alphas, anew."""
        super().reset_parameters(generator)
        self.redraw_alphas(generator)

    @torch.no_grad()
    def redraw_alphas(self, generator: torch.Generator) -> None:
        """Draw the architecture parameters anew: 1e-3 x N(0, 1)."""
        if self.has_alphas:
            draw = torch.randn(self.alphas.shape, generator=generator)
            self.alphas.copy_(ALPHA_SCALE * draw)
        else:
            self.alphas.zero_()


class StandAlone(Layers):
    """What an architecture has, each with weight one: in front of a space's layers, in its bases.

    Args:
        architecture: a state with every edge decided.
        shape: what the layers are made with.
    """

    def __init__(self, architecture: State, *args: Any, **shape: Any) -> None:
        _ = architecture.architecture_indices  # says which edges are open
        super().__init__(architecture, *args, **shape)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of images [N, channels, height, width]."""
        return self.logits(images, self.ones(), False)

    def ones(self) -> list[Row]:
        """The rows of a network without a choice."""
        return [(1.0,) * kept for kept in self.space.keeps]


class StateNetwork(nn.Module):
    """A supernet under one state, as an ordinary network: what a zero-cost proxy is given.

    Attributes:
        supernet: the supernet.
        run_removed: whether removed operations run on zeroed inputs, where hooks can see them, as
            in the authors' code. The output is the same either way.
    """

    weights: Tensor

    def __init__(self, supernet: Supernet, weights: Tensor, *, run_removed: bool = False) -> None:
        super().__init__()
        self.supernet = supernet
        self.run_removed = run_removed
        self.register_buffer("weights", weights.detach())

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes]."""
        logits: Tensor = self.supernet(images, self.weights, run_removed=self.run_removed)
        return logits


def conv_bn(
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    rectifier: type[nn.ReLU | nn.ReLU6] | None = None,
) -> list[nn.Module]:
    """Convolution without a bias, batch norm, and a rectifier if one is given.

    The convolution is padded, so that but for its stride the resolution stays.
    """
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    last = [] if rectifier is None else [rectifier(inplace=True)]
    return [convolution, nn.BatchNorm2d(c_out), *last]


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, 1x1 down, each with batch norm; added to its input where shapes agree.

    Without the convolution that widens where the expansion is 1.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        stride: int,
        kernel: int,
        expansion: int,
        rectifier: type[nn.ReLU | nn.ReLU6] = nn.ReLU,
    ) -> None:
        super().__init__()
        hidden = expansion * c_in
        self.shortcut = stride == 1 and c_in == c_out
        self.op = nn.Sequential(
            *(conv_bn(c_in, hidden, 1, rectifier=rectifier) if expansion > 1 else []),
            *conv_bn(hidden, hidden, kernel, stride, groups=hidden, rectifier=rectifier),
            *conv_bn(hidden, c_out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.op(x)
        return x + out if self.shortcut else out


class Zero(nn.Module):
    """The operation 'none': zeros that depend on the input for autograd.

    stride, factor: how much coarser and how many times wider they are than the input.
    """

    def __init__(self, stride: int = 1, factor: int = 1) -> None:
        super().__init__()
        self.stride, self.factor = stride, factor

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return x * 0.0 if self.factor == 1 else torch.cat([x * 0.0] * self.factor, dim=1)


def initialize(module: nn.Module, generator: torch.Generator) -> None:
    """PyTorch's default initialisation, drawn from ``generator``.

    Convolutions and linear layers: uniform in +-1/sqrt(fan_in), for weights and biases. Batch
    norm: weight 1, bias 0, running mean 0 and variance 1.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            bound = 1 / math.sqrt(fan_in)
            _uniform(layer.weight, bound, generator)
            if layer.bias is not None:
                _uniform(layer.bias, bound, generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()


@torch.no_grad()
def initialize_by_fan_out(module: nn.Module, generator: torch.Generator) -> None:
    """Convolutions N(0, 2 / (kernel area x output channels)), the rest as :func:`initialize`.

    Kaiming normal by fan out, where groups do not count: what TransNAS-Bench-101 and the paper's
    code for the MobileNet-like space draw.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.out_channels * layer.weight[0, 0].numel()
            draw = torch.randn(layer.weight.shape, generator=generator)
            layer.weight.copy_(draw * math.sqrt(2 / fan_out))
        elif isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            _uniform(layer.weight, bound, generator)
            _uniform(layer.bias, bound, generator)


@torch.no_grad()
def _uniform(parameter: Tensor, bound: float, generator: torch.Generator) -> None:
    draw = torch.rand(parameter.shape, generator=generator)
    parameter.copy_((2 * draw - 1) * bound)


def _mask(state: State, device: torch.device) -> Tensor:
    """The state's mask as a boolean tensor [edges, operations], padded with False."""
    width = state.space.max_operations
    rows = [[*row, *(False,) * (width - len(row))] for row in state.mask]
    return torch.tensor(rows, dtype=torch.bool, device=device)
