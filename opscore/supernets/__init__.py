"""The networks: a supernet for each space, under any state, at several sizes.

Every file of this room is imported, and registers the networks that it has.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from torch import nn

from opscore.errors import UserError
from opscore.images import (
    ImageSet,
    NoiseImages,
    PixelImages,
    ScaledImages,
    load_batch,
    load_images,
)
from opscore.isolation import isolated, seed_generators
from opscore.rng import derive_seed, torch_generator
from opscore.settings import Survivors
from opscore.spaces import State, get_space
from opscore.supernets.base import SURVIVORS, Layers, StandAlone, StateNetwork, Supernet, initialize
from opscore.supernets.checkpoints import MisfitError, channels_and_classes, fill, read_tensors
from opscore.supernets.choice import Choice, WeightedSum, Wrapper, operation_rows
from opscore.supernets.counting import NetworkSize, network_size
from opscore.supernets.families import SUPERNETS, Family, Final, Size, network_version
from opscore.supernets.final import Built, build, find_target, freshly, list_targets

for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

#: Side of the images of the image sets, pixels.
IMAGE_SIDE = 32


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
    seed_generators(derive_seed(seed, "building"))  # for layers that are not drawn anew below
    channels = {"in_channels": in_channels, "n_classes": n_classes}
    supernet = family.uninitialised(get_space(space), **shape, **channels)
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
    seed_generators(derive_seed(seed, "building"))
    return freshly(family.network(architecture, **shape, **channels), seed)


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
        shape = family.arguments(size)
        supernet = family.uninitialised(get_space(space), **shape, **channels)
        try:
            fill(supernet, tensors)
        except MisfitError as error:
            reasons.append(str(error))
        else:
            return supernet
    raise UserError(f"{path}: not a supernet of {space}: {reasons[0]}")


def images_for(
    space: str,
    name: str = "auto",
    data_dir: Path | str | None = None,
    *,
    size: str = "paper",
    image_size: int | None = None,
) -> ImageSet:
    """The image set of this name, scaled where the networks of a space need another size.

    size: name of the networks' size, which may have images of its own. image_size: height and width
    in pixels instead of the networks' own.
    """
    images, side = load_images(name, data_dir), SUPERNETS[space].side(size, image_size)
    own: tuple[int, ...] = ()  # of a set of somebody else's, which says nothing of its size
    if isinstance(images, PixelImages):
        own = images.pixels.shape[1:3]
    elif isinstance(images, NoiseImages):
        own = (IMAGE_SIDE, IMAGE_SIDE)
    return images if own == (side, side) else ScaledImages(images, side)


__all__ = [
    "SUPERNETS",
    "SURVIVORS",
    "Built",
    "Choice",
    "Family",
    "Final",
    "Layers",
    "NetworkSize",
    "Size",
    "StandAlone",
    "StateNetwork",
    "Supernet",
    "Survivors",
    "WeightedSum",
    "Wrapper",
    "build",
    "build_network",
    "build_supernet",
    "find_target",
    "images_for",
    "initialize",
    "list_targets",
    "load_batch",
    "load_checkpoint",
    "network_size",
    "network_version",
    "operation_rows",
]
