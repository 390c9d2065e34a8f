"""The accuracy of a supernet under operation weights, on images of the validation half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from opscore.images import Batch, ImageSet
from opscore.images.base import count_of
from opscore.isolation import isolated
from opscore.settings.profiles import TrainingProfile
from opscore.supernets.base import Supernet
from opscore.supernets.copying import copy_network


def draw_validation(
    images: ImageSet, profile: TrainingProfile, seed: int, *purpose: str | int
) -> Batch:
    """The images that an accuracy is measured on: ``profile.validation`` of the validation half.

    Augmented, as the authors' are; the same ones whenever seed and purpose are the same.
    """
    half = images.halves(profile.images)[1]
    count = profile.validation or count_of(half, "validation images")
    return half.minibatch(min(count, half.n_images or count), seed, "validation", *purpose)


@isolated()
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
        supernet: the supernet; it is measured on a copy.
        batch: the images, on the supernet's device.
        weights: operation weights [edges, operations].
        batch_statistics: normalise by the statistics of each chunk, as darts-pt's code does by
            measuring in train mode; else by the running statistics (eval mode). In the authors'
            code the running statistics drift while it measures; nothing reads them in train mode.
        chunk: images in a forward pass.
    """
    own = copy_network(supernet).train(batch_statistics)
    with one_thread():
        return percent_right(lambda images: own(images, weights), batch, chunk)


@torch.no_grad()
def percent_right(logits_of: Callable[[Tensor], Tensor], batch: Batch, chunk: int) -> float:
    """Percent of a batch's images that are classified rightly.

    Args:
        logits_of: logits [N, classes] of images [N, channels, height, width].
        batch: the images.
        chunk: images in a forward pass.
    """
    right = 0
    for start in range(0, len(batch), chunk):
        part = slice(start, start + chunk)
        found = logits_of(batch.images[part]).argmax(dim=1)
        right += int((found == batch.labels[part].to(found.device)).sum())
    return 100 * right / len(batch)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block in one CPU thread, so that its sums do not depend on the machine's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
