"""Images of one's own: a folder, an npz file, a Dataset; and what is wrong with them, in a line."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import opscore
from opscore.cli import main
from opscore.errors import UserError
from opscore.images import IMAGE_SETS, image_content, load_images
from opscore.supernets import images_for

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def write_folder(root, pixels=PIXELS, labels=LABELS):
    for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        folder = root / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{place:02d}.png")
    return root


def write_dataset(root, body, monkeypatch):
    """A module with a Dataset, in the current folder."""
    (root / "own_data.py").write_text(textwrap.dedent(body))
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "own_data", raising=False)
    return "own_data:dataset"


DATASET = """
import numpy as np
import torch
from torch.utils.data import TensorDataset

draw = np.random.default_rng(0)
pixels = torch.from_numpy(draw.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8))
images = pixels.permute(0, 3, 1, 2).float() / 255


def dataset():
    return TensorDataset(images, torch.arange(12) % 3)
"""


def test_a_folder_an_npz_file_and_a_dataset_of_the_same_images_give_the_same_minibatch(
    tmp_path, monkeypatch
):
    np.savez(tmp_path / "own.npz", images=PIXELS, labels=LABELS)
    order = np.argsort(LABELS, kind="stable")  # a folder has one class after the other
    np.savez(
        tmp_path / "first.npz", images=PIXELS[order].transpose(0, 3, 1, 2), labels=np.sort(LABELS)
    )
    name = write_dataset(tmp_path, DATASET, monkeypatch)
    npz, dataset = (load_images(each).minibatch(8, 0) for each in ("own.npz", name))
    assert load_images(name).n_classes == 3
    np.testing.assert_allclose(npz.images, dataset.images, atol=1e-5)
    assert npz.labels.tolist() == dataset.labels.tolist()
    folder = load_images(str(write_folder(tmp_path / "photos"))).minibatch(8, 0)
    np.testing.assert_array_equal(folder.images, load_images("first.npz").minibatch(8, 0).images)
    whole = load_images("own.npz").minibatch(12, 0, augment=False).images
    assert float(whole.mean()) == pytest.approx(0, abs=1e-6)


def test_numbers_up_to_255_are_pixels_whatever_their_type(tmp_path):
    np.savez(tmp_path / "whole.npz", images=PIXELS, labels=LABELS)
    np.savez(tmp_path / "float.npz", images=PIXELS.astype(np.float32), labels=LABELS)
    whole, floats = (
        load_images(str(tmp_path / name)).minibatch(8, 0).images
        for name in ("whole.npz", "float.npz")
    )
    np.testing.assert_allclose(floats, whole, atol=1e-5)


def test_images_of_mixed_sizes_are_cut_to_their_central_squares_and_scaled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, label in enumerate(LABELS):
        image = np.zeros((20, 30 + 2 * place, 3), np.uint8)
        image[:, 5 + place : 25 + place] = 40 * label + 10  # the square is all of one colour
        folder = tmp_path / "photos" / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{place}.png")
    with pytest.raises(UserError, match="images of one size are needed: with FOLDER@64"):
        load_images("photos")
    found = load_images("photos@12")
    assert found.pixels.shape == (12, 12, 12, 3)
    assert found.pixels[:, 0, 0, 0].tolist() == [10] * 4 + [50] * 4 + [90] * 4
    assert (found.pixels == found.pixels[:, :1, :1]).all()


def test_normalised_images_stay_as_they_are(tmp_path):
    given = np.random.default_rng(1).standard_normal((12, 16, 16, 3)).astype(np.float32)
    np.savez(tmp_path / "own.npz", images=given, labels=LABELS)
    found = load_images(str(tmp_path / "own.npz")).minibatch(12, 0, augment=False).images
    assert sorted(found.flatten().tolist()) == pytest.approx(sorted(given.ravel()), rel=1e-5)


def test_halves_have_all_classes_and_images_that_fit_are_not_scaled(tmp_path):
    folder = str(write_folder(tmp_path / "photos"))
    for half in load_images(folder).halves():
        assert set(half.minibatch(6, 0).labels.tolist()) == {0, 1, 2}
    assert images_for("nasbench201", folder).minibatch(4, 0).images.shape[2:] == (32, 32)
    of_that_size = images_for("nasbench201", folder, image_size=16)
    assert of_that_size.minibatch(4, 0).source == folder
    plain = load_images(folder).minibatch(4, 0)
    np.testing.assert_array_equal(of_that_size.minibatch(4, 0).images, plain.images)


def test_other_pixels_are_other_images(tmp_path):
    folder = write_folder(tmp_path / "photos")
    before = image_content(str(folder))
    Image.fromarray(255 - PIXELS[0]).save(folder / "class0" / "00.png")
    assert image_content(str(folder)) != before


def test_every_kind_of_command_takes_them(tmp_path, monkeypatch, capsys):
    write_folder(tmp_path / "photos")
    name = write_dataset(tmp_path, DATASET, monkeypatch)
    for images in ("photos", name):
        arguments = ["--size", "smoke", "--batch-size", "8", "--images", images, "--json"]
        with pytest.raises(SystemExit) as stopped:
            main(["initial", "--policies", "zc-pt(snip)", "--no-baselines", *arguments])
        assert stopped.value.code == 0
        assert json.loads(capsys.readouterr().out)["settings"]["images"] == images
    values = opscore.evaluate_proxies(
        "nasbench-macro", ["2" * 8], "snip", size="smoke", images="photos", batch_size=8
    )
    assert values["status"].tolist() == ["ok"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": PIXELS}, "no array 'labels'; it has images"),
        ({"batch_x": PIXELS}, "is a minibatch"),
        ({"images": PIXELS[..., :2], "labels": LABELS}, "not 12 x 16 x 16 x 2"),
        ({"images": PIXELS[:, :4, :4], "labels": LABELS}, "8 x 8 pixels or more, not 4 x 4"),
        ({"images": PIXELS, "labels": LABELS[:5]}, "12 images have 5 labels"),
        ({"images": PIXELS, "labels": LABELS * 0}, "all images are of one class, 0"),
        ({"images": PIXELS, "labels": LABELS - 1}, "a label is 0 or more, got -1"),
        ({"images": PIXELS, "labels": LABELS * 9}, "labels go up to 18, and class 1 has no image"),
        (
            {"images": PIXELS, "labels": LABELS, "classes": np.array(["cat", "dog"])},
            "there is the label 2; classes are 0..1",
        ),
        (
            {"images": np.where(PIXELS > 250, np.nan, PIXELS / 255), "labels": LABELS},
            "pixels are not finite (first in image 0)",
        ),
        ({"images": PIXELS.astype(int) * 9, "labels": LABELS}, "pixels are 0 to 255"),
        ({"images": PIXELS * 4.0, "labels": LABELS}, "pixels are 0 to 255, or fractions, not"),
        ({"images": PIXELS, "labels": LABELS, "classes": np.array(3)}, "the names of the classes"),
        ({"images": PIXELS[:0], "labels": LABELS[:0]}, "has no images"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, arrays, said):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(UserError) as raised:
        load_images(str(tmp_path / "own.npz"))
    assert said in str(raised.value)


def test_what_is_wrong_with_a_folder_is_one_line(tmp_path):
    def refused(name="photos"):
        with pytest.raises(UserError) as raised:
            load_images(str(tmp_path / name))
        return str(raised.value)

    (tmp_path / "photos").mkdir()
    assert "a folder for each class, and it has none" in refused()
    folder = write_folder(tmp_path / "photos", labels=LABELS * 0)
    assert "all images are of one class" in refused()
    (folder / "class1").mkdir()
    assert "class1: there is no image of this class" in refused()
    (folder / "class1" / "a.png").write_bytes(b"\x89PNG and no more")
    assert "a.png: not a readable image" in refused()
    Image.fromarray(PIXELS[0][:9]).save(folder / "class1" / "a.png")
    assert "a.png is 9 x 16 x 3, and the first one 16 x 16 x 3" in refused()
    assert "there is no" in refused("elsewhere")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("dataset = 3", "is no Dataset of some length"),
        ("dataset = [(1,)]", "image 0 cannot be read as a pair of image and class"),
        ("import nothing_of_the_kind", "own_data cannot be run (ModuleNotFoundError"),
        ("datasets = 3", "unknown name in own_data 'dataset'; did you mean datasets?"),
        ("dataset = []", "has no images"),
    ],
)
def test_what_is_wrong_with_a_dataset_is_one_line(tmp_path, monkeypatch, body, said):
    name = write_dataset(tmp_path, body, monkeypatch)
    with pytest.raises(UserError) as raised:
        load_images(name)
    assert said in str(raised.value)
    with pytest.raises(UserError, match="unknown module 'own_dat'; did you mean own_data"):
        load_images("own_dat:dataset")


def test_images_are_named_by_what_they_are_now(tmp_path, monkeypatch):
    """Of a registered set, a list, a function that reads a global, a folder behind a link."""
    body = """
        import numpy as np

        images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
        pairs = [[image, place % 2] for place, image in enumerate(images)]
        first = [0]

        def dataset():
            return [[image, (place + first[0]) % 2] for place, image in enumerate(images)]
    """
    write_dataset(tmp_path, body, monkeypatch)
    names = ("own_data:pairs", "own_data:dataset", "mine", "linked")
    whole = load_images("own_data:pairs")
    module = sys.modules["own_data"]
    own = replace(whole, pixels=module.images.copy())
    IMAGE_SETS.add("mine", lambda data_dir: own)
    write_folder(tmp_path / "real")
    (tmp_path / "linked").mkdir()
    for label in range(3):
        (tmp_path / "linked" / f"{label}").symlink_to(tmp_path / "real" / f"class{label}")
    try:
        before = {name: image_content(name) for name in names}
        assert before == {name: image_content(name) for name in names}
        module.pairs[0][1] = 1
        module.first[0] = 1
        own.pixels[:] = 255 - own.pixels
        write_folder(tmp_path / "real", 255 - PIXELS)
        after = {name: image_content(name) for name in names}
    finally:
        IMAGE_SETS.remove("mine")
    assert not before.items() & after.items()


def test_what_begins_with_a_dot_is_no_image(tmp_path):
    write_folder(tmp_path / "photos")
    content = image_content(str(tmp_path / "photos"))
    (tmp_path / "photos" / "class0" / "._00.png").write_bytes(b"left behind")
    (tmp_path / "photos" / "class0" / ".checkpoints").mkdir()
    Image.fromarray(PIXELS[0]).save(tmp_path / "photos" / "class0" / ".checkpoints" / "0.png")
    assert image_content(str(tmp_path / "photos")) == content


def test_images_of_sixteen_bits_are_refused(tmp_path):
    for label in range(2):
        (tmp_path / f"c{label}").mkdir()
        wide = np.full((16, 16), 1000 + label, np.uint16)
        Image.fromarray(wide).save(tmp_path / f"c{label}" / "0.png")
    with pytest.raises(UserError, match="pixels are 0 to 255, and its are of mode I"):
        load_images(str(tmp_path))
