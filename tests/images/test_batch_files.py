"""Minibatches from files: what is not of the layout is refused in one line, before any scoring."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

import opscore
from opscore.errors import UserError
from opscore.experiments import ScoringSettings, resolve
from opscore.experiments.dependencies import batch_key
from opscore.experiments.initial.units import seeds_of, unit_key
from opscore.images import load_batch

X = np.random.default_rng(0).standard_normal((8, 3, 32, 32)).astype("float32")
Y = np.arange(8)


def spoiled(value):
    images = X.copy()
    images[3, 1, 2, 2] = value
    return images


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "no array 'batch_x'; it has x"),
        ({"batch_x": X.transpose(0, 2, 3, 1)}, "8 x 32 x 32 x 3; it looks like channels last"),
        ({"batch_x": X[:, :1]}, "8 x 1 x 32 x 32; it looks grey"),
        ({"batch_x": X[0]}, "3 x 32 x 32; it looks like one image"),
        ({"batch_x": X[:0]}, "two images or more, not 0"),
        ({"batch_x": X[:1]}, "two images or more, not 1"),
        ({"batch_x": X[..., :2, :2]}, "8 x 8 pixels or more, not 2 x 2"),
        ({"batch_x": X.astype("complex64")}, "not complex64"),
        ({"batch_x": (X * 50 + 128).clip(0, 255).astype("uint8")}, "not uint8 .raw pixels"),
        ({"batch_x": spoiled(np.inf)}, "not finite .first in image 3"),
        ({"batch_x": spoiled(np.nan)}, "not finite .first in image 3"),
        ({"batch_x": X, "batch_y": Y + 3}, "label 10; the network has 10 classes, 0..9"),
        ({"batch_x": X, "batch_y": Y - 1}, "not -1"),
        ({"batch_x": X, "batch_y": Y[:5]}, r"integers \[8\] from 0, not 5"),
        ({"batch_x": X, "batch_y": np.eye(10)[Y]}, "one-hot"),
        ({"batch_x": X, "batch_y": Y + 0.5}, "not fractions such as 0.5"),
        ({"batch_x": X, "batch_y": np.array(["cat"] * 8)}, "not <U3"),
        ({"batch_x": X[..., :30, :30], "batch_y": Y}, "cannot take images of 30 x 30 pixels"),
        ({"batch_x": X}, "needs labels, and .* has no array 'batch_y'"),
    ],
)
def test_what_is_not_of_the_layout_is_one_line(tmp_path, arrays, message):
    path = tmp_path / "batch.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=message) as caught:
        opscore.initial("zc-pt(snip)", size="smoke", images="noise", batch_file=path)
    assert "\n" not in str(caught.value)


def test_images_from_a_file_keep_their_size(tmp_path):
    np.savez(tmp_path / "batch.npz", batch_x=X)
    asked = {"batch_file": tmp_path / "batch.npz", "size": "smoke", "image_size": 16}
    with pytest.raises(UserError, match="have a size of their own, which stays"):
        opscore.initial(["zc-pt(nwot)"], images="noise", **asked)


def test_runs_of_other_images_are_others_with_a_file_too(tmp_path):
    """They say how many classes the networks have; seeds still make a difference to what draws."""
    path = tmp_path / "batch.npz"
    np.savez(path, batch_x=X)
    np.savez(tmp_path / "own.npz", images=np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 2, 0])
    keys, patches = [], []
    for images in ("noise", "digits", str(tmp_path / "own.npz")):
        settings = resolve(
            ScoringSettings(policies=("zc-pt(nwot)",), batch_file=path, size="smoke", images=images)
        )
        keys.append(batch_key(settings))
        patches.append(unit_key("initial", settings, "tenas", 0))
    assert keys[0] == keys[1] != keys[2], "the networks have ten outputs, and three"
    assert patches[0] != patches[1], "tenas looks at patches of the images"
    given = replace(settings, checkpoint=path, seeds=(0, 1))
    assert seeds_of("zc-pt(nwot)", given) == (None,)
    for policy in ("shapley-zc(nwot)", "avg-zc(nwot)", "tenas"):
        assert seeds_of(policy, given) == (0, 1)


@pytest.mark.parametrize("header", [b"{'descr': '<f4', 'shape': (8", b"{'a\n"])
def test_a_damaged_header_is_one_line(tmp_path, header):
    """NumPy's reader and Python's tokenizer each raise something of their own."""
    path = tmp_path / "batch.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "batch_x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        )
    with pytest.raises(UserError, match="not a readable npz file"):
        load_batch(path)


@pytest.mark.parametrize("content", ["empty", "cut off", "npy", "text"])
def test_what_is_no_npz_file_is_one_line(tmp_path, content):
    path = tmp_path / "batch.npz"
    np.savez(path, batch_x=X, batch_y=Y)
    if content == "npy":
        with path.open("wb") as file:
            np.save(file, X)
    else:
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "cut off": whole[:1000], "text": b"hello"}[content])
    with pytest.raises(UserError, match="npz file") as caught:
        load_batch(path)
    assert "\n" not in str(caught.value)


def test_natural_forms_are_taken(tmp_path):
    np.savez(tmp_path / "b.npz", batch_x=X.astype(">f8"), batch_y=Y.astype(float), other=np.ones(2))
    batch = load_batch(str(tmp_path / "b.npz"), 10)
    assert torch.allclose(batch.images, torch.from_numpy(X))
    assert batch.labels.tolist() == Y.tolist()
    assert batch.labelled
    np.savez(tmp_path / "unlabelled.npz", batch_x=X)
    assert not load_batch(tmp_path / "unlabelled.npz").labelled
    settings = {"size": "smoke", "images": "noise", "batch_file": str(tmp_path / "unlabelled.npz")}
    scores = opscore.initial("zc-pt(nwot)", baselines=False, **settings).scores
    assert set(scores["status"]) == {"ok"}


def test_constant_images_have_a_status_with_its_reason(tmp_path):
    np.savez(tmp_path / "b.npz", batch_x=np.ones_like(X), batch_y=Y)
    settings = {"size": "smoke", "images": "noise", "batch_file": tmp_path / "b.npz"}
    scores = opscore.initial("zc-pt(nwot)", baselines=False, **settings).scores
    own = scores[scores["policy"] == "zc-pt(nwot)"]
    assert own["status"].str.contains("two images have the same code").all()
    assert own["score"].isna().all()


def test_a_registered_set_says_how_many_classes_there_are(tmp_path):
    from opscore.images import IMAGE_SETS, NoiseImages

    IMAGE_SETS.add("hundred", lambda data_dir: NoiseImages("hundred", 100))
    try:
        np.savez(tmp_path / "b.npz", batch_x=X, batch_y=Y + 90)
        for settings in ({"batch_size": 8}, {"batch_file": tmp_path / "b.npz"}):
            result = opscore.initial(
                "zc-pt(snip)", size="smoke", images="hundred", baselines=False, **settings
            )
            assert set(result.scores["status"]) == {"ok"}
    finally:
        IMAGE_SETS.remove("hundred")
