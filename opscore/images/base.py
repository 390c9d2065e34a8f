"""Minibatches, and the image sets that they are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from opscore.errors import UserError
from opscore.fingerprint import fingerprint
from opscore.rng import numpy_generator
from opscore.runs.workers import total_memory

#: Padding of the random crop (paper, appendix A.3; DARTS's CIFAR-10 training transform).
CROP_PADDING = 4

#: Side of the patches that linear regions are counted on (TE-NAS).
PATCH = 3


@dataclass(frozen=True)
class Batch:
    """A minibatch.

    Attributes:
        images: float tensor [N, channels, height, width], normalised.
        labels: int64 tensor [N].
        source: where the images come from, for records and figures.
        labelled: whether the labels are known; they are zeros if not.
    """

    images: Tensor
    labels: Tensor
    source: str
    labelled: bool = True

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Batch:
        """The same batch on another device, and with another floating-point type."""
        images, labels = self.images.to(device, dtype), self.labels.to(device)
        return replace(self, images=images, labels=labels)

    def own(self) -> Batch:
        """The same batch in memory of its own: contiguous images that no gradient belongs to.

        What is done to it is not seen by others, and what others did to their tensors (another
        memory format, a gradient) not by it.
        """
        images = self.images.detach().clone(memory_format=torch.contiguous_format)
        return replace(self, images=images, labels=self.labels.clone())


def check_memory(images: int, side: int, each: int = 4) -> None:
    """UserError for a minibatch that this machine cannot hold, before anything is computed.

    Args:
        images: their number; of three channels.
        side: height and width, pixels.
        each: bytes of a value.
    """
    needed, there = images * 3 * side**2 * each, total_memory()
    if there is not None and needed > there:
        raise UserError(
            f"{images:,} images of {side:,} x {side:,} pixels need {needed / 1e9:,.0f} GB of "
            f"memory; this machine has {there / 1e9:,.0f} GB"
        )


class ImageSet(Protocol):
    """Anything that minibatches can be drawn from."""

    @property
    def name(self) -> str:
        """The set's name on the command line."""
        ...

    @property
    def n_classes(self) -> int:
        """Number of classes of its labels."""
        ...

    def minibatch(self, size: int, seed: int, *purpose: str | int, augment: bool = True) -> Batch:
        """``size`` images drawn for one purpose of one run, on the CPU."""
        ...

    def patches(self, count: int, seed: int, *purpose: str | int) -> Batch:
        """``count`` patches of one channel, [count, 1, 3, 3], on the CPU."""
        ...

    def halves(self, limit: int | None = None) -> tuple[ImageSet, ImageSet]:
        """Two sets without an image in common: one to train weights on, one for alphas.

        ``limit``: the most images in each; None is all there are.
        """
        ...

    @property
    def n_images(self) -> int | None:
        """Number of images that minibatches are drawn from; None where there is no end."""
        ...

    def describe(self) -> str:
        """One line: what these images are."""
        ...


def count_of(images: ImageSet, wanted: str = "steps") -> int:
    """How many images a set has; UserError where it has no end, and such a number is needed."""
    if images.n_images is None:
        raise UserError(f"'{images.name}' has no end: a number of {wanted} is needed")
    return images.n_images


@dataclass(frozen=True)
class PixelImages:
    """Images held in memory.

    Attributes:
        name: the set's name.
        pixels: array [N, height, width, 3] of 0 to 255, uint8 or single precision.
        labels: int array [N].
        mean, std: per-channel constants of the normalisation, in units of pixel/255.
        pool: indices that scoring may draw from. The authors score on the first half of CIFAR-10's
            training set by official index; the second half is their validation half.
        n_classes: number of classes.
        description: one line about the set.
    """

    name: str
    pixels: NDArray[Any]
    labels: NDArray[Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pool: NDArray[Any]
    n_classes: int
    description: str

    @property
    def content(self) -> str:
        """A hash of all pixels and labels as they are now, and of how minibatches are made."""
        if (kept := self.__dict__.get("_content")) is not None:
            return str(kept)
        parts = (self.pixels, self.labels, self.mean, self.std, self.pool, self.n_classes)
        found = fingerprint(parts)
        if not (self.pixels.flags.writeable or self.labels.flags.writeable):
            self.__dict__["_content"] = found
        return found

    def minibatch(self, size: int, seed: int, *purpose: str | int, augment: bool = True) -> Batch:
        """``size`` images without replacement: random crop, flip and normalisation.

        Raises UserError when the pool is smaller than the batch.
        """
        if not 1 <= size <= len(self.pool):
            raise UserError(
                f"a batch of {size} images was asked for; "
                f"'{self.name}' has {len(self.pool)} to draw from"
            )
        draw = numpy_generator(seed, "images", *purpose)
        chosen = draw.choice(self.pool, size, replace=False)
        pixels = self.pixels[chosen]
        if augment:
            pixels = random_crop_and_flip(pixels, draw)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        images = (pixels.astype(np.float32) / 255 - mean) / std
        return Batch(
            torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
            torch.from_numpy(self.labels[chosen].astype(np.int64)),
            self.name,
        )

    def patches(self, count: int, seed: int, *purpose: str | int) -> Batch:
        """Random 3x3 crops of the padded images, each of one random channel, [count, 1, 3, 3].

        What TE-NAS counts linear regions on: drawn from all images, with replacement only when
        there are fewer images than patches; no flip.
        """
        draw = numpy_generator(seed, "patches", *purpose)
        chosen = draw.choice(len(self.pixels), count, replace=count > len(self.pixels))
        pad = CROP_PADDING
        padded = np.pad(self.pixels[chosen], ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        side = padded.shape[1] - PATCH + 1
        rows = draw.integers(0, side, size=(count, 1)) + np.arange(PATCH)
        columns = draw.integers(0, side, size=(count, 1)) + np.arange(PATCH)
        channel = draw.integers(0, 3, size=count)
        crops = padded[
            np.arange(count)[:, None, None],
            rows[:, :, None],
            columns[:, None, :],
            channel[:, None, None],
        ]
        mean = np.asarray(self.mean, np.float32)[channel, None, None]
        std = np.asarray(self.std, np.float32)[channel, None, None]
        images = (crops.astype(np.float32) / 255 - mean) / std
        labels = torch.from_numpy(self.labels[chosen].astype(np.int64))
        return Batch(torch.from_numpy(images[:, None]), labels, self.name)

    def halves(self, limit: int | None = None) -> tuple[PixelImages, PixelImages]:
        """The pool and the images outside it; a pool of everything is itself cut in two.

        With all of CIFAR-10 these are the authors' halves by official index. The first ``limit``
        images of each are taken.
        """
        rest = np.setdiff1d(np.arange(len(self.pixels)), self.pool)
        middle = len(self.pool) // 2
        train, valid = (
            (self.pool, rest)
            if len(rest) >= len(self.pool)
            else (self.pool[:middle], self.pool[middle:])
        )
        return replace(self, pool=train[:limit]), replace(self, pool=valid[:limit])

    @property
    def n_images(self) -> int:
        """Size of the pool."""
        return len(self.pool)

    def describe(self) -> str:
        """One line: what these images are."""
        return self.description


@dataclass(frozen=True)
class NoiseImages:
    """Standard normal pixels with random labels: what a score owes to real images is missing."""

    name: str = "noise"
    n_classes: int = 10

    def minibatch(self, size: int, seed: int, *purpose: str | int, augment: bool = True) -> Batch:
        """``size`` images of N(0, 1) pixels, [size, 3, 32, 32]; ``augment`` has no effect."""
        if size < 1:
            raise UserError(f"a batch needs at least one image, got {size}")
        check_memory(size, 32)
        draw = numpy_generator(seed, "images", *purpose)
        images = draw.standard_normal((size, 3, 32, 32), dtype=np.float32)
        labels = draw.integers(self.n_classes, size=size)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels), self.name)

    def patches(self, count: int, seed: int, *purpose: str | int) -> Batch:
        """N(0, 1) patches, [count, 1, 3, 3]."""
        draw = numpy_generator(seed, "patches", *purpose)
        images = draw.standard_normal((count, 1, PATCH, PATCH), dtype=np.float32)
        labels = draw.integers(self.n_classes, size=count)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels), self.name)

    def halves(self, limit: int | None = None) -> tuple[NoiseImages, NoiseImages]:
        """The set itself, twice: each draw is new noise anyway."""
        return self, self

    @property
    def n_images(self) -> None:
        """Noise has no end."""
        return

    def describe(self) -> str:
        """One line: what these images are."""
        return "Gaussian noise: N(0, 1) pixels, random labels"


@dataclass(frozen=True)
class ScaledImages:
    """An image set whose minibatches are scaled, after augmentation, without any further draw.

    Attributes:
        original: the set that images are drawn from.
        side: height and width of the scaled images, pixels. Interpolation is bilinear.
    """

    original: ImageSet
    side: int

    @property
    def name(self) -> str:
        """The original's name."""
        return self.original.name

    @property
    def n_classes(self) -> int:
        """Number of classes of the labels."""
        return self.original.n_classes

    @property
    def n_images(self) -> int | None:
        """Number of images that minibatches are drawn from; None where there is no end."""
        return self.original.n_images

    def minibatch(self, size: int, seed: int, *purpose: str | int, augment: bool = True) -> Batch:
        """The original's minibatch, each image scaled; float [size, channels, side, side]."""
        check_memory(size, self.side)
        batch = self.original.minibatch(size, seed, *purpose, augment=augment)
        scaled = functional.interpolate(
            batch.images, size=(self.side, self.side), mode="bilinear", align_corners=False
        )
        return replace(batch, images=scaled)

    def patches(self, count: int, seed: int, *purpose: str | int) -> Batch:
        """The original's patches; they have a size of their own and are not scaled."""
        return self.original.patches(count, seed, *purpose)

    def halves(self, limit: int | None = None) -> tuple[ImageSet, ImageSet]:
        """The original's halves, scaled."""
        first, second = self.original.halves(limit)
        return ScaledImages(first, self.side), ScaledImages(second, self.side)

    def describe(self) -> str:
        """One line: what these images are, and the size that they are scaled to."""
        return f"{self.original.describe()}, scaled to {self.side} x {self.side}"


def cutout(batch: Batch, side: int, draw: np.random.Generator) -> Batch:
    """The batch with a square of zeros in each image (DeVries and Taylor 2017).

    Its centre is any pixel, so that a part of it may lie outside. Zero is the mean of normalised
    images.
    """
    count, _, height, width = batch.images.shape
    rows, columns = (draw.integers(0, n, size=(count, 1)) - side // 2 for n in (height, width))
    blank = ((np.arange(height) >= rows) & (np.arange(height) < rows + side))[:, :, None] & (
        (np.arange(width) >= columns) & (np.arange(width) < columns + side)
    )[:, None, :]
    mask = torch.from_numpy(blank)[:, None].to(batch.images.device)
    return replace(batch, images=batch.images.masked_fill(mask, 0.0))


def random_crop_and_flip(pixels: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Zero-pad by 4, crop back at random, flip left-right with probability one half.

    Shapes: uint8 [N, height, width, channels] in and out.
    """
    count, height, width, _ = pixels.shape
    pad = CROP_PADDING
    padded = np.pad(pixels, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows = draw.integers(0, 2 * pad + 1, size=(count, 1)) + np.arange(height)
    columns = draw.integers(0, 2 * pad + 1, size=(count, 1)) + np.arange(width)
    flip = draw.random(count) < 0.5
    columns[flip] = columns[flip, ::-1]
    cropped: NDArray[Any] = padded[
        np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return cropped
