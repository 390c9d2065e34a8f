"""jacob_cov: how uncorrelated the network's responses to different images are.

    J_i = d (sum of all logits) / d x_i,    C = correlation matrix of the rows of J
    S = - sum over eigenvalues v of C of ( log(v + k) + 1 / (v + k) ),    k = 1e-5

(Mellor et al. 2021, first version of 2020; zero-cost-nas). Larger is better: -N at best, when no
two images are correlated. Labels are not used.

The correlation is taken in double precision. Train mode: batch norm uses the minibatch's
statistics, so a row also holds what its image does to the other images' logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import WITHOUT_JACOBIAN, input_jacobian, require_images

#: k of the equation.
SMALL = 1e-5


def eigenvalue_score(correlation: Tensor) -> float:
    """S of a correlation matrix, float64 [N, N]."""
    values = torch.linalg.eigvalsh(correlation).clamp(min=0) + SMALL
    return -float((values.log() + 1 / values).sum())


def correlations(rows: Tensor) -> Tensor:
    """The correlation matrix of the rows of a matrix, in double precision.

    ArithmeticError when a row is constant and so is correlated with nothing.
    """
    found = torch.corrcoef(rows.double())
    if not torch.isfinite(found).all():
        raise ArithmeticError("an image's Jacobian is constant, so it has no correlation")
    return found


@register_proxy(
    "jacob_cov",
    higher_is_better=True,
    source="mellor2021",
    mode="train",
    needs=("gradients",),
    engine="shared",
    limits=WITHOUT_JACOBIAN,
)
def jacob_cov(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    require_images(batch, 2, "jacob_cov")
    return eigenvalue_score(correlations(input_jacobian(network, batch)))
