"""How the networks of each space are built: a family of supernets and stand-alone networks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from opscore.errors import UserError, one_of
from opscore.fingerprint import fingerprint
from opscore.registry import Registry
from opscore.spaces import SearchSpace
from opscore.supernets.base import Supernet

#: The smallest images that any network takes, pixels.
LEAST_SIDE = 8

#: Arguments of a supernet of a size, by keyword.
Size = Mapping[str, int]


@dataclass(frozen=True)
class Final:
    """A network as it is trained in the end.

    Attributes:
        arguments: of the network, by keyword.
        n_classes: outputs.
        image_side: height and width of the images, pixels.
        network: builds the uninitialised network where it is not the family's stand-alone one.
    """

    arguments: Mapping[str, int]
    n_classes: int = 10
    image_side: int = 32
    network: Callable[..., nn.Module] | None = None


@dataclass(frozen=True)
class Family:
    """How the networks of one space are built.

    Attributes:
        supernet: builds an uninitialised supernet: ``space``, if it has a parameter of that name,
            and by keyword the size's arguments, ``in_channels`` and ``n_classes``.
        network: builds an uninitialised stand-alone network: the architecture, and the same.
        sizes: the arguments of each named size. 'paper' is the full one and 'smoke' the smallest
            that works; training profiles of the same name go with 'paper', 'cpu' and 'smoke'.
        image_side: height and width of the images, pixels; image sets of another size are scaled.
        image_sides: the same of sizes whose images are smaller, by the name of the size.
        version: goes up when the same size and seed no longer give the same network, the same
            state other weights, or the same decisions another architecture.
        batch_size: images in a minibatch unless settings say otherwise: the authors' number.
        size_of: the arguments of a size from a checkpoint's tensors; the named sizes are tried
            where it is None.
        reduced: the sizes that the search te-nas measures condition numbers and linear regions
            on; the smallest named size where it is None.
        body: the part of a reduced supernet, under a table of weights, whose linear regions
            te-nas counts; the whole of it where it is None.
        finals: the networks that are trained in the end, by what they are for, the default first.
            Where there are none, the stand-alone network of size 'paper' is, for 10 classes.
        repeats_norms: whether a batch norm of the supernet runs several times in a pass.
    """

    supernet: Callable[..., Supernet]
    network: Callable[..., nn.Module]
    sizes: Mapping[str, Size]
    image_side: int = 32
    image_sides: Mapping[str, int] = field(default_factory=dict)
    version: int = 1
    batch_size: int = 256
    size_of: Callable[[Mapping[str, Tensor]], Size] | None = None
    reduced: tuple[Size, Size] | None = None
    body: Callable[[Supernet, Tensor], nn.Module] | None = None
    finals: Mapping[str, Final] = field(default_factory=dict)
    repeats_norms: bool = False

    def uninitialised(self, space: SearchSpace, **arguments: Any) -> Supernet:
        """A supernet of a space; one that is of a single space need not be told which."""
        if "space" in inspect.signature(self.supernet).parameters:
            return self.supernet(space, **arguments)
        return self.supernet(**arguments)

    def size(self, name: str) -> Size:
        """The size of this name; UserError with the near names when there is none."""
        return self.sizes[one_of("size", name, self.sizes)]

    def arguments(self, size: str | Size) -> dict[str, Any]:
        """A size, or its name, as keyword arguments."""
        return dict(self.size(size) if isinstance(size, str) else size)

    def side(self, size: str | Size, asked: int | None = None) -> int:
        """Height and width of the images for a size: what was asked for, or its own.

        UserError for a number below :data:`LEAST_SIDE`.
        """
        if asked is not None and asked < LEAST_SIDE:
            raise UserError(f"images of {LEAST_SIDE} pixels or more are needed, got {asked}")
        own = self.image_sides.get(size) if isinstance(size, str) else None
        return asked or own or self.image_side

    def final_networks(self) -> Mapping[str, Final]:
        """What can be built in the end, the default first."""
        return self.finals or {"paper": Final(self.arguments("paper"), image_side=self.image_side)}


#: Network families by the name of their space; the file of its networks adds each.
SUPERNETS: Registry[Family] = Registry("supernet", entry_points="opscore.supernets")


def network_version(space: str) -> str:
    """What stored results of a space's networks depend on: the family's version.

    It includes the code where another package registered the family.
    """
    family = SUPERNETS[space]
    if not SUPERNETS.is_from_outside(space):
        return str(family.version)
    sizes = tuple(sorted(family.sizes.items()))
    return f"{family.version}-{fingerprint((family.supernet, family.network, sizes))}"
