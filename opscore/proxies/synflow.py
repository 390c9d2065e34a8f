"""synflow: the flow of a signal of ones through a network of absolute weights.

    R = 1^T f_|theta|(1),    S = sum over conv and linear weights of |theta * dR/dtheta|

(Tanaka et al. 2020, eq. 2; summed per network as by Abdelfattah et al. 2021). Larger is better.

Batch norm is taken out, everything is in double precision, the input is one image of ones. Biases
are made absolute and carry signal but do not count. The value is the logarithm of S: S itself
spans 1e21 to 1e49 on NAS-Bench-201, and no rank changes. The input's values do not matter, so the
score depends on the weights alone.

Faithful scores of A - (e, o) renormalise the edge that lost an operation, as the published ones
do; clean scores leave the other weights as they are (docs/faithful.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from opscore.engine import synaptic_flows
from opscore.errors import UserError
from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import counted_weights, gradients, logits_of
from opscore.proxies.how import How
from opscore.supernets import Supernet


def fast_synflow(
    supernet: Supernet, weights: Tensor, batch: Batch, how: How
) -> Iterable[tuple[Sequence[int], float]]:
    """log S of many states without a backward pass."""
    for place, flow in enumerate(synaptic_flows(supernet, weights, batch.images.shape[1:])):
        yield (place,), log_flow(flow)


def log_flow(total: float) -> float:
    """log S; minus infinity when nothing flows."""
    return math.log(total) if total > 0 else -math.inf


@register_proxy(
    "synflow",
    higher_is_better=True,
    source="tanaka2020",
    needs=("gradients", "double"),
    survivors="renormalized",
    engine=fast_synflow,
    undefined="nothing flows from the input to the logits",
    limits=(
        "always the same value where rectifiers are bounded (ReLU6): absolute weights saturate the "
        "last one, and no weight before it counts"
    ),
)
def synflow(network: nn.Module, batch: Batch) -> float:
    """log S of a network; the network is altered."""
    return log_flow(float(total_flow(network, batch).detach()))


def total_flow(network: nn.Module, batch: Batch, *, create_graph: bool = False) -> Tensor:
    """S of a network, as a tensor; the network is altered."""
    found = flow_gradients(network, batch, create_graph=create_graph)
    parts = [(w.detach() * g).abs().sum() for w, g in found]
    return torch.stack(parts).sum() if parts else torch.zeros((), dtype=torch.float64)


def flow_gradients(
    network: nn.Module, batch: Batch, *, create_graph: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """The absolute weights that count, each with dR/dtheta; the network is altered."""
    weights = counted_weights(network.double())
    bypass_batch_norm(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.abs())  # also of complex numbers
    ones = torch.ones_like(batch.images[:1], dtype=torch.float64)
    try:
        flow = logits_of(network, ones).sum()
    except RuntimeError as error:
        if "Double" not in str(error):
            raise
        raise UserError(
            "synflow is computed in double precision, and the forward pass makes tensors of single "
            f"precision: make them like its inputs ({str(error).splitlines()[0]})"
        ) from None
    return list(zip(weights, gradients(flow, weights, create_graph=create_graph), strict=True))


def bypass_batch_norm(network: nn.Module) -> None:
    """Make every batch norm of a network the identity, in place."""
    for module in network.modules():
        for name, child in [*module._modules.items()]:  # one that stands twice, twice
            if isinstance(child, _BatchNorm):
                setattr(module, name, nn.Identity())
