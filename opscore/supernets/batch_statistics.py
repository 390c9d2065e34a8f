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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from opscore.supernets import engine
from opscore.supernets.engine import add_convolution
from opscore.supernets.workspace import Workspace

Pieces = Sequence[Tensor]

#: As in the engine, but on a CPU larger: sums over the batch come between the steps anyway.
PIECE_BYTES = engine.PIECE_BYTES | {"cpu": 2**23}


class Node:
    """A node of a cell, or the gradient of one, in pieces, with its moments.

    What is to be known of a piece is computed when it is appended, while the processor still has it
    at hand. Moments are those of all pieces: they may be asked for when none is missing.

    Attributes:
        pieces: [n, C, H, W] each.
        by_image: whether products are wanted for each image, or for a piece as a whole.
        squared: whether the products of x with itself are wanted.
        products: these, if they are; see :meth:`products_with`.
    """

    def __init__(
        self, pieces: Iterable[Tensor] = (), *, by_image: bool = False, squared: bool = False
    ) -> None:
        self.pieces: list[Tensor] = []
        self.by_image = by_image
        self.squared = squared
        self.products: list[Tensor] = []
        self._sums: list[Tensor] = []
        for piece in pieces:
            self.append(piece)

    def append(self, piece: Tensor) -> None:
        """Add a piece."""
        self.pieces.append(piece)
        self._sums.append(piece.sum(dim=(2, 3)))
        if self.squared:
            self.products.append(self.products_with(len(self.pieces) - 1, piece))

    @cached_property
    def count(self) -> int:
        """Images times positions."""
        return sum(piece[:, 0].numel() for piece in self.pieces)

    @cached_property
    def sums(self) -> Tensor:
        """Sums over the positions of each image, float64 [N, C]."""
        return torch.cat(self._sums).double()

    @cached_property
    def mean(self) -> Tensor:
        """Float64 [C]."""
        return self.sums.sum(dim=0) / self.count

    @cached_property
    def covariance(self) -> Tensor:
        """cov(x, x), float64 [C, C]."""
        return self.covariance_with(self, self.products)

    def products_with(self, place: int, z: Tensor) -> Tensor:
        """z x^T summed over the positions of a piece, [n, C, C]; n is 1 unless it is by image."""
        x = self.pieces[place]
        if self.by_image:
            return by_image(z).transpose(1, 2) @ by_image(x)
        # As the gradient of a 1x1 kernel it is computed faster than as a matrix product.
        kernel = x.new_empty(z.shape[1], x.shape[1], 1, 1)
        return kernel_gradient(z, x, kernel).flatten(1)[None]

    def covariance_with(self, other: Node, products: Pieces) -> Tensor:
        """cov(z, x), float64 [C, C], of another node z."""
        total = torch.stack([part.sum(dim=0) for part in products]).double().sum(dim=0)
        return total / self.count - torch.outer(other.mean, self.mean)


@dataclass(frozen=True)
class Slope:
    """dL/dy = a g + b y + c of a branch.

    Attributes:
        a, b, c: float64 [C].
        products: for each piece, sums over positions of g y, [n, C], or of g r^T, [n, C, C].
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

    Like those of a :class:`Node`, sums are taken when a piece is appended.

    Attributes:
        pieces: y, [n, C, H, W] each.
        by_image: whether sums are wanted for each image, or for a piece as a whole.
    """

    def __init__(
        self, memory: Workspace, pieces: Iterable[Tensor] = (), *, by_image: bool = False
    ) -> None:
        self.memory = memory
        self.pieces: list[Tensor] = []
        self.by_image = by_image
        self._sums: list[Tensor] = []
        self._squares: list[Tensor] = []
        for piece in pieces:
            self.append(piece)

    def append(self, piece: Tensor) -> None:
        """Add a piece."""
        self.pieces.append(piece)
        sums, squares = self.sums_with(len(self.pieces) - 1, piece)
        self._sums.append(sums)
        self._squares.append(squares)

    @cached_property
    def count(self) -> int:
        """Images times positions."""
        return sum(piece[:, 0].numel() for piece in self.pieces)

    @cached_property
    def sums(self) -> Tensor:
        """Sums of y over positions, float64 [N, C], or [pieces, C] unless it is by image."""
        return torch.cat(self._sums)

    @cached_property
    def squares(self) -> Tensor:
        """Sums of y^2, as those of y."""
        return torch.cat(self._squares)

    def sums_with(self, place: int, z: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of z and of y z over a piece's positions, float64 [n, C]; see :attr:`sums`."""
        y = self.pieces[place]
        if not self.by_image:
            return channel_sums(z, y)
        scratch = self.memory.buffer(("products", y.shape), y)
        products = torch.mul(y, z, out=scratch).sum(dim=(2, 3))
        return z.sum(dim=(2, 3)).double(), products.double()


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

    def products_with(self, place: int, g: Tensor) -> Tensor:
        """Sums of g y over a piece's positions, float64 [n, C]; n is 1 unless it is by image."""
        return self.outputs.sums_with(place, g)[1]

    def slope(self, g: Node, products: Pieces) -> Slope:
        """dL/dy from the gradient g of what this is added to; products: with each piece of g."""
        covariance = torch.cat(list(products)).sum(dim=0) / g.count - self.mean * g.mean
        return Slope(*self.affine(covariance, g.mean), products=products, covariance=covariance)

    def derivative(self, place: int, g: Tensor, slope: Slope, out: Tensor) -> Tensor:
        """out = dL/dy of a piece."""
        torch.addcmul(spread(slope.c, g), g, spread(slope.a, g), out=out)
        return out.addcmul_(self.outputs.pieces[place], spread(slope.b, g))

    def effects(self, slope: Slope) -> Tensor:
        """Sums of y dL/dy over positions, float64 [N, C]."""
        return slope.effects(
            torch.cat(list(slope.products)), self.outputs.squares, self.outputs.sums
        )


class Spatial(Normalized):
    """A convolution of a rectified node r with a kernel of any size; its outputs are kept."""

    def __init__(
        self, r: Node, kernel: Tensor, outputs: Outputs, weight: float, eps: float
    ) -> None:
        self.r = r
        self.kernel = kernel
        super().__init__(outputs, weight, eps)

    @cached_property
    def adjoint(self) -> Tensor:
        """The kernel of the convolution that takes dL/dy to dL/dr."""
        swapped = self.kernel.flip(2, 3).transpose(0, 1)
        return swapped.contiguous(memory_format=torch.channels_last)

    def gradients(
        self, place: int, g: Tensor, slope: Slope, out: Tensor, *, kernel: bool
    ) -> Tensor | None:
        """out += dL/dr of a piece; returns its part of dL/dkernel if that is wanted."""
        scratch = self.outputs.memory.buffer(("slope", g.shape), g)
        dy = self.derivative(place, g, slope, scratch)
        add_convolution(out, dy, self.adjoint)
        return kernel_gradient(dy, self.r.pieces[place], self.kernel) if kernel else None


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

    def products_with(self, place: int, g: Tensor) -> Tensor:
        """g r^T summed over a piece's positions, [n, C, C]; n is 1 unless it is by image."""
        return self.r.products_with(place, g)

    def slope(self, g: Node, products: Pieces) -> Slope:
        """dL/dy from the gradient g of what this is added to; products: with each piece of g."""
        covariance = self.r.covariance_with(g, products)
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


def channel_sums(x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of x and of x z over images and positions, float64 [1, C]; x, z: [n, C, H, W].

    These are what a batch norm's bias and weight get as their gradients, and that is how the
    framework computes both in one pass over memory. Its channels are here those of each position:
    sums over the images only are taken in the activations' precision.
    """
    x_flat, z_flat = by_image(x).flatten(1), by_image(z).flatten(1)
    mean, inverse_deviation = z_flat.new_zeros(z_flat.shape[1]), z_flat.new_ones(z_flat.shape[1])
    _, products, sums = torch.ops.aten.native_batch_norm_backward(
        *(x_flat, z_flat, None, None, None, mean, inverse_deviation, True, 0.0),
        [False, True, True],
    )
    channels = x.shape[1]
    return (
        sums.view(-1, channels).double().sum(dim=0, keepdim=True),
        products.view(-1, channels).double().sum(dim=0, keepdim=True),
    )


def kernel_gradient(dy: Tensor, x: Tensor, kernel: Tensor) -> Tensor:
    """dL/dkernel of a convolution of x that keeps the resolution; kernel: any of its shape."""
    padding = [kernel.shape[-1] // 2] * 2
    found: Tensor = torch.ops.aten.convolution_backward(
        *(dy, x, kernel, None, [1, 1], padding, [1, 1], False, [0, 0], 1), [False, True, False]
    )[1]
    return found


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
