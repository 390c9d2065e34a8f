"""Checkpoints and minibatches that a user brings: do they fit, before anything is computed?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from opscore.errors import UserError
from opscore.images import Batch, load_batch
from opscore.isolation import isolated
from opscore.policies import find_family
from opscore.proxies import proxies_in
from opscore.settings import Settings
from opscore.supernets import Supernet, build_supernet, images_for, load_checkpoint


def check_brought(policies: Sequence[str], settings: Settings) -> None:
    """Read the files as scoring will read them.

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
    if supernet is None:
        n_classes = images_for(space, settings.images, settings.data_dir).n_classes
        supernet = build_supernet(space, settings.size, n_classes=n_classes)
    batch = load_batch(batch_file, number_of_classes(supernet))
    unlabelled = [] if batch.labelled else [name for name in policies if needs_labels(name)]
    if unlabelled:
        raise UserError(f"{unlabelled[0]} needs labels, and {batch_file} has no array 'batch_y'")
    _check_size(supernet, batch, batch_file)


def number_of_classes(supernet: Supernet) -> int | None:
    """Outputs of the last linear layer; None where there is none."""
    linear = [m.out_features for m in supernet.modules() if isinstance(m, torch.nn.Linear)]
    return linear[-1] if linear else None


def needs_labels(policy: str) -> bool:
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
