from __future__ import annotations

import io
import pickle
import tarfile

import numpy as np
import pytest
import torch

from opscore.errors import UserError
from opscore.images import load_images, resolve_images
from opscore.images.base import random_crop_and_flip


def write_archive(path, per_batch=20):
    """A CIFAR-10 python archive in the official layout, with few images."""
    draw = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:
        for batch in range(1, 6):
            content = {
                b"data": draw.integers(0, 256, (per_batch, 3072), dtype=np.uint8),
                b"labels": [int(v) for v in draw.integers(0, 10, per_batch)],
                b"batch_label": b"training batch",
            }
            data = pickle.dumps(content, protocol=2)
            info = tarfile.TarInfo(f"cifar-10-batches-py/data_batch_{batch}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("name", ["digits", "noise"])
def test_minibatches_repeat_and_differ_by_purpose(name):
    images = load_images(name)
    batch = images.minibatch(8, 0, "initial")
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.labels.shape == (8,)
    assert torch.equal(batch.images, load_images(name).minibatch(8, 0, "initial").images)
    assert not torch.equal(batch.images, images.minibatch(8, 1, "initial").images)
    assert not torch.equal(batch.images, images.minibatch(8, 0, "other").images)
    assert images.describe()


def test_digits_are_normalised_and_have_three_equal_channels():
    digits = load_images("digits")
    batch = digits.minibatch(1797, 0, augment=False)
    assert batch.images.mean().item() == pytest.approx(0, abs=1e-3)
    assert batch.images.std().item() == pytest.approx(1, abs=1e-3)
    assert torch.equal(batch.images[:, 0], batch.images[:, 2])
    assert sorted(set(batch.labels.tolist())) == list(range(10))


def test_a_batch_larger_than_the_pool_is_refused():
    with pytest.raises(UserError, match="a batch of 1798 images was asked for; 'digits' has 1797"):
        load_images("digits").minibatch(1798, 0)


def test_augmentation_is_a_crop_of_the_padded_image_perhaps_flipped():
    draw = np.random.default_rng(3)
    pixels = draw.integers(1, 256, (50, 32, 32, 3), dtype=np.uint8)
    cropped = random_crop_and_flip(pixels, np.random.default_rng(0))
    assert cropped.shape == pixels.shape
    padded = np.pad(pixels, ((0, 0), (4, 4), (4, 4), (0, 0)))
    flips = 0
    for image, result in zip(padded, cropped, strict=True):
        windows = [image[y : y + 32, x : x + 32] for y in range(9) for x in range(9)]
        straight = any(np.array_equal(w, result) for w in windows)
        flipped = any(np.array_equal(w[:, ::-1], result) for w in windows)
        assert straight or flipped
        flips += flipped and not straight
    assert 10 < flips < 40


def test_auto_is_digits_where_there_is_no_cifar10(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert resolve_images("auto") == "digits"
    with pytest.raises(UserError, match="opscore data fetch cifar10"):
        load_images("cifar10")


def test_the_official_archive_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    write_archive(tmp_path / "cifar-10-python.tar.gz")
    assert resolve_images("auto", tmp_path) == "cifar10"
    images = load_images("cifar10", tmp_path)
    assert images.pixels.shape == (100, 32, 32, 3)
    batch = images.minibatch(10, 0)
    assert batch.images.shape == (10, 3, 32, 32)


def test_unknown_images_list_the_near_ones():
    with pytest.raises(UserError, match="unknown image set 'cifar'; did you mean cifar10"):
        load_images("cifar")


def test_cifar10_from_the_data_folder(data_dir):
    images = load_images("cifar10", data_dir)
    assert "10,000" in images.describe()
    assert len(images.pool) == 10_000, "all of them lie in the first half of the training set"
    batch = images.minibatch(10_000, 0, augment=False)
    assert batch.images.mean(dim=(0, 2, 3)).abs().max() < 0.02
    assert (batch.images.std(dim=(0, 2, 3)) - 1).abs().max() < 0.02
