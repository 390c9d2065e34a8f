"""Minibatches: CIFAR-10, digits, noise; with the authors' normalisation and augmentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from opscore.fingerprint import fingerprint
from opscore.images.base import (
    Batch,
    ImageSet,
    NoiseImages,
    PixelImages,
    ScaledImages,
    check_memory,
)
from opscore.images.batch_files import load_batch, read_npz
from opscore.images.cifar10 import find_cifar10, load_cifar10, load_cifar10_test
from opscore.images.digits import load_digits
from opscore.images.own import is_own, load_own
from opscore.registry import Registry

#: Loaders by name; each takes the data folder (or None) and returns an image set.
IMAGE_SETS: Registry[Callable[[Path | None], ImageSet]] = Registry(
    "image set", entry_points="opscore.images"
)
IMAGE_SETS.add("cifar10", load_cifar10, source="krizhevsky2009")
IMAGE_SETS.add("digits", lambda data_dir: load_digits(), source="alpaydin1998")
IMAGE_SETS.add("noise", lambda data_dir: NoiseImages())


def resolve_images(name: str, data_dir: Path | str | None = None) -> str:
    """The set that a name stands for: 'auto' is CIFAR-10 where it is found, else digits.

    It may name images of one's own (:mod:`opscore.images.own`).
    """
    if name == "auto":
        return "cifar10" if find_cifar10(data_dir) is not None else "digits"
    if not (name not in IMAGE_SETS and is_own(name)):
        IMAGE_SETS[name]
    return name


def load_images(name: str = "auto", data_dir: Path | str | None = None) -> ImageSet:
    """The image set of this name; UserError when it is unknown or its files are missing.

    A folder, an npz file or ``module:name`` is one too (:mod:`opscore.images.own`).
    """
    folder = None if data_dir is None else Path(data_dir)
    resolved = resolve_images(name, folder)
    return IMAGE_SETS[resolved](folder) if resolved in IMAGE_SETS else load_own(resolved)


def image_content(name: str, data_dir: Path | None = None) -> str:
    """A hash of everything that minibatches of an image set are drawn from, labels included.

    A set of this package is read once for as long as its file is not modified; one that was
    registered from outside is loaded each time, for its loader may give other images.
    """
    resolved = resolve_images(name, data_dir)
    if resolved not in IMAGE_SETS or IMAGE_SETS.is_from_outside(resolved):
        return _content(load_images(resolved, data_dir))
    path = find_cifar10(data_dir) if resolved == "cifar10" else None
    about = None if path is None else path.stat()
    stamp = None if about is None else (about.st_mtime_ns, about.st_size, about.st_ino)
    return _content_of_own(resolved, data_dir, path, stamp)


@lru_cache(maxsize=8)
def _content_of_own(
    name: str, data_dir: Path | None, path: Path | None, stamp: tuple[int, ...] | None
) -> str:
    return _content(load_images(name, data_dir))


def _content(images: ImageSet) -> str:
    found = getattr(images, "content", None)
    return found if isinstance(found, str) else fingerprint(images)


def load_test_images(name: str, data_dir: Path | str | None = None) -> PixelImages | None:
    """The test images of a set; None where it has none, or they are not here."""
    folder = None if data_dir is None else Path(data_dir)
    return load_cifar10_test(folder) if name == "cifar10" else None


__all__ = [
    "IMAGE_SETS",
    "Batch",
    "ImageSet",
    "NoiseImages",
    "PixelImages",
    "ScaledImages",
    "check_memory",
    "image_content",
    "load_batch",
    "load_images",
    "load_test_images",
    "read_npz",
    "resolve_images",
]
