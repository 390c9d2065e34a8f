"""The accuracy of a supernet under operation weights, on images of the validation half."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from opscore.errors import UserError
from opscore.images import Batch, ImageSet
from opscore.supernets.base import Supernet
from opscore.supernets.profiles import TrainingProfile


def draw_validation(
    images: ImageSet, profile: TrainingProfile, seed: int, *purpose: str | int
) -> Batch:
    """The images that an accuracy is measured on: ``profile.validation`` of the validation half.

    Augmented, as the authors' are; the same ones whenever seed and purpose are the same.
    """
    half = images.halves(profile.images)[1]
    count = half.n_images
    if profile.validation is not None:
        count = min(profile.validation, count) if count is not None else profile.validation
    if count is None:
        raise UserError(f"'{images.name}' has no end: a number of validation images is needed")
    return half.minibatch(count, seed, "validation", *purpose)


@torch.no_grad()
def accuracy(
    supernet: Supernet,
    batch: Batch,
    weights: Tensor,
    *,
    batch_statistics: bool = True,
    chunk: int = 64,
) -> float:
    """Percent of a batch's images that a supernet classifies rightly.

    Args:
        supernet: the supernet; nothing in it changes.
        batch: the images, on the supernet's device.
        weights: operation weights [edges, operations].
        batch_statistics: normalise by the statistics of each chunk, as darts-pt's code does by
            measuring in train mode; else by the running statistics (eval mode). In the authors'
            code the running statistics drift while it measures; nothing reads them in train mode,
            so here they stay as they are, and a measurement changes nothing.
        chunk: images in a forward pass.
    """
    right = 0
    with one_thread(), _mode(supernet, batch_statistics):
        for start in range(0, len(batch), chunk):
            part = slice(start, start + chunk)
            found = supernet(batch.images[part], weights).argmax(dim=1)
            right += int((found == batch.labels[part]).sum())
    return 100 * right / len(batch)


@contextmanager
def _mode(supernet: Supernet, batch_statistics: bool) -> Iterator[None]:
    """Train mode without running statistics, or eval mode; undone at the end."""
    was_training = supernet.training
    norms = [m for m in supernet.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    supernet.train(batch_statistics)
    for norm in norms:
        # Without tracking a layer in train mode neither reads nor writes running statistics.
        norm.track_running_stats = not batch_statistics
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        supernet.train(was_training)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block in one CPU thread, so that its sums do not depend on the machine's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
