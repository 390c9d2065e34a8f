"""CIFAR-10 (Krizhevsky 2009), from a small npz file or from the official python archive."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opscore.data import find
from opscore.data.pickles import PLAIN_GLOBALS, load_restricted
from opscore.errors import UserError
from opscore.images.base import PixelImages
from opscore.images.batch_files import read_npz

ARCHIVE = "cifar-10-python.tar.gz"
SUBSET = "cifar10/train.npz"
TEST_SUBSET = "cifar10/test.npz"

#: Files of the archive that are trained on.
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))

#: The constants of the authors' transform.
MEAN = (0.49139968, 0.48215827, 0.44653124)
STD = (0.24703233, 0.24348505, 0.26158768)

#: Scoring draws from the first half of the official training set.
FIRST_HALF = 25_000

#: The most that a batch of the archive may unpack to; it is 30 MB.
MAX_BATCH_BYTES = 64 * 2**20


def find_cifar10(data_dir: Path | str | None = None) -> Path | None:
    """The archive if it is there, else the subset, else None."""
    return find(ARCHIVE, data_dir) or find(SUBSET, data_dir)


def load_cifar10(data_dir: Path | None = None) -> PixelImages:
    """CIFAR-10's training images.

    The whole training set where the official archive is found, else the subset of
    ``cifar10/train.npz`` (uint8 ``images`` [N, 32, 32, 3], ``labels`` [N], and ``index``, the
    position in the official training set). UserError when neither is there.
    """
    path = find_cifar10(data_dir)
    if path is None:
        raise UserError(
            f"no CIFAR-10 images: neither {ARCHIVE} nor {SUBSET} was found; "
            "run 'opscore data fetch cifar10', or use --images digits"
        )
    pixels, labels, index = _read_archive(path) if path.suffix == ".gz" else _read_npz(path)
    said = f"CIFAR-10, {len(pixels):,} training images"
    pool = np.flatnonzero(index < FIRST_HALF)
    return PixelImages("cifar10", pixels, labels, MEAN, STD, pool, 10, said)


def load_cifar10_test(data_dir: Path | None = None) -> PixelImages | None:
    """CIFAR-10's test images that go with the training images here; None where there are none.

    All 10,000 of the official archive, or those of ``cifar10/test.npz``, a part of them.
    """
    archive = find(ARCHIVE, data_dir)
    path = archive or find(TEST_SUBSET, data_dir)
    if path is None:
        return None
    if archive is not None:
        pixels, labels, _ = _read_archive(path, ("test_batch",))
    else:
        pixels, labels, _ = _read_npz(path)
    said = f"{len(pixels):,} of its test images"
    return PixelImages("cifar10", pixels, labels, MEAN, STD, np.arange(len(pixels)), 10, said)


def _read_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    arrays = read_npz(path)
    try:
        found = arrays["images"], arrays["labels"].astype(np.int64), arrays["index"]
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from None
    return _checked(path, *found)


def _read_archive(
    path: Path, names: Sequence[str] = TRAIN_BATCHES
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    images, labels = [], []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in names:
                entry = archive.getmember(f"cifar-10-batches-py/{name}")
                member = archive.extractfile(entry)
                if member is None or entry.size > MAX_BATCH_BYTES:
                    raise UserError(f"{path.name} is not the CIFAR-10 python archive")
                content = load_restricted(member, PLAIN_GLOBALS, encoding="bytes")
                images.append(content[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
                labels.append(np.asarray(content[b"labels"], dtype=np.int64))
    except UserError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise _damaged(path, error) from None
    pixels = np.concatenate(images)
    return _checked(path, pixels, np.concatenate(labels), np.arange(len(pixels)))


def _checked(
    path: Path, images: NDArray[Any], labels: NDArray[Any], index: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (32, 32, 3):
        raise _damaged(path, f"images of {images.dtype}, {images.shape}")
    if not len(images) or labels.shape != (len(images),) or index.shape != (len(images),):
        raise _damaged(path, f"{len(images)} images, {labels.size} labels, {index.size} places")
    if labels.min() < 0 or labels.max() > 9:
        raise _damaged(path, "labels that are not 0 to 9")
    return images, labels, index


def _damaged(path: Path, reason: object) -> UserError:
    text = " ".join(str(reason).split()) or type(reason).__name__
    return UserError(f"{path}: not a whole file of CIFAR-10 ({text}); see 'opscore data verify'")
