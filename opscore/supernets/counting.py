"""How large a network is: parameters, and multiplications for one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from opscore.isolation import isolated
from opscore.supernets.copying import copy_network

#: Name of the modules that only help to train a network, as in DARTS's code.
AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class NetworkSize:
    """What a network costs.

    Attributes:
        params: parameters, batch norms and biases included, without those of an auxiliary head:
            DARTS counts so, and so do the paper's tables.
        auxiliary_params: parameters of the auxiliary head; it is there for training alone.
        flops: multiplications for one image in convolutions and linear layers, each with its
            addition counted once.
    """

    params: int
    auxiliary_params: int
    flops: int


def multiplications(network: nn.Module, images: Tensor) -> int:
    """Multiplications for one image in the convolutions and linear layers that run.

    images: float [1, channels, height, width], on the network's device.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight[0].numel()  # its rows may be parts of the image

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad(), hooked(layer.register_forward_hook(count) for layer in layers):
        network(images)
    return total


@isolated()
def network_size(network: nn.Module, image_side: int = 32, in_channels: int = 3) -> NetworkSize:
    """The size of a network for images of this height and width.

    Counted on a copy in eval mode; nothing is computed where the network is on the device 'meta'.
    """
    named = list(network.named_parameters())
    like = named[0][1] if named else torch.zeros(())
    images = like.new_zeros(1, in_channels, image_side, image_side)
    flops = multiplications(copy_network(network).eval(), images)
    extra = sum(p.numel() for name, p in named if AUXILIARY in name.split("."))
    return NetworkSize(sum(p.numel() for _, p in named) - extra, extra, flops)


@contextmanager
def hooked(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Remove these hooks at the end, whatever happens."""
    made = list(handles)
    try:
        yield
    finally:
        for handle in made:
            handle.remove()
