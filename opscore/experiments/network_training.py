"""Training the network that was found: a run, and what is written of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress as reporting
from opscore.answers import Answer, Column, Table
from opscore.data.files import atomic_write, writable_folder
from opscore.errors import UserError, one_of
from opscore.experiments.dependencies import image_key, start_key
from opscore.experiments.settings import resolve_device
from opscore.images import resolve_images
from opscore.isolation import isolated
from opscore.rng import check_seed, derive_seed
from opscore.runs.loop import complete
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces, RunStore
from opscore.settings import RunSettings, Settings, takes
from opscore.spaces import State, get_space
from opscore.spaces.base import Picks
from opscore.supernets import SUPERNETS, Built, find_target, images_for, network_version
from opscore.supernets.fitting import LOG, PRECISIONS, Fitter, split_images
from opscore.supernets.recipes import Recipe, find_recipe

#: Files of a training that is saved; the first is also that of its run's folder.
CHECKPOINT, RECORD = "network.pt", "training.json"


#: Epochs that are shown.
_SHOWN = 10

_LOG_COLUMNS = (
    Column("epoch", kind="whole"),
    Column("train_loss", "loss", "number", ".3f"),
    Column("train_accuracy", "on images trained on", "number", ".1f"),
    Column("test_accuracy", "on others", "number", ".1f"),
    Column("seconds", "s", "number", ".1f"),
)


@dataclass(frozen=True, repr=False)
class Fitted(Answer):
    """A network that was trained.

    Attributes:
        log: a row for each epoch, :data:`opscore.supernets.fitting.LOG`.
        settings: what it depends on, in plain values.
        checkpoint: the file with its weights, optimiser and log.
    """

    log: pd.DataFrame
    settings: dict[str, Any]
    checkpoint: Path

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        return [
            f"network: {self.settings['space']}, {self.settings['network']}",
            f"images: {self.settings['images']}",
            f"recipe {self.settings['recipe_described']}",
            f"seed {self.settings['seed']}, device {self.settings['device']}, "
            f"precision {self.settings['precision']}",
        ]

    def tables(self) -> list[Table]:
        """The last epochs."""
        title = "Accuracy, % (the last epochs)" if len(self.log) > _SHOWN else "Accuracy, %"
        return [Table(title, _LOG_COLUMNS, self.log.tail(_SHOWN))]

    def payload(self) -> dict[str, Any]:
        """The log, and what it rests on."""
        return {"log": self.log, "settings": {"command": "train", **self.settings}}

    def save(self, folder: Path | str) -> list[Path]:
        """Write a copy of the checkpoint, ``log.csv``, its figure and ``training.json``."""
        from opscore.analysis.case_studies import training_curves
        from opscore.answers.style import save_figure

        path = writable_folder(folder)
        with atomic_write(path / CHECKPOINT) as temporary:
            shutil.copyfile(self.checkpoint, temporary)
        axes = training_curves(self.log, note="; ".join(self.notes()[:3]))
        written = save_figure(axes.figure, path / "log", self.log)
        with atomic_write(path / RECORD) as temporary:
            temporary.write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")
        return [path / CHECKPOINT, *written, path / RECORD]


@dataclass(frozen=True)
class Fitting(Run):
    """The training of a network that was found; its checkpoint is its one piece."""

    built: Built
    architecture: State
    recipe: Recipe
    images: str
    seed: int
    device: str
    precision: str
    data_dir: Path | None = None

    @property
    def label(self) -> str:
        """What progress calls the training."""
        return reporting.label("training", self.seed)

    def key(self) -> dict[str, Any]:
        """What the trained network depends on."""
        return {
            **start_key("network", self.built.space),
            "architecture": str(self.architecture),
            "built": {**asdict(self.built), "arguments": dict(self.built.arguments)},
            "networks": network_version(self.built.space),
            "recipe": self.recipe.key(),
            **image_key(self.images, self.data_dir),
            "seed": self.seed,
            "precision": self.precision,
            "device": self.device.partition(":")[0],
        }

    def compute(self, pieces: Pieces) -> Outcome:
        """Train on from the last epoch that is kept."""
        built, path = self.built, pieces.path(CHECKPOINT)
        images = images_for(built.space, self.images, self.data_dir, image_size=built.image_side)
        split = split_images(images, self.data_dir)
        weights = derive_seed(self.seed, "fitting", "weights")
        fitter = Fitter(
            built.network(self.architecture, weights).to(self.device),
            split,
            self.recipe,
            self.seed,
            built,
            str(self.architecture),
            self.precision,
        )
        log = fitter.run(path)
        files = () if path is None else (CHECKPOINT,)
        return Outcome({"log": log}, {"images": split.description}, files=files)


@takes(
    Settings,
    *("space", "architecture"),
    only=("space", "images", "image_size", "device", "data_dir"),
    store="runs",
)
@reporting.shows_progress
@isolated()
def train_network(
    settings: Settings,
    run: RunSettings,
    architecture: State | str | Picks,
    *,
    recipe: Recipe | str = "cpu",
    target: str | None = None,
    seed: int = 0,
    precision: str = "auto",
) -> Fitted:
    """Train an architecture's network, go on with it where it was stopped, or find it trained.

    The checkpoint is kept in the store after every epoch. The network has as many outputs as the
    images have classes.

    Args:
        architecture: its string, a state, or choices.
        recipe: how it is trained: a recipe, or the name of one.
        target: what the network is built for; None is 'imagenet' for the recipe of that name, else
            the space's own default. A recipe that names a size has the arguments of that size.
        seed: of weights, order, augmentation and dropped paths.
        precision: 'full' or 'bf16' (autocast); 'auto' is bf16 on a GPU that has it.

    Raises:
        UserError: bad input, or what the store has of it is damaged.
    """
    if run.store is None:
        raise UserError("a training is kept in a store; it needs the folder of one")
    how = find_recipe(recipe) if isinstance(recipe, str) else recipe
    space, data = settings.space, settings.data_dir
    state = get_space(space).as_architecture(architecture)
    where, name = resolve_device(settings.device), resolve_images(settings.images, data)
    arithmetic = _precision(precision, where)
    built = _built(space, how, target, settings.image_size)
    n_classes = images_for(space, name, data, image_size=built.image_side).n_classes
    built = replace(built, n_classes=n_classes)
    fitting = Fitting(built, state, how, name, check_seed(seed), where, arithmetic, data)
    (outcome,) = complete([fitting], run)
    facts = {
        "space": space,
        "architecture": str(state),
        "target": built.target,
        "network": built.describe(),
        "size": asdict(built.size(state)),
        "images": outcome.facts["images"],
        "recipe": asdict(how),
        "recipe_described": how.describe(),
        "seed": fitting.seed,
        "device": where,
        "precision": arithmetic,
    }
    log = outcome.tables["log"][list(LOG)]
    return Fitted(log, facts, RunStore(run.store).path(fitting.key()) / CHECKPOINT)


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
    return one_of("precision", asked, PRECISIONS)
