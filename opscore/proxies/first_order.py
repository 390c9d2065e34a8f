"""First-order estimates of perturbation and discretization scores, from one evaluation.

A state enters a differentiable proxy through the operations' weights w, so near A_t

    S(A_t - (e, o)) ~ S - w_eo dS/dw_eo
    S(A_t + (e, o)) ~ S + (1 - w_eo) dS/dw_eo - sum over o' != o of w_eo' dS/dw_eo'

and one double backward pass stands for all of them. A whole operation is no small step, and proxies
made of gradients jump wherever a rectifier turns, which a slope does not see: docs/proxies.md has
how well the estimates rank.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from opscore.errors import one_of
from opscore.images import Batch
from opscore.isolation import isolated, seed_generators
from opscore.proxies.base import PROXIES
from opscore.proxies.common import seed_of, weight_gradients
from opscore.proxies.synflow import total_flow
from opscore.spaces import State
from opscore.supernets import StateNetwork, Supernet
from opscore.supernets.copying import copy_network


def snip_value(network: nn.Module, batch: Batch) -> Tensor:
    """snip as a differentiable number."""
    found = weight_gradients(network, batch, create_graph=True)
    return torch.stack([(w.detach() * g).abs().sum() for w, g in found]).sum()


def grad_norm_value(network: nn.Module, batch: Batch) -> Tensor:
    """grad_norm as a differentiable number; layers that play no part have no slope."""
    found = weight_gradients(network, batch, create_graph=True)
    return torch.stack([g.norm() for _, g in found if bool(g.detach().any())]).sum()


def synflow_value(network: nn.Module, batch: Batch) -> Tensor:
    """synflow (log S) as a differentiable number."""
    return torch.log(total_flow(network, batch, create_graph=True))


#: Proxies that have a slope: the same numbers as the functions of their names.
DIFFERENTIABLE: dict[str, Callable[[nn.Module, Batch], Tensor]] = {
    "grad_norm": grad_norm_value,
    "snip": snip_value,
    "synflow": synflow_value,
}


def check_differentiable(name: str) -> str:
    """The name again; UserError for a proxy without a slope."""
    one_of("differentiable proxy", name, DIFFERENTIABLE)
    return name


@isolated()
def value_and_slopes(
    name: str, supernet: Supernet, state: State, batch: Batch, *, scale: float = 1.0
) -> tuple[float, Tensor, Tensor]:
    """S of a state, the weights w and the slopes dS/dw, both [edges, operations].

    scale: all weights are taken so many times. The supernet is left as it is. UserError for a proxy
    without a slope.
    """
    compute = DIFFERENTIABLE[check_differentiable(name)]
    network = StateNetwork(supernet, supernet.weights(state))
    own = copy_network(network).train(PROXIES[name].mode == "train")
    own.weights = (scale * own.weights.double()).requires_grad_()
    seed_generators(seed_of(batch, "score", name))
    value = compute(own, batch)
    (slopes,) = torch.autograd.grad(value, own.weights)
    return float(value.detach()), own.weights.detach(), slopes
