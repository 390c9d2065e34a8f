"""Of each space: its smallest supernet, states of it, and what the plain path makes of them.

Made once in each process that tests, and shared: nobody alters what is here. All in double
precision, with batch norms and alphas as after training.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.engine import activation_kernels
from opscore.images import Batch, NoiseImages
from opscore.proxies.common import gradients
from opscore.proxies.engines import NO_CHOICE
from opscore.proxies.nwot import activation_kernel, hooked_by_the_authors, is_relu
from opscore.spaces import State, get_space
from opscore.supernets import StateNetwork, Supernet, build_network, build_supernet

#: Images of the gradients: batch norms of one position each have as many values.
IMAGES = 6


def as_trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """The same network, its batch norms as training could have left them."""
    draw = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=draw)
            module.running_var.uniform_(0.3, 2, generator=draw)
            for parameter in module.parameters():
                parameter.data.uniform_(-0.5, 1.5, generator=draw)
    return network


def new_supernet(space: str, size: str = "smoke", seed: int = 1) -> Supernet:
    """A supernet of one's own, which may be altered."""
    supernet = build_supernet(space, size, seed=seed)
    as_trained(supernet, seed)
    supernet.alphas.normal_(generator=torch.Generator().manual_seed(seed))
    return supernet.double()


@cache
def supernet_of(space: str) -> Supernet:
    return new_supernet(space)


@cache
def batch_of(count: int, side: int = 16, dtype: torch.dtype = torch.float64) -> Batch:
    """Noise images [count, 3, side, side]."""
    batch = NoiseImages().minibatch(count, 0, "tests").to("cpu", dtype)
    return Batch(batch.images[:, :, :side, :side].contiguous(), batch.labels, batch.source)


@cache
def states_of(space: str) -> tuple[State, ...]:
    """A_0, the perturbations of two edges, two removals, an edge decided, two architectures."""
    whole = get_space(space).initial_state()
    last = len(whole.space.edges) - 1
    found = [whole]
    for edge in (0, last):
        found += [whole.perturb(edge, op) for op in range(whole.space.shape[edge])]
    found += [whole.perturb(0, 0).perturb(last, 1), whole.discretize(0, whole.space.choices[0][-1])]
    return (*found, *architectures_of(space, 2))


@cache
def architectures_of(space: str, count: int) -> tuple[State, ...]:
    """The first valid ones of a series that goes through the operations of every edge."""
    this, found, place = get_space(space), [], 0
    while len(found) < count:
        choices = [(place * 7 + 3 * edge) % n for edge, n in enumerate(this.choice_counts)]
        state = this.architecture(choices)
        if this.is_valid(state):
            found.append(state)
        place += 1
    return tuple(found)


@cache
def network_of(state: State, size: str = "smoke") -> nn.Module:
    """The stand-alone network of an architecture."""
    return as_trained(build_network(state, size, seed=2)).double()


def weights_of(space: str) -> Tensor:
    """The weights of the operations in each of the states, [states, edges, operations]."""
    return torch.stack([supernet_of(space).weights(state) for state in states_of(space)])


def plain_kernel(network: nn.Module, images: Tensor, faithful: bool) -> Tensor:
    """nwot's kernel, by hooks on a network's own modules."""
    return activation_kernel(network, images, hooked_by_the_authors if faithful else is_relu)


def fast_kernel(network: nn.Module, images: Tensor, faithful: bool, **options: object) -> Tensor:
    """The same of a network without a choice, by the engine."""
    ((_, kernel),) = activation_kernels(network, NO_CHOICE, images, run_removed=faithful, **options)
    return kernel


@cache
def plain_gradients(space: str, training: bool, count: int) -> list[list[Tensor]]:
    """Of cross entropy, to images and weights, for the first states; by the modules themselves."""
    supernet = new_supernet(space).train(training)
    return [
        weight_and_image_gradients(StateNetwork(supernet, weights), batch_of(IMAGES))
        for weights in weights_of(space)[:count]
    ]


def weight_and_image_gradients(network: nn.Module, batch: Batch) -> list[Tensor]:
    images = batch.images.clone().requires_grad_()
    value = functional.cross_entropy(network(images), batch.labels)
    return gradients(value, [images, *network.parameters()])
