"""nwot: how differently a network's ReLUs respond to the images of a minibatch.

For N images let c_i in {0, 1}^A be the signs of image i at all A counted activations. Then

    K_ij = A - hamming(c_i, c_j) = c_i . c_j + (1 - c_i) . (1 - c_j),    S = log |det K|

(Mellor et al. 2021, equations 1 and 2). Larger is better.

What counts as an activation is where the two meanings differ (docs/faithful.md):

* faithful: the input of every module whose class name contains 'ReLU'. That is the authors' hook;
  it also matches the ReLU-Conv-BN wrappers, so each convolution's input counts twice. A removed
  convolution still runs on zeros: its wrapper counts the node as it is, its inner ReLU counts
  nothing but equal signs.
* clean: the input of every real ReLU that runs, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from opscore.engine import activation_kernels
from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import by_image, run
from opscore.proxies.how import How
from opscore.supernets.counting import hooked

#: Relative size of a pivot that gives cause to look at eigenvalues, and of an eigenvalue that
#: double precision cannot tell from zero.
_SUSPECT, _ROUNDING = 1e-8, torch.finfo(torch.float64).eps


def hooked_by_the_authors(module: nn.Module) -> bool:
    """Whether the authors' activation hook matches a module: by its class name."""
    return "ReLU" in type(module).__name__


def is_relu(module: nn.Module) -> bool:
    """Whether a module is a rectifier."""
    return isinstance(module, nn.ReLU | nn.ReLU6)


@torch.no_grad()
def activation_kernel(
    network: nn.Module, images: Tensor, counted: Callable[[nn.Module], bool]
) -> Tensor:
    """K, float64 [N, N], with exact integer entries, from one forward pass.

    Args:
        network: a module that maps images to anything.
        images: float [N, ...].
        counted: which modules count; the sign of their first input is what counts.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)

    def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        active = (by_image(inputs[0], len(images), module) > 0).float()
        idle = 1 - active
        # Single precision is exact here: a product is a count below 2^24.
        kernel.add_(active @ active.T).add_(idle @ idle.T)

    with hooked(m.register_forward_pre_hook(add) for m in network.modules() if counted(m)):
        run(network, images)
    return kernel


def log_determinant(kernel: Tensor) -> float:
    """log |det K|; minus infinity when K is singular (two images with the same code).

    A factorisation of a singular K leaves rounding noise in place of zero, which depends on the
    order of the images; so K is looked at first. Two rows are equal exactly where an entry beside
    the diagonal is as large as the diagonal. Other dependences between rows are told by the
    smallest eigenvalue, where a pivot gives cause to look.
    """
    largest = kernel.diagonal()
    off_diagonal = kernel - torch.diag(largest)
    if len(kernel) > 1 and bool((off_diagonal >= largest[:, None]).any()):
        return -math.inf
    pivots = torch.linalg.lu_factor_ex(kernel).LU.diagonal().abs()
    if bool(pivots.min() <= _SUSPECT * pivots.max()):
        values = torch.linalg.eigvalsh(kernel)
        if bool(values[0] <= len(values) * _ROUNDING * values[-1]):
            return -math.inf
    return float(torch.linalg.slogdet(kernel).logabsdet)


def clean_nwot(network: nn.Module, batch: Batch) -> float:
    """S with every rectifier that runs counted once."""
    return log_determinant(activation_kernel(network, batch.images, is_relu))


def fast_nwot(
    network: nn.Module, weights: Tensor, batch: Batch, how: How
) -> Iterator[tuple[Sequence[int], float]]:
    """S from kernels that share their work."""
    kernels = activation_kernels(
        network, weights, batch.images, run_removed=how.meaning == "faithful", dtype=how.dtype
    )
    return ((positions, log_determinant(kernel)) for positions, kernel in kernels)


@register_proxy(
    "nwot",
    higher_is_better=True,
    source="mellor2021",
    clean=clean_nwot,
    engine=fast_nwot,
    network_engine=fast_nwot,
    precisions=("full", "bf16"),
    undefined="two images have the same code, so that the kernel is singular",
)
def nwot(network: nn.Module, batch: Batch) -> float:
    """S with the authors' count of activations."""
    return log_determinant(activation_kernel(network, batch.images, hooked_by_the_authors))
