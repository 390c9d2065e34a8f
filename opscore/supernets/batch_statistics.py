"""Convolutions with batch norm in train mode, and their gradients, by the statistics of a batch.

A branch is a convolution of a rectified node with its batch norm and a weight w. With means over
images and positions,

    y = conv(r),    out = w (y - mean(y)) / s,    s = sqrt(var(y) + eps),

and for g = dL/dout the gradient before batch norm is an affine map of each channel,

    dL/dy = a g + b y + c,    a = w / s,    b = -a cov(g, y) / s^2,    c = -a mean(g) - b mean(y).

A 3x3 convolution keeps its y (:class:`Outputs`, :class:`Spatial`). A 1x1 convolution y = V r never
computes it (:class:`Pointwise`): with the moments of r and of g with r,

    mean(y) = V mean(r),    var(y)_k = (V cov(r, r) V^T)_kk,    cov(g, y)_k = (cov(g, r) V^T)_kk,

    dL/dV = n (a cov(g, r) + b V cov(r, r)),    dL/dr = V^T (a g + b V r + c),

n being the number of images and positions.

Activations come in pieces of the batch, [n, C, H, W] in channels last. Sums over the positions of
one image are taken in the activations' precision and added up in double precision: the framework's
batch norm in channels last, which does not do so, loses two digits.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from opscore.supernets import engine
from opscore.supernets.workspace import Workspace

Pieces = Sequence[Tensor]

#: As in the engine, but on a CPU larger: sums over the batch come between the steps anyway.
PIECE_BYTES = engine.PIECE_BYTES | {"cpu": 2**23}

#: What :func:`convolution_backward` computes.
INPUT, KERNEL = [True, False, False], [False, True, False]


class Node:
    """A node of a cell, or the gradient of one, in pieces, with its moments.

    Attributes:
        pieces: [n, C, H, W] each.
        by_image: whether products are wanted for each image, or for a piece as a whole.
        count: images times positions.
    """

    def __init__(self, pieces: Pieces, by_image: bool = False) -> None:
        self.pieces = pieces
        self.by_image = by_image
        self.count = sum(piece[:, 0].numel() for piece in pieces)

    @cached_property
    def sums(self) -> Tensor:
        """Sums over the positions of each image, float64 [N, C]."""
        return torch.cat([piece.sum(dim=(2, 3)) for piece in self.pieces]).double()

    @cached_property
    def mean(self) -> Tensor:
        """Float64 [C]."""
        return self.sums.sum(dim=0) / self.count

    @cached_property
    def products(self) -> list[Tensor]:
        """Those of x with itself; see :meth:`products_with`."""
        return self.products_with(self)

    @cached_property
    def covariance(self) -> Tensor:
        """cov(x, x), float64 [C, C]."""
        return self.covariance_with(self, self.products)

    def products_with(self, other: Node) -> list[Tensor]:
        """x z^T summed over positions, in pieces [n, C, C]; n is 1 unless it is by image."""
        pairs = zip(self.pieces, other.pieces, strict=True)
        if self.by_image:
            return [by_image(x).transpose(1, 2) @ by_image(z) for x, z in pairs]
        # As the gradient of a 1x1 kernel it is computed faster than as a matrix product.
        kernel = self.pieces[0].new_empty(self.pieces[0].shape[1], other.pieces[0].shape[1], 1, 1)
        return [convolution_backward(x, z, kernel, KERNEL)[1].flatten(1)[None] for x, z in pairs]

    def covariance_with(self, other: Node, products: Pieces) -> Tensor:
        """cov(x, z), float64 [C, C]."""
        total = torch.stack([part.sum(dim=0) for part in products]).double().sum(dim=0)
        return total / self.count - torch.outer(self.mean, other.mean)


@dataclass(frozen=True)
class Slope:
    """dL/dy = a g + b y + c of a branch.

    Attributes:
        a, b, c: float64 [C].
        products: sums over positions of g y, [N, C], or of g r^T in pieces [n, C, C].
        covariance: cov(g, y), float64 [C], or of a pointwise branch cov(g, r), [C, C].
    """

    a: Tensor
    b: Tensor
    c: Tensor
    products: Pieces
    covariance: Tensor

    def effects(self, gy: Tensor, yy: Tensor, y: Tensor) -> Tensor:
        """Sums of y dL/dy over positions, [N, C], from the sums of g y, y^2 and y."""
        return self.a * gy + self.b * yy + self.c * y


class Outputs:
    """What a convolution gave, in pieces, with the sums that batch norm and its gradient need.

    Attributes:
        pieces: y, [n, C, H, W] each.
        sums, squares: sums of y and y^2 over the positions of each image, float64 [N, C].
        count: images times positions.
    """

    def __init__(self, pieces: Pieces, memory: Workspace) -> None:
        self.pieces = pieces
        self.memory = memory
        self.count = sum(piece[:, 0].numel() for piece in pieces)
        self.sums = torch.cat([y.sum(dim=(2, 3)) for y in pieces]).double()
        self.squares = self.products_with(pieces)

    def products_with(self, others: Pieces) -> Tensor:
        """Sums of y z over the positions of each image, float64 [N, C]."""
        sums = []
        for y, z in zip(self.pieces, others, strict=True):
            scratch = self.memory.buffer(("products", y.shape), y)
            sums.append(torch.mul(y, z, out=scratch).sum(dim=(2, 3)))
        return torch.cat(sums).double()


class Branch:
    """A convolution's outputs y with their batch norm and weight: out = scale y + shift.

    Attributes:
        scale, shift: float64 [C].
    """

    def __init__(self, mean: Tensor, variance: Tensor, weight: float | Tensor, eps: float) -> None:
        self.mean = mean
        self.variance = variance.clamp_min(0) + eps
        self.scale = weight * self.variance.rsqrt()
        self.shift = -self.scale * mean

    def affine(self, covariance: Tensor, g_mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """a, b and c from cov(g, y) and mean(g), all [C]."""
        b = -self.scale * covariance / self.variance
        return self.scale, b, -self.scale * g_mean - b * self.mean


class Normalized(Branch):
    """Outputs that are there, with a batch norm and a weight, or one for each channel."""

    def __init__(self, outputs: Outputs, weight: float | Tensor, eps: float) -> None:
        self.outputs = outputs
        mean = outputs.sums.sum(dim=0) / outputs.count
        variance = outputs.squares.sum(dim=0) / outputs.count - mean.square()
        super().__init__(mean, variance, weight, eps)

    def write(self, place: int, constant: Tensor, out: Tensor) -> None:
        """out = scale y + constant, for a piece."""
        y, scale = self.outputs.pieces[place], spread(self.scale, out)
        torch.addcmul(spread(constant, out), y, scale, out=out)

    def slope(self, g: Node) -> Slope:
        """dL/dy from the gradient g of what this is added to."""
        products = self.outputs.products_with(g.pieces)
        covariance = products.sum(dim=0) / g.count - self.mean * g.mean
        return Slope(*self.affine(covariance, g.mean), products=[products], covariance=covariance)

    def derivative(self, place: int, g: Tensor, slope: Slope, out: Tensor) -> Tensor:
        """out = dL/dy of a piece."""
        torch.addcmul(spread(slope.c, g), g, spread(slope.a, g), out=out)
        return out.addcmul_(self.outputs.pieces[place], spread(slope.b, g))

    def effects(self, slope: Slope) -> Tensor:
        """Sums of y dL/dy over positions, float64 [N, C]."""
        return slope.effects(slope.products[0], self.outputs.squares, self.outputs.sums)


class Spatial(Normalized):
    """A convolution of a rectified node r with a kernel of any size; its outputs are kept."""

    def __init__(
        self, r: Node, kernel: Tensor, outputs: Outputs, weight: float, eps: float
    ) -> None:
        self.r = r
        self.kernel = kernel
        super().__init__(outputs, weight, eps)

    def gradients(
        self, place: int, g: Tensor, slope: Slope, *, kernel: bool
    ) -> tuple[Tensor, Tensor | None]:
        """dL/dr of a piece, and its part of dL/dkernel if that is wanted."""
        scratch = self.outputs.memory.buffer(("slope", g.shape), g)
        dy = self.derivative(place, g, slope, scratch)
        r = self.r.pieces[place]
        # Two calls take less time than one that gives both.
        dr = convolution_backward(dy, r, self.kernel, INPUT)[0]
        dk = convolution_backward(dy, r, self.kernel, KERNEL)[1] if kernel else None
        return dr, dk


class Pointwise(Branch):
    """A 1x1 convolution y = V r of a rectified node, which never computes y."""

    def __init__(self, r: Node, kernel: Tensor, weight: float, eps: float) -> None:
        self.r = r
        self.matrix = kernel.detach().flatten(1).double()
        variance = ((self.matrix @ r.covariance) * self.matrix).sum(dim=1)
        super().__init__(self.matrix @ r.mean, variance, weight, eps)
        self.scaled = (self.scale[:, None] * self.matrix).to(kernel.dtype).T

    def write(self, place: int, constant: Tensor, out: Tensor) -> None:
        """out = scale y + constant, for a piece."""
        torch.mm(by_pixel(self.r.pieces[place]), self.scaled, out=by_pixel(out))
        out.add_(spread(constant, out))

    def add(self, place: int, out: Tensor) -> None:
        """out += scale y, for a piece."""
        by_pixel(out).addmm_(by_pixel(self.r.pieces[place]), self.scaled)

    def slope(self, g: Node) -> Slope:
        """dL/dy from the gradient g of the node that this branch enters."""
        products = g.products_with(self.r)
        covariance = g.covariance_with(self.r, products)
        with_y = (covariance * self.matrix).sum(dim=1)
        return Slope(*self.affine(with_y, g.mean), products=products, covariance=covariance)

    def kernel_gradient(self, slope: Slope) -> Tensor:
        """dL/dV, float64 [C, C]."""
        own = self.matrix @ self.r.covariance
        return self.r.count * (slope.a[:, None] * slope.covariance + slope.b[:, None] * own)

    def gradient_maps(self, slope: Slope) -> tuple[Tensor, Tensor, Tensor]:
        """P, Q [C, C] and p [C] of dL/dr = P^T g + Q r + p, float64; Q is symmetric."""
        v = self.matrix
        return slope.a[:, None] * v, v.T @ (slope.b[:, None] * v), slope.c @ v

    def effects(self, slope: Slope) -> Tensor:
        """Sums of y dL/dy over positions, float64 [N, C], where products are by image."""
        v = self.matrix.to(self.scaled.dtype)
        gy = torch.cat([(part * v).sum(dim=2) for part in slope.products])
        yy = torch.cat([((v @ part) * v).sum(dim=2) for part in self.r.products])
        return slope.effects(gy.double(), yy.double(), self.r.sums @ self.matrix.T)


def convolve(r: Node, kernel: Tensor, memory: Workspace, name: Hashable) -> Outputs:
    """y = conv(r), which keeps the resolution; kernel: in channels last."""
    padding = kernel.shape[-1] // 2
    pieces = [
        memory.renew((name, place), partial(functional.conv2d, x, kernel, padding=padding))
        for place, x in enumerate(r.pieces)
    ]
    return Outputs(pieces, memory)


def convolution_backward(dy: Tensor, x: Tensor, kernel: Tensor, which: list[bool]) -> Any:
    """(dL/dx or None, dL/dkernel or None, None) of a convolution that keeps the resolution."""
    padding = [kernel.shape[-1] // 2] * 2
    return torch.ops.aten.convolution_backward(
        dy, x, kernel, None, [1, 1], padding, [1, 1], False, [0, 0], 1, which
    )


def by_image(piece: Tensor) -> Tensor:
    """[n, C, H, W] in channels last seen as [n, H * W, C]."""
    n, c, h, w = piece.shape
    return piece.permute(0, 2, 3, 1).view(n, h * w, c)


def by_pixel(piece: Tensor) -> Tensor:
    """[n, C, H, W] in channels last seen as [n * H * W, C]."""
    return piece.permute(0, 2, 3, 1).view(-1, piece.shape[1])


def spread(vector: Tensor, like: Tensor) -> Tensor:
    """[C] as a factor of [n, C, H, W], in its precision."""
    return vector.to(like.dtype)[None, :, None, None]
