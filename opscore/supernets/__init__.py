"""The networks: a supernet for each space, under any state, at several sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from opscore.errors import UserError, unknown
from opscore.images import ImageSet, ScaledImages, load_batch, load_images
from opscore.isolation import isolated
from opscore.registry import Registry
from opscore.rng import torch_generator
from opscore.spaces import (
    DARTS_SPACES,
    NASBENCH201,
    NASBENCH_MACRO,
    NB1SHOT1,
    TRANSNAS_MICRO,
    State,
    get_space,
)
from opscore.supernets import darts, nasbench201, nasbench_macro, nb1shot1, transnas
from opscore.supernets.base import (
    SURVIVORS,
    StateNetwork,
    Supernet,
    SupernetSize,
    Survivors,
    initialize,
)
from opscore.supernets.checkpoints import (
    MisfitError,
    channels_and_classes,
    fill,
    nasbench201_size,
    read_tensors,
)
from opscore.supernets.choice import Choice, WeightedSum, Wrapper, operation_rows

#: Arguments of a supernet of a size, by keyword.
Size = Mapping[str, int] | SupernetSize

#: Side of the images of the image sets, pixels.
IMAGE_SIDE = 32


@dataclass(frozen=True)
class Family:
    """How the networks of one space are built.

    Attributes:
        supernet: builds an uninitialised supernet, from the size's arguments by keyword,
            ``in_channels`` and ``n_classes``.
        network: builds an uninitialised stand-alone network: the architecture, and then the same.
        sizes: the arguments of each named size. 'paper' is the full one and 'smoke' the smallest
            that works; training profiles of the same name go with 'paper', 'cpu' and 'smoke'.
        image_side: height and width of the images, pixels; image sets of another size are scaled.
        version: goes up when the same size and seed no longer give the same network.
        size_of: the arguments of a size from a checkpoint's tensors; the named sizes are tried
            where it is None.
        reduced: the sizes that the search te-nas measures condition numbers and linear regions
            on; the smallest named size where it is None.
        body: the part of a reduced supernet, under a table of weights, whose linear regions
            te-nas counts; the whole of it where it is None.
    """

    supernet: Callable[..., Supernet]
    network: Callable[..., nn.Module]
    sizes: Mapping[str, Size]
    image_side: int = 32
    version: int = 1
    size_of: Callable[[Mapping[str, Tensor]], Size] | None = None
    reduced: tuple[Size, Size] | None = None
    body: Callable[[Supernet, Tensor], nn.Module] | None = None

    def size(self, name: str) -> Size:
        """The size of this name; UserError with the near names when there is none."""
        if name not in self.sizes:
            raise unknown("size", name, self.sizes)
        return self.sizes[name]

    def arguments(self, size: str | Size) -> dict[str, Any]:
        """A size, or its name, as keyword arguments."""
        found = self.size(size) if isinstance(size, str) else size
        return asdict(found) if isinstance(found, SupernetSize) else dict(found)


def nasbench201_family() -> Family:
    """NAS-Bench-201's."""

    def supernet(*, channels: int, cells: int, **shape: int) -> Supernet:
        return nasbench201.NASBench201Supernet(SupernetSize(channels, cells), **shape)

    def network(architecture: State, *, channels: int, cells: int, **shape: int) -> nn.Module:
        size, more = SupernetSize(channels, cells), dict[str, Any](shape)
        return nasbench201.NASBench201Network(architecture, size, **more)

    return Family(
        supernet,
        network,
        nasbench201.SIZES,
        size_of=nasbench201_size,
        reduced=(SupernetSize(3, 1), SupernetSize(1, 1)),
        body=nasbench201.OneCell,
    )


#: Network families by the name of their space.
SUPERNETS: Registry[Family] = Registry("supernet", entry_points="opscore.supernets")
SUPERNETS.add(NASBENCH201.name, nasbench201_family())
SUPERNETS.add(
    NASBENCH_MACRO.name,
    Family(
        nasbench_macro.NASBenchMacroSupernet,
        nasbench_macro.NASBenchMacroNetwork,
        nasbench_macro.SIZES,
    ),
)
for _space in NB1SHOT1:
    SUPERNETS.add(
        _space.name,
        Family(
            partial(nb1shot1.NB1Shot1Supernet, _space), nb1shot1.NB1Shot1Network, nb1shot1.SIZES
        ),
    )
SUPERNETS.add(
    TRANSNAS_MICRO.name,
    Family(
        transnas.TransNASSupernet,
        transnas.TransNASNetwork,
        transnas.SIZES,
        image_side=transnas.IMAGE_SIDE,
    ),
)
for _darts in DARTS_SPACES:
    SUPERNETS.add(
        _darts.name, Family(partial(darts.DARTSSupernet, _darts), darts.DARTSNetwork, darts.SIZES)
    )


@isolated()
def build_supernet(
    space: str = "nasbench201",
    size: str | Size = "paper",
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
    shape = family.arguments(size)
    with torch.random.fork_rng(devices=[]):
        supernet = family.supernet(**shape, in_channels=in_channels, n_classes=n_classes)
    supernet.reset_parameters(torch_generator(seed, "supernet"))
    return supernet.eval()


@isolated()
def build_network(
    architecture: State | str,
    size: str | Size = "paper",
    *,
    seed: int = 0,
    in_channels: int = 3,
    n_classes: int = 10,
    space: str = "nasbench201",
) -> nn.Module:
    """A freshly initialised stand-alone network of an architecture, in eval mode, on the CPU.

    Args:
        architecture: a state with every edge decided, or the benchmark's string.
        size: its name, or the arguments.
        seed: of the weights.
        in_channels: channels of the images.
        n_classes: outputs.
        space: the name of the space that a string is of; a state says its own.
    """
    if isinstance(architecture, str):
        architecture = get_space(space).parse(architecture)
    family = SUPERNETS[architecture.space.name]
    shape = family.arguments(size)
    channels = {"in_channels": in_channels, "n_classes": n_classes}
    with torch.random.fork_rng(devices=[]):
        network = family.network(architecture, **shape, **channels)
    generator = torch_generator(seed, "network")
    draw = getattr(network, "reset_parameters", None)
    draw(generator) if draw is not None else initialize(network, generator)
    return network.eval()


@isolated()
def load_checkpoint(path: Path | str, space: str = "nasbench201") -> Supernet:
    """A supernet of a space from a file; in train mode, as it was built.

    Forms that are read, none of them by unpickling code (docs/data.md has examples):

    * ``.npz`` with one array ``param:NAME`` for each parameter and ``arch_parameters``
      [edges, operations];
    * ``.pt``, ``.pth``, ``.pth.tar``, ``.ckpt``: a state dictionary, alone or under 'state_dict',
      'model', ... (``weights_only=True``), with or without what DataParallel and torch.compile put
      before the names. Alphas may be called ``arch_parameters``, ``alphas`` or ``alpha``, in it or
      beside it, also as a list of tables (DARTS-PT).

    Without alphas they are zero. NAS-Bench-201's names are those of the authors' code. Size,
    channels and classes follow from the shapes.

    Raises:
        UserError: there is no such space, the file is missing or of another kind, it is not a
            supernet of this space, or something in it is not understood.
    """
    family = SUPERNETS[space]
    tensors = read_tensors(Path(path))
    try:
        sizes = [family.size_of(tensors)] if family.size_of else list(family.sizes.values())
        channels = channels_and_classes(tensors)
    except MisfitError as error:
        raise UserError(f"{path}: not a supernet of {space}: {error}") from None
    reasons = []
    for size in sizes:
        with torch.random.fork_rng(devices=[]):
            supernet = family.supernet(**family.arguments(size), **channels)
        try:
            fill(supernet, tensors)
        except MisfitError as error:
            reasons.append(str(error))
        else:
            return supernet
    raise UserError(f"{path}: not a supernet of {space}: {reasons[0]}")


def images_for(space: str, name: str = "auto", data_dir: Path | str | None = None) -> ImageSet:
    """The image set of this name, scaled where the networks of a space need another size."""
    images, side = load_images(name, data_dir), SUPERNETS[space].image_side
    return images if side == IMAGE_SIDE else ScaledImages(images, side)


__all__ = [
    "SUPERNETS",
    "SURVIVORS",
    "Choice",
    "Family",
    "Size",
    "StateNetwork",
    "Supernet",
    "SupernetSize",
    "Survivors",
    "WeightedSum",
    "Wrapper",
    "build_network",
    "build_supernet",
    "images_for",
    "initialize",
    "load_batch",
    "load_checkpoint",
    "operation_rows",
]
