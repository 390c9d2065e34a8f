"""Scores of all operations in one backward pass: how sensitive the loss is to each one's weight.

    s(e, o) = | w_eo dL/dw_eo |

(connectivity sensitivity of operations, as in FreeDARTS, Zhang et al. 2021, and ZEROS; snip's
saliency with operations in the place of weights). Larger marks an operation that matters.

w_eo is the weight that a state gives to operation o on edge e; L is the mean cross-entropy of one
minibatch. Without the absolute value, w dL/dw is the first-order estimate of L(A) - L(A - (e, o)),
so this is also the cheap estimate of a perturbation score whose proxy is the loss. The operation
'none' has no output and so no sensitivity. Train mode: batch norm uses the minibatch's statistics.

This is no proxy, which scores one state: it is a score for every operation of a state at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from opscore.images import Batch
from opscore.isolation import isolated, seed_generators
from opscore.proxies.base import Mode
from opscore.proxies.common import loss, seed_of
from opscore.spaces import State
from opscore.supernets import StateNetwork, Supernet
from opscore.supernets.copying import copy_network


@isolated()
def operation_sensitivities(
    supernet: Supernet, state: State, batch: Batch, *, mode: Mode = "train", signed: bool = False
) -> Tensor:
    """s(e, o) for each operation of a state, [edges, operations]; NaN where one is not there.

    Args:
        supernet: left as it is.
        state: any state; an edge that is decided has the sensitivity of its one operation.
        batch: images and labels.
        mode: 'train' or 'eval', for batch norm.
        signed: w dL/dw rather than its absolute value.
    """
    network = copy_network(StateNetwork(supernet, supernet.weights(state)))
    weights = network.weights.requires_grad_()
    seed_generators(seed_of(batch, "score", "sensitivity"))
    (gradient,) = torch.autograd.grad(loss(network.train(mode == "train"), batch), weights)
    scores = (weights * gradient).detach()
    return (scores if signed else scores.abs()).masked_fill(weights.detach() == 0, math.nan)
