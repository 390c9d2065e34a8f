"""The network that was found, as its benchmark or the paper trains it in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from opscore.errors import UserError, one_of
from opscore.isolation import isolated, own_generators
from opscore.rng import torch_generator
from opscore.spaces import State, get_space
from opscore.spaces.base import Picks
from opscore.supernets.base import initialize
from opscore.supernets.counting import NetworkSize, network_size
from opscore.supernets.families import SUPERNETS


@dataclass(frozen=True)
class Built:
    """What :func:`build` builds: the target with everything decided.

    Attributes:
        space: name of the space.
        target: name of the target.
        arguments: of the network, by keyword.
        n_classes: outputs.
        image_side: height and width of the images, pixels.
        in_channels: channels of the images.
    """

    space: str
    target: str
    arguments: Mapping[str, int]
    n_classes: int
    image_side: int
    in_channels: int = 3

    @isolated()
    def network(self, architecture: State, seed: int = 0) -> nn.Module:
        """The freshly initialised network of an architecture, in eval mode, on the CPU."""
        return freshly(self._module(architecture), seed)

    def size(self, architecture: State) -> NetworkSize:
        """Parameters and multiplications, found without computing or storing any."""
        with torch.device("meta"):
            network = self._module(architecture)
        return network_size(network, self.image_side, self.in_channels)

    def _module(self, architecture: State) -> nn.Module:
        """The uninitialised network."""
        family = SUPERNETS[self.space]
        make = family.final_networks()[self.target].network or family.network
        shape = {"in_channels": self.in_channels, "n_classes": self.n_classes}
        with own_generators(0):
            return make(architecture, **self.arguments, **shape)

    def describe(self) -> str:
        """One line: '20 cells, 36 channels, 10 classes, images of 32 x 32'."""
        parts = [f"{value} {name.replace('_', ' ')}" for name, value in self.arguments.items()]
        side = self.image_side
        return ", ".join(
            [*reversed(parts), f"{self.n_classes:,} classes", f"images of {side} x {side}"]
        )


def list_targets(space: str) -> list[str]:
    """The targets of a space, its own default first."""
    return list(SUPERNETS[space].final_networks())


def find_target(
    space: str,
    target: str | None = None,
    *,
    n_classes: int | None = None,
    image_side: int | None = None,
    in_channels: int = 3,
    **arguments: int,
) -> Built:
    """A target of a space with these changes; None is the target's own.

    Raises UserError for an unknown space, target or argument, and for a number below one.
    """
    targets = SUPERNETS[get_space(space).name].final_networks()
    name = next(iter(targets)) if target is None else target
    final = targets[one_of(f"target of {space}", name, targets)]
    for argument in arguments:
        one_of(f"argument of the networks of {space}", argument, final.arguments)
    given = {"n_classes": n_classes, "image_side": image_side, "in_channels": in_channels}
    for what, value in (given | arguments).items():
        if value is not None and value < 1:
            raise UserError(f"a network needs {what} of 1 or more, got {value}")
    return Built(
        space,
        name,
        dict(final.arguments) | arguments,
        final.n_classes if n_classes is None else n_classes,
        final.image_side if image_side is None else image_side,
        in_channels,
    )


def build(
    space: str,
    architecture: State | str | Picks,
    target: str | None = None,
    *,
    seed: int = 0,
    n_classes: int | None = None,
    in_channels: int = 3,
    **arguments: int,
) -> nn.Module:
    """The network of an architecture as it is trained in the end: a plain module, in eval mode.

    For the DARTS space and S1-S4 with drop path and an auxiliary head, which act in training only
    (:mod:`opscore.supernets.fitting`); called with images it returns logits like any other.

    Args:
        space: name of the space.
        architecture: its string, a state with every edge decided, or a choice for each edge.
        target: what it is built for, such as 'cifar10' or 'imagenet'; :func:`list_targets`. The
            space's own default where it is None.
        seed: of the weights, which depend on nothing else.
        n_classes: outputs; the target's own where it is None.
        in_channels: channels of the images.
        arguments: sizes that differ from the target's, such as ``cells=8, channels=16``.

    Raises:
        UserError: a name is unknown, the architecture is malformed or an edge is open.
    """
    built = find_target(space, target, n_classes=n_classes, in_channels=in_channels, **arguments)
    return built.network(get_space(space).as_architecture(architecture), seed)


def freshly(network: nn.Module, seed: int) -> nn.Module:
    """A stand-alone network with weights that depend on the seed alone, in eval mode."""
    draw = getattr(network, "reset_parameters", partial(initialize, network))
    draw(torch_generator(seed, "network"))
    return network.eval()
