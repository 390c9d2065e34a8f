"""What settings come to on this machine, and with these files: every 'auto' decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import torch

from opscore.errors import UserError, unknown
from opscore.images import Batch, ImageSet, check_memory, load_batch, resolve_images
from opscore.isolation import isolated
from opscore.oracles import Truth, has_oracle, load_accuracies, load_truth, sampled_sources
from opscore.policies import find_family
from opscore.policies.zero_cost import ZeroCostPolicy
from opscore.proxies import Precision, get_proxy, proxies_in
from opscore.settings import NO_TRUTH, OracleSettings, ScoringSettings, Settings
from opscore.settings.profiles import PROFILES, TrainingProfile
from opscore.spaces import get_space
from opscore.supernets import SUPERNETS, Supernet, build_supernet, images_for, load_checkpoint

DTYPES = {"float32": torch.float32, "float64": torch.float64}

#: What has a place: a network, or a minibatch.
Placed = TypeVar("Placed", bound=torch.nn.Module | Batch)

S = TypeVar("S", bound=Settings)


def resolve(settings: S) -> S:
    """The same settings with every 'auto' decided and every name checked.

    Raises UserError for the first thing that is wrong.
    """
    policies = settings.policies if isinstance(settings, ScoringSettings) else ()
    get_space(settings.space)
    family = SUPERNETS[settings.space]
    family.size(settings.size)
    side = family.side(settings.size, settings.image_size)
    if isinstance(settings, ScoringSettings) and not policies:
        raise UserError("no policy was asked for; for instance 'zc-pt(nwot)'")
    for policy in policies:
        find_family(policy)
    if not settings.seeds:
        raise UserError("no seed was asked for; for instance 0-3")
    for policy in policies if settings.precision != "full" else ():
        _require_precision(policy, settings.precision)
    batch_size = family.batch_size if settings.batch_size is None else settings.batch_size
    if batch_size < 2:
        raise UserError(f"a batch needs at least two images, got {batch_size}")
    check_memory(batch_size, side, DTYPES[settings.dtype].itemsize)
    oracle = resolve_oracle(settings.oracle, settings.space, settings.data_dir)
    for policy in policies:
        if not oracle.known and "oracle" in find_family(policy)[0].policy.uses:
            raise UserError(f"{policy} needs a truth: {no_truth(settings.space)}")
    _check_brought(policies, settings)
    return replace(
        settings,
        oracle=oracle,
        batch_size=batch_size,
        images=resolve_images(settings.images, settings.data_dir),
        device=resolve_device(settings.device),
        training=_resolve_training(settings, policies),
        image_size=None if side == family.side(settings.size) else side,
    )


def resolve_oracle(
    asked: OracleSettings, space: str, data_dir: Path | None = None
) -> OracleSettings:
    """The truth with the defaults of the space's table, or none.

    UserError when something is asked of a space that has no table, the file of the table is
    missing, or it lacks what is asked for.
    """
    if not has_oracle(space, asked.source):
        get_space(space)
        samples = sampled_sources(space)
        if samples and asked.source not in ("auto", NO_TRUTH):
            raise unknown("oracle source", asked.source, samples)
        of_table = asked.dataset or asked.split or asked.epochs or asked.seeds
        if of_table is not None or asked.source not in ("auto", NO_TRUTH):
            raise UserError(f"space '{space}' has no table of accuracies to take a truth from")
        return replace(asked, source=NO_TRUTH)
    if not asked.known:
        return asked
    try:
        accuracies = load_accuracies(space, asked.source, data_dir)
    except UserError as error:
        raise UserError(
            f"{error}; --oracle-source none, in Python source='none', does without a truth"
        ) from None
    dataset, split, epochs = accuracies.resolve(asked.dataset, asked.split, asked.epochs)
    seeds = accuracies.default_seeds if asked.seeds is None else asked.seeds
    return replace(asked, dataset=dataset, split=split, epochs=epochs, seeds=seeds)


def truth_of(settings: Settings) -> Truth:
    """What says how good architectures are, by resolved settings."""
    asked = settings.oracle
    return load_truth(
        settings.space,
        asked.split,
        asked.epochs,
        asked.source,
        settings.data_dir,
        allow_partial=asked.allow_partial,
    )


def place(settings: Settings, thing: Placed) -> Placed:
    """A network or a minibatch on the device and in the precision of resolved settings."""
    return cast("Placed", thing.to(settings.device, DTYPES[settings.dtype]))


def image_set(settings: Settings) -> ImageSet:
    """The image set, scaled for the networks."""
    return images_for(
        settings.space,
        settings.images,
        settings.data_dir,
        size=settings.size,
        image_size=settings.image_size,
    )


def describe_images(settings: Settings) -> str:
    """What was scored on, for notes; images may have been elsewhere."""
    if settings.batch_file is not None:
        return f"images: {settings.batch_file.name}"
    try:
        described = image_set(settings).describe()
    except UserError:
        described = f"{settings.images}, which are not here"
    return f"images: {described}; batch {settings.batch_size}"


def describe_size(size: str) -> str:
    """A named size of networks, for notes."""
    return f"{size} size" + ("" if size == "paper" else " (reduced)")


def describe_scores(settings: Settings) -> str:
    """How scores were counted, for notes."""
    precision = "" if settings.precision == "full" else f" in {settings.precision}"
    own = settings.survivors == "auto"
    survivors = "" if own else f", survivors {settings.survivors}"
    return f"{settings.meaning} scores{precision}{survivors}"


def _resolve_training(settings: Settings, policies: Sequence[str]) -> TrainingProfile | str:
    """The profile, except where none has the name of the size and nothing is trained."""
    trains = any(map(is_trained, policies))
    if settings.training == "auto" and settings.size not in PROFILES and not trains:
        return "auto"
    return settings.profile


def is_trained(policy: str) -> bool:
    """Whether a policy scores a trained supernet."""
    return "trained" in find_family(policy)[0].policy.uses


def no_truth(space: str) -> str:
    """Why there is no truth, for messages and notes."""
    if has_oracle(space):
        return "none was asked for (source 'none')"
    samples = sampled_sources(space)
    of_some = f", only of some architectures (--oracle-source {', '.join(samples)})"
    return f"space '{space}' has no table of accuracies{of_some if samples else ''}"


def _require_precision(policy: str, precision: Precision) -> None:
    """UserError for a policy that scores fresh supernets, but not in this precision."""
    family, argument = find_family(policy)
    if issubclass(family.policy, ZeroCostPolicy):
        get_proxy(argument).require_precision(precision)
    elif "supernet" in family.policy.uses and not family.policy.exact:
        raise UserError(f"policy '{policy}' has no {precision}; zc-pt and disc-zc have")


def _check_brought(policies: Sequence[str], settings: Settings) -> None:
    """Read the files that a user brings as scoring will read them.

    Raises:
        UserError: a file is missing or damaged, or is not of its layout; the checkpoint is of
            another space, or has no alphas where a policy ranks them; the labels are not classes
            of the network, or are missing where a policy needs them; the network cannot take
            images of this size.
    """
    space, checkpoint, batch_file = settings.space, settings.checkpoint, settings.batch_file
    supernet = None if checkpoint is None else load_checkpoint(checkpoint, space)
    if supernet is not None and "darts" in policies and not bool(supernet.alphas.any()):
        raise UserError(
            f"policy 'darts' ranks the alphas, and {checkpoint} has none (or zeros); the layout of "
            "checkpoints is in docs/data.md"
        )
    if batch_file is None:
        return
    if settings.image_size is not None:
        raise UserError(f"the images of {batch_file} have a size of their own, which stays")
    if supernet is None:
        n_classes = images_for(space, settings.images, settings.data_dir).n_classes
        supernet = build_supernet(space, settings.size, n_classes=n_classes)
    linear = [m.out_features for m in supernet.modules() if isinstance(m, torch.nn.Linear)]
    batch = load_batch(batch_file, linear[-1] if linear else None)
    unlabelled = [] if batch.labelled else [name for name in policies if _needs_labels(name)]
    if unlabelled:
        raise UserError(f"{unlabelled[0]} needs labels, and {batch_file} has no array 'batch_y'")
    _check_size(supernet, batch, batch_file)


def _needs_labels(policy: str) -> bool:
    """Whether a policy is known to look at the labels of the minibatch."""
    _, argument = find_family(policy)
    if not argument:
        return policy == "sensitivity"
    return any("labels" in proxy.needs for proxy in proxies_in(argument))


@isolated()
@torch.no_grad()
def _check_size(supernet: Supernet, batch: Batch, path: Path) -> None:
    weights = supernet.weights(supernet.space.initial_state())
    try:
        supernet.eval()(batch.images[:2], weights)
    except RuntimeError as error:
        height, width = batch.images.shape[2:]
        reason = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"{path}: the networks of {supernet.space.name} cannot take images of "
            f"{height} x {width} pixels ({reason}); 32 x 32 is usual"
        ) from None


def check_device_name(name: str) -> None:
    """UserError for a text that names no device, whatever machine it is meant for."""
    try:
        torch.device("cpu" if name == "auto" else name)
    except RuntimeError:
        raise unknown("device", name, ("auto", "cpu", "cuda", "cuda:1")) from None


def resolve_device(name: str) -> str:
    """'auto' is a GPU if there is one; UserError for a device that this machine lacks."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        have = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise UserError(f"device '{name}' is not available here; available: {have}") from None
    return name
