"""Images of another size than their set has, for networks that need larger ones."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional

from opscore.images.base import Batch, ImageSet, check_memory


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
        return Batch(scaled, batch.labels, batch.source)

    def patches(self, count: int, seed: int, *purpose: str | int) -> Batch:
        """The original's patches; they have a size of their own and are not scaled."""
        return self.original.patches(count, seed, *purpose)

    def halves(self, limit: int | None = None) -> tuple[ImageSet, ImageSet]:
        """The original's halves, scaled."""
        first, second = self.original.halves(limit)
        return ScaledImages(first, self.side), ScaledImages(second, self.side)

    def describe(self) -> str:
        """One line: what these images are, and that they were scaled."""
        return f"{self.original.describe()}, scaled to {self.side} x {self.side}"
