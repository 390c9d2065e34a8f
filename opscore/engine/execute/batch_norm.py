"""Batch norm in train mode and channels last, faster than the framework's.

With means over images and positions,

    out = w (x - mean(x)) / s + b,    s = sqrt(var(x) + eps),

and for g = dL/dout the gradient is an affine map of each channel,

    dL/dx = a g + p x + c,    a = w / s,    p = -a cov(g, x) / s^2,    c = -a mean(g) - p mean(x).

Sums over the images of one position are taken in the precision of the activations, and added up in
double precision. The variance is the mean square less the squared mean: closer than the framework's
while the mean is below some thirty deviations, further off beyond. It is for a CPU, where a fused
function computes these sums; on a GPU the framework's own batch norm is as good.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The normalised tensor, for one gradient. x: [N, C, H, W], on a CPU; weight, bias: [C]."""
    found: Tensor = _BatchNorm.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    return found


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        mean, variance = moments(x)
        inverse = variance.add(eps).rsqrt()
        scale = weight.double() * inverse
        ctx.save_for_backward(x, mean, inverse, scale)
        return torch.addcmul(channel_map(bias - mean * scale, x), x, channel_map(scale, x))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, inverse, scale = ctx.saved_tensors
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        sums, products = normed_sums(g, x, mean, inverse)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = through_norm(g, x, mean, scale, inverse, sums, products)
        return dx, products.to(g.dtype), sums.to(g.dtype), None


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over images and positions, float64 [C]. x: [N, C, H, W].

    ValueError, as the framework's, for one value of each channel.
    """
    count = x.numel() // x.shape[1]
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got {[*x.shape]}")
    sums, squares = channel_sums(x, x)
    mean = sums / count
    return mean, (squares / count - mean.square()).clamp_min(0)


def normed_sums(g: Tensor, x: Tensor, mean: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of g, and of g times the normalised x, over images and positions, float64 [C]."""
    sums, products = channel_sums(g, x)
    return sums, (products - mean * sums) * inverse


def through_norm(
    g: Tensor,
    x: Tensor,
    mean: Tensor,
    scale: Tensor,
    inverse: Tensor,
    sums: Tensor,
    products: Tensor,
) -> Tensor:
    """dL/dx of a batch norm from g = dL/dout, both [N, C, H, W]; the others are float64 [C].

    mean, inverse: of x, and one over its deviation. scale: w / s. sums, products: of g, and of g
    times the normalised x, over images and positions.
    """
    count = x.numel() // x.shape[1]
    slope = -scale * inverse * products / count
    constant = -scale * sums / count - slope * mean
    dx = torch.addcmul(channel_map(constant, x), x, channel_map(slope, x))
    return dx.addcmul_(g, channel_map(scale, x))


def channel_sums(x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of x and of x z over images and positions, float64 [C]. x, z: [N, C, H, W].

    They are computed in one pass over memory, as what they are to the framework: the gradients of
    the bias and weight of a batch norm, whose channels are here those of each position. (On a GPU
    that function leaves these gradients out where it is given no weight.)
    """
    x_flat, z_flat = (t.permute(0, 2, 3, 1).reshape(len(t), -1) for t in (x, z))
    if _sums_in_one_pass():
        zeros, ones = z_flat.new_zeros(z_flat.shape[1]), z_flat.new_ones(z_flat.shape[1])
        _, products, sums = torch.ops.aten.native_batch_norm_backward(
            *(x_flat, z_flat, None, None, None, zeros, ones, True, 0.0), [False, True, True]
        )
    else:
        products, sums = (x_flat * z_flat).sum(dim=0), x_flat.sum(dim=0)
    channels = x.shape[1]
    found = (part.view(-1, channels).double().sum(dim=0) for part in (sums, products))
    return next(found), next(found)


def _sums_in_one_pass() -> bool:
    """Whether this build has that function, which is none that the framework promises to keep."""
    return hasattr(torch.ops.aten, "native_batch_norm_backward")


def channel_map(vector: Tensor, like: Tensor) -> Tensor:
    """[C] as a factor of [N, C, H, W], in its precision."""
    return vector.to(like.dtype)[None, :, None, None]
