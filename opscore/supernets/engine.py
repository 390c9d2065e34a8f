"""Pieces of the fast scoring path that do not depend on the space.

In eval mode batch norm is a fixed affine map of each channel, so it folds into the convolution
before it; and the activation kernel needs signs only, so it is integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Bytes of one node's activations for the images that go through the network together. On a CPU
#: a piece and what is computed from it should stay in the second-level cache.
PIECE_BYTES = {"cpu": 2**20, "cuda": 2**28}

#: Bytes of one node's activations of all the states that go through the network together. On a CPU
#: one state after the other is faster; on a GPU, where a whole batch of one state is a small
#: problem, about ten tensors of this size live at a time.
STATES_BYTES = {"cpu": 0, "cuda": 2**28}

#: Columns of codes in one product. A count below 2^24 is exact in single precision.
CHUNK = 2**16

#: Rows of the integer product computed together; fewer use the processor less well.
ROWS = 128


@dataclass(frozen=True)
class Convolution:
    """A convolution with its batch norm folded in, or several side by side.

    Attributes:
        weight: [c_out, c_in / groups, k, k].
        bias: [c_out].
        groups: how many convolutions these are, each of its own part of the channels.
    """

    weight: Tensor
    bias: Tensor
    groups: int = 1

    def to(self, dtype: torch.dtype) -> Convolution:
        """The same in another precision, and in the memory format that convolutions like best."""
        weight = self.weight.to(dtype, memory_format=torch.channels_last)
        return Convolution(weight, self.bias.to(dtype), self.groups)

    def repeated(self, times: int) -> Convolution:
        """The same convolution for each of so many parts of the channels."""
        if times == 1:
            return self
        weight = self.weight.repeat(times, 1, 1, 1).contiguous(memory_format=torch.channels_last)
        return Convolution(weight, self.bias.repeat(times), times)

    def __call__(self, x: Tensor, stride: int = 1) -> Tensor:
        """[N, c_in, H, W] to [N, c_out, H / stride, W / stride]."""
        padding = self.weight.shape[-1] // 2
        return functional.conv2d(
            x, self.weight, self.bias, stride=stride, padding=padding, groups=self.groups
        )


def fold_batch_norm(convolution: nn.Module, norm: nn.Module | None) -> Convolution:
    """W' = W * s and b' = beta - mean * s, with s = gamma / sqrt(variance + eps)."""
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight.detach()
    if norm is None:
        return Convolution(weight, weight.new_zeros(len(weight)))
    scale, shift = affine_map(norm)
    return Convolution(weight * scale[:, None, None, None], shift)


def affine_map(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Scale and shift [channels] of a batch norm in eval mode."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight.detach()
        return scale, norm.bias.detach() - mean * scale
    return scale, -mean * scale


def widen(weight: Tensor, size: int) -> Tensor:
    """A kernel [c_out, c_in, k, k] padded with zeros to [c_out, c_in, size, size]."""
    margin = (size - weight.shape[-1]) // 2
    return functional.pad(weight, (margin, margin, margin, margin))


class AveragePool:
    """3x3 average over the pixels that exist (stride 1), as a depthwise sum and a fixed map.

    In single precision that is several times faster than the pooling routine, which double
    precision keeps: its depthwise convolutions are slow.
    """

    def __init__(self, like: Tensor) -> None:
        _, channels, height, width = like.shape
        self._ones = like.new_ones(channels, 1, 3, 3)
        count = functional.conv2d(like.new_ones(1, 1, height, width), self._ones[:1], padding=1)
        # In the memory format of what it will be multiplied with.
        self._reciprocal = torch.empty_like(like[:1]).copy_(count.reciprocal())

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """[N, C, H, W] to the same shape."""
        total = self._sum(x)
        return torch.mul(total, self._reciprocal, out=total if out is None else out)

    def adjoint(self, gradient: Tensor) -> Tensor:
        """dL/dx from dL/dpool(x), the same shape."""
        return self._sum(gradient * self._reciprocal)

    def add_adjoint(self, gradient: Tensor, out: Tensor) -> None:
        """out += dL/dx; the gradient is used up."""
        gradient.mul_(self._reciprocal)
        if gradient.dtype == torch.float64:
            out.add_(self._sum(gradient))
        else:
            add_convolution(out, gradient, self._ones, groups=len(self._ones))

    def _sum(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            return functional.avg_pool2d(x, 3, stride=1, padding=1, divisor_override=1)
        return functional.conv2d(x, self._ones, padding=1, groups=len(self._ones))


def add_convolution(out: Tensor, x: Tensor, kernel: Tensor, groups: int = 1) -> None:
    """out += convolution of x that keeps the resolution, without a graph.

    The library behind convolutions on a CPU can add to memory that is there already; elsewhere the
    sum is another step.
    """
    padding = kernel.shape[-1] // 2
    if out.device.type == "cpu" and out.dtype == torch.float32 and _adds_in_place():
        torch.ops.mkldnn._convolution_pointwise_.binary(
            *(out, x, kernel, None, [padding] * 2, [1, 1], [1, 1], groups),
            *("add", 1.0, None, [], None),
        )
    else:
        out.add_(functional.conv2d(x, kernel, padding=padding, groups=groups))


def _adds_in_place() -> bool:
    """Whether this build has that library, and its operation."""
    return torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")


class SignKernel:
    """The activation kernel, summed up layer by layer.

        K_ij = A - hamming(c_i, c_j),    c_i in {0, 1}^A

    With G = c c^T (the diagonal of G counts the ones of each code), hamming(c_i, c_j) is
    G_ii + G_jj - 2 G_ij: one integer matrix product, and exact.

    Attributes:
        value: K so far, float64 [N, N], with integer entries.
    """

    def __init__(self, n_images: int, device: torch.device) -> None:
        self.value = torch.zeros(n_images, n_images, dtype=torch.float64, device=device)

    def add(self, codes: Tensor, times: int = 1) -> None:
        """Count activations ``times`` times; codes: bool [N, A]."""
        if times == 0:
            return
        for start in range(0, codes.shape[1], CHUNK):
            part = codes[:, start : start + CHUNK]
            gram = gram_of_bits(part)
            ones = gram.diagonal()
            agree = 2 * gram - ones[:, None] - ones[None, :] + part.shape[1]
            self.value.add_(agree, alpha=times)

    def add_constant(self, count: int) -> None:
        """Count ``count`` activations that are the same for every image."""
        self.value.add_(count)


def gram_of_bits(codes: Tensor) -> Tensor:
    """c c^T of bool codes [N, A], float64 [N, N], exact."""
    if codes.device.type == "cpu" and _has_fast_int8():
        bits = codes.view(torch.int8)
        gram = torch.zeros(len(bits), len(bits), dtype=torch.int32)
        for start in range(0, len(bits), ROWS):  # the upper triangle, in blocks of rows
            block = bits[start : start + ROWS]
            gram[start : start + ROWS, start:] = torch._int_mm(block, bits[start:].T)
        return (gram.triu() + gram.triu(1).T).double()
    # Sums of zeros and ones: exact in single precision up to 2^24.
    numbers = codes.float()
    return (numbers @ numbers.T).double()


def _has_fast_int8() -> bool:
    """Whether this processor multiplies int8 matrices natively; if not, float32 is faster."""
    supported = getattr(torch.cpu, "_is_vnni_supported", None)
    return bool(supported is not None and supported())


def piece_size(
    image_shape: Sequence[int], like: Tensor, budgets: Mapping[str, int] = PIECE_BYTES
) -> int:
    """How many images go through a layer together; image_shape: [C, H, W] of its input."""
    count = 1
    for length in image_shape:
        count *= length
    budget = budgets.get(like.device.type, budgets["cuda"])
    return max(1, budget // (count * like.element_size()))


def states_together(parts: Sequence[Tensor]) -> int:
    """How many states go through the network together; parts: a node of one state, in pieces."""
    budget = STATES_BYTES.get(parts[0].device.type, STATES_BYTES["cuda"])
    return max(1, budget // sum(part.nbytes for part in parts))


def in_pieces(parts: Sequence[Tensor]) -> list[Tensor]:
    """Cut activations [N, C, H, W], given in parts, into pieces of the right size."""
    whole = torch.cat(list(parts)) if len(parts) > 1 else parts[0]
    whole = whole.contiguous(memory_format=torch.channels_last)
    return cut(whole, piece_size(whole.shape[1:], whole))


def cut(x: Tensor, size: int) -> list[Tensor]:
    """Views of at most ``size`` images each."""
    return [x[start : start + size] for start in range(0, len(x), size)]
