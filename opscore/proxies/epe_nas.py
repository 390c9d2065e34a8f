"""epe_nas: how correlated the network's responses are within each class.

    J_i = d (sum of all logits) / d x_i,    C_c = correlation matrix of the rows of class c
    E_c = sum over entries of log(|C_c| + k),    k = 1e-5
    S = sum over classes of | E_c |                        (100 classes at most)
    S = mean over classes c of sum over c' of | E_c - E_c' |   (more; E_c then divided by |class|)

(Lopes et al. 2021: EPE-NAS; NASLib). Larger is better.

A class with one image has the correlation matrix [1]. The number of classes is that of the logits.
Correlations are taken in double precision. Train mode.
"""

from __future__ import annotations

import torch
from torch import nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import WITHOUT_JACOBIAN, input_jacobian, logits_of, require_images
from opscore.proxies.jacob_cov import SMALL, correlations

#: Up to so many classes the classes are added, beyond it they are compared.
FEW_CLASSES = 100


@register_proxy(
    "epe_nas",
    higher_is_better=True,
    source="lopes2021",
    mode="train",
    needs=("labels", "gradients"),
    engine="shared",
    limits=WITHOUT_JACOBIAN,
)
def epe_nas(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    require_images(batch, 2, "epe_nas")
    jacobian = input_jacobian(network, batch)
    with torch.no_grad():
        n_classes = logits_of(network, batch.images[:2]).shape[1]
    scores = []
    for label in torch.unique(batch.labels):
        rows = jacobian[batch.labels == label]
        matrix = correlations(rows) if len(rows) > 1 else torch.ones(1, 1, dtype=torch.float64)
        entries = float((matrix.abs() + SMALL).log().sum())
        scores.append(entries if n_classes <= FEW_CLASSES else entries / len(rows))
    if n_classes <= FEW_CLASSES:
        return sum(abs(score) for score in scores)
    return sum(abs(a - b) for a in scores for b in scores) / len(scores)
