"""Architectures without their dead parts, scored as one-hot states of one supernet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from opscore.errors import UserError
from opscore.proxies.common import hooked
from opscore.proxies.nwot import log_determinant
from opscore.proxies.synflow import log_flow
from opscore.spaces import NASBENCH201, SearchSpace, State
from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets import StateNetwork, Supernet
from opscore.supernets.engine import SignKernel
from opscore.supernets.measure import one_thread

#: A layer's rectified nodes that may still be read by another convolution.
_PENDING = 3


def knows_dead_parts(space: SearchSpace) -> bool:
    """Whether :func:`canonical` can tell the dead parts of a space's architectures."""
    return space is NASBENCH201


def canonical(architecture: State) -> State:
    """The same network without its dead parts: their operations become 'none'.

    An edge is live when its operation is not 'none', its source is the input or has a live way
    from it, and its target is the output or has a live way to it. What a dead edge computes is
    constant, or does not reach the output: neither logits nor their gradients depend on it. So
    two architectures with the same canonical form have the same logits, the same live rectifiers
    with the same signs, and the same synflow; they need not have the same params and flops.
    """
    if architecture.space is not NASBENCH201:
        raise UserError(f"dead parts are known for nasbench201, not {architecture.space.name}")
    choices = architecture.architecture_indices
    edges = [nodes for nodes, op in zip(NODES, choices, strict=True) if OPERATIONS[op] != "none"]
    fed, read = {0}, {3}
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        if source in fed:
            fed.add(target)
    for source, target in sorted(edges, key=lambda edge: -edge[0]):
        if target in read:
            read.add(source)
    return NASBENCH201.architecture(
        [
            op if source in fed and target in read else OPERATIONS.index("none")
            for op, (source, target) in zip(choices, NODES, strict=True)
        ]
    )


def live_nwot(supernet: Supernet, architectures: Sequence[State], images: Tensor) -> list[float]:
    """NASWOT's score of each architecture; minus infinity where no image reaches the logits.

    Args:
        supernet: its weights are those of the networks; left as it is.
        architectures: states with one operation on every edge.
        images: [N, channels, height, width].
    """
    own = deepcopy(supernet).train()
    own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = images.contiguous(memory_format=torch.channels_last)
    weights = [own.weights(canonical(state)) for state in architectures]
    networks = own.shared_networks(weights)
    if networks is None:
        raise UserError(f"{type(supernet).__name__} cannot be scored as many networks at once")
    values = [math.nan] * len(architectures)
    with one_thread(), torch.no_grad():
        for positions, network in networks:
            value = log_determinant(live_kernel(network, images))
            for position in positions:
                values[position] = value
    return values


def live_kernel(network: StateNetwork, images: Tensor) -> Tensor:
    """K, float64 [N, N]: for each pair of images, the live rectifiers' inputs of equal sign.

    The networks that share work call their convolutions on rectified nodes: what is positive there
    is positive before the rectifier. Convolutions behind no rectifier (the stem, the shortcuts)
    are not counted, and the last rectifier is a module of its own.
    """
    kernel = SignKernel(len(images), images.device)
    with _counting(network, kernel):
        network(images)
    return kernel.value


@contextmanager
def _counting(network: StateNetwork, kernel: SignKernel) -> Iterator[None]:
    """Add the signs of all rectifiers to a kernel while the network runs."""
    pending: list[tuple[Tensor, int]] = []

    def count() -> None:
        values, times = pending.pop(0)
        # Batch, height, width, channels is the order in memory, so nothing is moved about.
        kernel.add((values > 0).permute(0, 2, 3, 1).flatten(1), times)

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        for place, (values, times) in enumerate(pending):
            if values is inputs[0]:  # another convolution of the same node
                pending[place] = (values, times + 1)
                return
        if len(pending) == _PENDING:
            count()
        pending.append((inputs[0], 1))

    with hooked([module.register_forward_pre_hook(note) for module in _after_relu(network)]):
        yield
    while pending:
        count()


def _after_relu(network: StateNetwork) -> list[nn.Module]:
    """Modules whose input has the signs of a rectifier's input, one for each rectifier."""
    found: list[nn.Module] = []
    for module in network.modules():
        inner = list(module.children())
        relus = [child for child in inner if isinstance(child, nn.ReLU)]
        convolutions = [child for child in inner if isinstance(child, nn.Conv2d)]
        if relus:
            found += convolutions or relus
    return found


def live_synflow(
    supernet: Supernet, architectures: Sequence[State], shape: Sequence[int]
) -> list[float]:
    """log S of each architecture; minus infinity where nothing flows."""
    weights = [supernet.weights(canonical(state)) for state in architectures]
    flows = supernet.synaptic_flows(weights, shape)
    if flows is None:
        raise UserError(f"{type(supernet).__name__} cannot be scored as many networks at once")
    return [log_flow(flow) for flow in flows]
