"""ntk: the condition number of the neural tangent kernel.

    K_ij = grad_w f(x_i) . grad_w f(x_j),    f = sum of the logits,    S = lambda_max / lambda_min

(Chen et al. 2021: TE-NAS). Smaller is better. Labels are not used.

w are all parameters whose name contains 'weight': convolution, linear and batch norm weights.
Eigenvalues are taken in double precision. A singular kernel has no condition number, which is a
failure; TE-NAS writes 100000 for NaN.

* faithful: train mode, so batch norm mixes the samples and grad f(x_i) also holds what other images
  do to logit i through the batch's mean and variance. That takes one backward pass for each image
  through the whole batch, and there is no shorter way: each of them is different. Only the
  network itself can be computed with less work (Proxy.engine).
* clean: batch norm keeps the minibatch's statistics as constants, f(x_i) depends on x_i alone, and
  one backward pass gives all the gradients (per_sample.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from opscore.engine import CannotTraceError
from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import check_graph, logits_of, require_images
from opscore.proxies.engines import ENGINES
from opscore.proxies.how import How
from opscore.proxies.per_sample import freeze_batch_statistics, per_sample_gradients

#: Relative size of an eigenvalue that single precision cannot tell from zero.
_SINGULAR = 1e-7


def sum_of_logits(logits: Tensor) -> Tensor:
    """f of each sample, [N]."""
    return logits.flatten(1).sum(dim=1)


def coupled_kernel(network: nn.Module, images: Tensor) -> Tensor:
    """K, float64 [N, N], from one backward pass for each sample."""
    named = network.named_parameters()
    weights = [parameter for name, parameter in named if "weight" in name]
    if not weights:
        raise ArithmeticError("no parameter of the network is called a weight")
    outputs = sum_of_logits(logits_of(network, images))
    check_graph(outputs)
    size = sum(weight.numel() for weight in weights)
    rows = torch.empty(len(images), size, dtype=images.dtype, device=images.device)
    for row, output in zip(rows, outputs, strict=True):
        found = torch.autograd.grad(
            output, weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        torch.cat([gradient.flatten() for gradient in found], out=row)
    return gram(rows)


def separate_kernel(network: nn.Module, images: Tensor) -> Tensor:
    """K, float64 [N, N], of a network in which samples do not meet."""
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
    for rows in per_sample_gradients(network, images, sum_of_logits, batch_norm=True):
        kernel += gram(rows)
    return kernel


def gram(rows: Tensor, piece: int = 1 << 16) -> Tensor:
    """rows rows^T in double precision, in pieces so that the rows are never copied whole."""
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for part in torch.split(rows, piece, dim=1):
        wide = part.double()
        total.addmm_(wide, wide.T)
    return total


def condition_number(kernel: Tensor) -> float:
    """lambda_max / lambda_min of a symmetric matrix; ArithmeticError when it is singular."""
    values = torch.linalg.eigvalsh(kernel)
    smallest, largest = float(values[0]), float(values[-1])
    if not smallest > _SINGULAR * largest:
        raise ArithmeticError(f"singular kernel (eigenvalues {smallest:.3g} to {largest:.3g})")
    return largest / smallest


def clean_ntk(network: nn.Module, batch: Batch) -> float:
    """S with the batch's statistics held fixed."""
    require_images(batch, 2, "ntk")
    freeze_batch_statistics(network, batch.images)
    return condition_number(separate_kernel(network, batch.images))


def faithful_networks(
    network: nn.Module, weights: Tensor, batch: Batch, how: How
) -> Iterable[tuple[Sequence[int], float | nn.Module]]:
    """Networks computed with less work."""
    if how.meaning == "clean":
        raise CannotTraceError("the clean meaning alters batch norms, which states would share")
    return ENGINES["shared"](network, weights, batch, how)


@register_proxy(
    "ntk",
    higher_is_better=False,
    source="chen2021",
    mode="train",
    needs=("gradients", "per-sample gradients", "double"),
    clean=clean_ntk,
    engine=faithful_networks,
    limits=(
        "no value in the faithful meaning where a batch norm with fresh weights, or with none, is "
        "the last step before the average over the image: the kernel's rows add to zero"
    ),
)
def ntk(network: nn.Module, batch: Batch) -> float:
    """S with the samples coupled by batch norm."""
    require_images(batch, 2, "ntk")
    return condition_number(coupled_kernel(network, batch.images))
