"""The networks: a supernet for each space, under any state, at several sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from opscore.errors import unknown
from opscore.registry import Registry
from opscore.rng import torch_generator
from opscore.spaces import NASBENCH201, State
from opscore.supernets import nasbench201
from opscore.supernets.base import (
    SURVIVORS,
    Gates,
    KernelNetwork,
    StateNetwork,
    Supernet,
    SupernetSize,
    Survivors,
    initialize,
)
from opscore.supernets.checkpoints import load_batch, load_checkpoint
from opscore.supernets.choice import Choice, WeightedSum, Wrapper, operation_rows


@dataclass(frozen=True)
class Family:
    """How the networks of one space are built.

    Attributes:
        supernet: builds an uninitialised supernet of a size.
        network: builds an uninitialised stand-alone network of an architecture and a size.
        sizes: named sizes; every family has 'paper', 'cpu' and 'smoke'.
    """

    supernet: Callable[..., Supernet]
    network: Callable[..., nn.Module]
    sizes: Mapping[str, SupernetSize]

    def size(self, name: str) -> SupernetSize:
        """The size of this name; UserError with the near names when there is none."""
        if name not in self.sizes:
            raise unknown("size", name, self.sizes)
        return self.sizes[name]


#: Network families by the name of their space.
SUPERNETS: Registry[Family] = Registry("supernet", entry_points="opscore.supernets")
SUPERNETS.add(
    NASBENCH201.name,
    Family(nasbench201.NASBench201Supernet, nasbench201.NASBench201Network, nasbench201.SIZES),
)


def build_supernet(
    space: str = "nasbench201",
    size: str | SupernetSize = "paper",
    *,
    seed: int = 0,
    in_channels: int = 3,
    n_classes: int = 10,
) -> Supernet:
    """A freshly initialised supernet in eval mode, on the CPU, in single precision.

    Batch norm has its initial statistics, so in eval mode it is the identity up to
    1/sqrt(1 + 1e-5). The weights depend on ``seed`` alone, not on global generators.
    """
    family = SUPERNETS[space]
    shape = family.size(size) if isinstance(size, str) else size
    with torch.random.fork_rng(devices=[]):
        supernet = family.supernet(shape, in_channels=in_channels, n_classes=n_classes)
    supernet.reset_parameters(torch_generator(seed, "supernet"))
    return supernet.eval()


def build_network(
    architecture: State,
    size: str | SupernetSize = "paper",
    *,
    seed: int = 0,
    in_channels: int = 3,
    n_classes: int = 10,
) -> nn.Module:
    """A freshly initialised stand-alone network of an architecture, in eval mode, on the CPU."""
    family = SUPERNETS[architecture.space.name]
    shape = family.size(size) if isinstance(size, str) else size
    with torch.random.fork_rng(devices=[]):
        network = family.network(architecture, shape, in_channels=in_channels, n_classes=n_classes)
    initialize(network, torch_generator(seed, "network"))
    return network.eval()


__all__ = [
    "SUPERNETS",
    "SURVIVORS",
    "Choice",
    "Family",
    "Gates",
    "KernelNetwork",
    "StateNetwork",
    "Supernet",
    "SupernetSize",
    "Survivors",
    "WeightedSum",
    "Wrapper",
    "build_network",
    "build_supernet",
    "initialize",
    "load_batch",
    "load_checkpoint",
    "operation_rows",
]
