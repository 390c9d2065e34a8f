"""Training the network that was found, into a folder: checkpoint, log, figure, record."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress as reporting
from opscore.data.files import atomic_write, writable_folder
from opscore.errors import unknown
from opscore.experiments.settings import resolve_device
from opscore.images import resolve_images
from opscore.rng import check_seed, derive_seed
from opscore.spaces import State, get_space
from opscore.spaces.base import Choices
from opscore.supernets import SUPERNETS, Built, find_target, images_for, network_size
from opscore.supernets.fitting import PRECISIONS, fit, split_images
from opscore.supernets.recipes import Recipe, find_recipe

#: Files of a training's folder.
CHECKPOINT, LOG_STEM, RECORD = "network.pt", "log", "training.json"


@dataclass(frozen=True)
class Fitted:
    """A network that was trained.

    Attributes:
        log: a row for each epoch, :data:`opscore.supernets.fitting.LOG`.
        settings: what it depends on, in plain values.
        folder: where checkpoint, log, figure and record are.
    """

    log: pd.DataFrame
    settings: dict[str, Any]
    folder: Path

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        return [
            f"network: {self.settings['space']}, {self.settings['network']}",
            f"images: {self.settings['images']}",
            f"recipe {self.settings['recipe_described']}",
            f"seed {self.settings['seed']}, device {self.settings['device']}, "
            f"precision {self.settings['precision']}",
        ]


@reporting.shows_progress
def train_network(  # noqa: PLR0913 - each of these is one thing that a training depends on
    space: str,
    architecture: State | str | Choices,
    *,
    recipe: Recipe | str = "cpu",
    target: str | None = None,
    images: str = "auto",
    seed: int = 0,
    folder: Path | str = "trained",
    device: str = "auto",
    precision: str = "auto",
    image_size: int | None = None,
    data_dir: Path | str | None = None,
) -> Fitted:
    """Train an architecture's network, or go on with it where its folder says it was.

    Args:
        space: name of the space.
        architecture: its string, a state, or choices.
        recipe: how it is trained: a recipe, or the name of one.
        target: what the network is built for; None is 'imagenet' for the recipe of that name, else
            the space's own default. A recipe that names a size has the arguments of that size.
        images: image set; 'auto' is CIFAR-10 where it is found, else digits. The network has as
            many outputs as it has classes.
        seed: of weights, order, augmentation and dropped paths.
        folder: for the checkpoint (``network.pt``), the log (``log.csv``), its figure (``log.png``,
            ``log.pdf``) and the record (``training.json``).
        device: 'cpu', 'cuda', ...; 'auto' is a GPU if there is one.
        precision: 'full' or 'bf16' (autocast); 'auto' is bf16 on a GPU that has it.
        image_size: height and width to which images are scaled; None is the network's own.
        data_dir: where data is looked for first.

    Raises:
        UserError: bad input, or the folder holds the checkpoint of another training.
    """
    how = find_recipe(recipe) if isinstance(recipe, str) else recipe
    data = None if data_dir is None else Path(data_dir)
    state = get_space(space).as_architecture(architecture)
    where, name = resolve_device(device), resolve_images(images, data)
    arithmetic = _precision(precision, where)
    built = _built(space, how, target, image_size)
    image_set = images_for(space, name, data, image_size=built.image_side)
    built = replace(built, n_classes=image_set.n_classes)
    path = writable_folder(folder)
    network = built.network(state, derive_seed(check_seed(seed), "fitting", "weights")).to(where)
    split = split_images(image_set, data)
    with reporting.unit(reporting.label("training", seed)):
        log = fit(
            network,
            split,
            how,
            seed,
            built,
            str(state),
            precision=arithmetic,
            checkpoint=path / CHECKPOINT,
        )
    settings = {
        "space": space,
        "architecture": str(state),
        "target": built.target,
        "network": built.describe(),
        "size": asdict(network_size(network, built.image_side)),
        "images": split.description,
        "recipe": asdict(how),
        "recipe_described": how.describe(),
        "seed": seed,
        "device": where,
        "precision": arithmetic,
    }
    fitted = Fitted(log, settings, path)
    _write(fitted)
    return fitted


def _built(space: str, recipe: Recipe, target: str | None, image_size: int | None) -> Built:
    """The network of a recipe, with the classes of its target."""
    built = find_target(space, target or ("imagenet" if recipe.name == "imagenet" else None))
    family = SUPERNETS[space]
    small = {} if recipe.size is None else family.arguments(recipe.size)
    side = built.image_side
    if recipe.size is not None or image_size is not None:
        side = family.side(recipe.size or "paper", image_size)
    arguments = {name: small.get(name, value) for name, value in built.arguments.items()}
    return replace(built, arguments=arguments, image_side=side)


def _precision(asked: str, device: str) -> str:
    """'auto' is bf16 on a GPU that has it; UserError for an unknown one."""
    import torch

    if asked == "auto":
        fast = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        return "bf16" if fast else "full"
    if asked not in PRECISIONS:
        raise unknown("precision", asked, PRECISIONS)
    return asked


def _write(fitted: Fitted) -> None:
    """Log, figure and record."""
    from opscore.analysis.figures import save_figure
    from opscore.analysis.training import training_curves

    axes = training_curves(fitted.log, note="; ".join(fitted.notes()[:3]))
    save_figure(axes.figure, fitted.folder / LOG_STEM, fitted.log)
    with atomic_write(fitted.folder / RECORD) as temporary:
        temporary.write_text(json.dumps(fitted.settings, indent=2) + "\n", encoding="utf-8")
