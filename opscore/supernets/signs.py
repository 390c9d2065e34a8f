"""The activation kernel from signs: integer arithmetic, and exact."""

from __future__ import annotations

import torch
from torch import Tensor

#: Columns of codes in one product. A count below 2^24 is exact in single precision.
CHUNK = 2**16

#: Rows of the integer product computed together; fewer use the processor less well.
ROWS = 128


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
    return hasattr(torch, "_int_mm") and bool(supported is not None and supported())
