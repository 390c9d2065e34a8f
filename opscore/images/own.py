"""Images of one's own, where a set is named: ``--images photos``, ``photos.npz``, ``mine:train``.

    a folder        a folder in it for each class, and images in that (.png, .jpg, ...), of one
                    size; photos@64 cuts each to its central square and scales that to 64 x 64
    an npz file     ``images``, [N, H, W, 3], and ``labels``, integers [N] from 0; grey ones, and
                    channels before rows, are taken too. ``classes``, names, where a class has no
                    image
    module:name     a torch Dataset, or a function that returns one: pairs of an image (PIL, array
                    or tensor) and its class; ``classes`` counts where it has them

Numbers of 0 to 255 are pixels, and fractions of 0 to 1 as well; both are normalised by the set's
own mean and standard deviation. Fractions of which some are negative are normalised already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opscore.errors import UserError, in_a_line, whole_number
from opscore.fingerprint import fingerprint, named_once
from opscore.images.base import PixelImages, check_memory
from opscore.images.batch_files import LEAST_PIXELS, read_npz
from opscore.isolation import isolated
from opscore.rng import numpy_generator
from opscore.user_code import find_object, names_an_object

Array = NDArray[Any]

#: Endings of the files of a folder that are images.
_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".tif", ".tiff", ".webp"})

#: A folder, and the side to which the images in it are scaled.
_SIZED = re.compile(r"(.+)@([1-9]\d{0,4})")


def is_own(name: str) -> bool:
    """Whether a name is that of a folder, an npz file or an object, and not of a set."""
    path, _ = folder_of(name)
    return names_an_object(name) or "/" in name or name.endswith(".npz") or path.is_dir()


def folder_of(name: str) -> tuple[Path, int | None]:
    """The folder (or file) of a name, and the side that its images are scaled to: photos@64."""
    sized = _SIZED.fullmatch(name)
    return (Path(sized[1]), int(sized[2])) if sized else (Path(name), None)


def load_own(name: str) -> PixelImages:
    """The images of this name, read once for as long as its files are not modified.

    UserError in one line for whatever is wrong with them.
    """
    with named_once():  # a Dataset that counts its own reading is the same one before and after
        return _load(name, _stamp(name, folder_of(name)[0]))


def _stamp(name: str, path: Path) -> Any:
    """What changes when a file, or one of a folder's, is modified, or what an object holds."""
    if names_an_object(name):
        return fingerprint(find_object(name))
    files = [path] * path.is_file()
    if path.is_dir():
        files = [file for _, own in _by_class(path) for file in own]
    return tuple((str(each), (at := each.stat()).st_mtime_ns, at.st_size) for each in files)


def _by_class(path: Path) -> list[tuple[Path, list[Path]]]:
    """The folders of classes, and the images in each; what begins with a dot is left out."""
    folders = sorted(each for each in path.iterdir() if each.is_dir() and each.name[0] != ".")
    return [
        (
            folder,
            sorted(
                each
                for each in folder.rglob("*")
                if each.suffix.lower() in _ENDINGS
                and not any(part[0] == "." for part in each.relative_to(folder).parts)
            ),
        )
        for folder in folders
    ]


@lru_cache(maxsize=2)
def _load(name: str, stamp: Any) -> PixelImages:
    path, side = folder_of(name)
    if names_an_object(name):
        return _of_dataset(name)
    if path.is_dir():
        return _of_folder(name, path, side)
    if path.suffix == ".npz":
        return _of_npz(name, path)
    raise UserError(f"images are in a folder, or in an npz file; there is no {name}")


def _of_folder(name: str, path: Path, side: int | None) -> PixelImages:
    classes = _by_class(path)
    if not classes:
        raise UserError(f"{name}: a folder of images has a folder for each class, and it has none")
    files, labels = [], []
    for label, (folder, own) in enumerate(classes):
        if not own:
            kinds = ", ".join(sorted(_ENDINGS))
            raise UserError(f"{folder}: there is no image of this class ({kinds})")
        files += own
        labels += [label] * len(own)
    pixels = _stacked(name, len(files), ((str(file), _read(file, side)) for file in files))
    return _made(name, pixels, labels, len(classes))


def _read(path: Path, side: int | None) -> Array:
    """An image file as uint8 [height, width, 3]; with a side its central square, scaled to it."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":  # to make bytes of them would cut off what is above 255
                raise UserError(f"{path}: pixels are 0 to 255, and its are of mode {image.mode}")
            found = image.convert("RGB")
            if side is not None:
                edge, (width, height) = min(found.size), found.size
                left, top = (width - edge) // 2, (height - edge) // 2
                square = found.crop((left, top, left + edge, top + edge))
                found = square.resize((side, side), Image.Resampling.BILINEAR)
            return np.asarray(found)
    except UserError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{path}: not a readable image ({in_a_line(error)})") from None


def _of_npz(name: str, path: Path) -> PixelImages:
    arrays = read_npz(path)
    if "batch_x" in arrays and "images" not in arrays:
        raise UserError(f"{name} is a minibatch ('batch_x'), which --batch takes, and no image set")
    for wanted in ("images", "labels"):
        if wanted not in arrays:
            has = ", ".join(sorted(arrays)[:5]) or "nothing"
            raise UserError(f"{name}: no array '{wanted}'; it has {has}")
    given, classes = arrays["images"], arrays.get("classes")
    pixels = _channels_last(name, given[..., None] if given.ndim == 3 else given, first=1)
    labels = arrays["labels"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"{name}: 'labels' is a class for each image, [N], not {_shape(labels)}")
    if classes is not None and classes.ndim != 1:
        raise UserError(f"{name}: 'classes' are the names of the classes, not {_shape(classes)}")
    return _made(name, pixels, labels.tolist(), None if classes is None else len(classes))


def _of_dataset(name: str) -> PixelImages:
    found = find_object(name)
    try:
        with isolated():  # random transforms draw the same each time
            dataset = found if hasattr(found, "__getitem__") else found()
            count = len(dataset)
    except UserError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise UserError(
            f"{name} is no Dataset of some length, nor returns one ({in_a_line(error)})"
        ) from None
    labels: list[Any] = []
    with isolated():
        pixels = _stacked(name, count, _items(name, dataset, count, labels))
    classes = getattr(dataset, "classes", None)
    return _made(name, pixels, labels, None if classes is None else len(classes))


def _items(name: str, dataset: Any, count: int, labels: list[Any]) -> Iterator[tuple[str, Array]]:
    """The images of a Dataset, [height, width, channels]; their labels are added to a list."""
    for place in range(count):
        where = f"{name}: image {place}"
        try:
            image, label = dataset[place]
        except Exception as error:  # whatever the user's code raises
            raise UserError(
                f"{where} cannot be read as a pair of image and class ({in_a_line(error)})"
            ) from None
        labels.append(label)
        plain = hasattr(image, "convert")  # one of PIL's
        found = np.asarray(image.convert("RGB") if plain else image)
        found = found[..., None] if found.ndim == 2 else found
        yield where, found if plain else _channels_last(where, found, first=0)


def _stacked(name: str, count: int, images: Iterable[tuple[str, Array]]) -> Array:
    """Images of one size in one array; each comes with what messages call it."""
    pixels: Array | None = None
    for place, (where, image) in enumerate(images):
        if pixels is None:
            check_memory(count, max(image.shape[:2]), image.itemsize)
            pixels = np.empty((count, *image.shape), image.dtype)
        if image.shape != pixels.shape[1:]:
            raise UserError(
                f"{where} is {_shape(image)}, and the first one {_shape(pixels[0])}; images of one "
                "size are needed: with FOLDER@64 their central squares are scaled to 64 x 64"
            )
        pixels[place] = image
    if pixels is None:
        raise UserError(f"{name} has no images")
    return pixels


def _channels_last(name: str, given: Array, first: int) -> Array:
    """[..., rows, columns, 3] from grey images too, and from channels at the axis ``first``."""
    if given.ndim == first + 3:
        if given.shape[-1] not in (1, 3) and given.shape[first] in (1, 3):
            given = np.moveaxis(given, first, -1)
        if given.shape[-1] in (1, 3):
            return np.repeat(given, 3, axis=-1) if given.shape[-1] == 1 else given
    wanted = "[N, H, W, 3] or [N, H, W]" if first else "[H, W, 3], [3, H, W] or [H, W]"
    raise UserError(f"{name}: images are {wanted}, not {_shape(given)}")


def _made(name: str, pixels: Array, labels: Sequence[Any], n_classes: int | None) -> PixelImages:
    count, height, width, _ = pixels.shape
    if not count:
        raise UserError(f"{name} has no images")
    if min(height, width) < LEAST_PIXELS:
        raise UserError(
            f"{name}: images have {LEAST_PIXELS} x {LEAST_PIXELS} pixels or more, not "
            f"{height} x {width}"
        )
    checked, classes = _labels(name, count, labels, n_classes)
    pixels, normalised = _pixels(name, pixels)
    mean, std = np.zeros(3), np.ones(3)  # those of images that are normalised already
    if not normalised:
        channels = [pixels[..., channel] for channel in range(3)]
        mean = np.array([each.mean(dtype=np.float64) for each in channels]) / 255
        std = np.array([each.std(dtype=np.float64) or 255 for each in channels]) / 255
    pixels.flags.writeable = checked.flags.writeable = False
    return PixelImages(
        name=name,
        pixels=pixels,
        labels=checked,
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        pool=numpy_generator(0, "own images").permutation(count),  # its halves have all classes
        n_classes=classes,
        description=f"{name}: {count:,} images of {height} x {width} in {classes} classes",
    )


def _labels(
    name: str, count: int, given: Sequence[Any], n_classes: int | None
) -> tuple[Array, int]:
    """A class for each image, and their number."""
    if len(given) != count:
        raise UserError(f"{name}: {count} images have {len(given)} labels")
    labels = np.array([whole_number(label, f"{name}: a label", 0) for label in given])
    there = np.unique(labels)
    if len(there) < 2:
        raise UserError(f"{name}: all images are of one class, {there[0]}; two are the least")
    most = int(there[-1])
    if n_classes is None and len(there) <= most:
        gap = int(np.setdiff1d(np.arange(most), there)[0])
        raise UserError(
            f"{name}: labels go up to {most}, and class {gap} has no image; number the classes "
            "from 0, or name all of them ('classes')"
        )
    if n_classes is not None and most >= n_classes:
        raise UserError(f"{name}: there is the label {most}; classes are 0..{n_classes - 1}")
    return labels, n_classes or most + 1


def _pixels(name: str, given: Array) -> tuple[Array, bool]:
    """Pixels of 0 to 255, or normalised ones, and whether they are that: some are negative then."""
    if given.dtype == np.uint8:
        return given, False
    if given.dtype.kind == "f":
        finite = np.isfinite(given).all(axis=(1, 2, 3))
        if not finite.all():
            raise UserError(f"{name}: pixels are not finite (first in image {finite.argmin()})")
        low, high = float(given.min()), float(given.max())
        if low >= 0 and high > 255:
            raise UserError(f"{name}: pixels are 0 to 255, or fractions, not {low:g} to {high:g}")
        pixels = low >= 0 and high > 1
        return given.astype(np.float32) * (1 if pixels else 255), low < 0
    if given.dtype.kind in "iu" and given.min() >= 0 and given.max() <= 255:
        return given.astype(np.uint8), False
    raise UserError(f"{name}: pixels are 0 to 255, or fractions, not {_range(given)}")


def _range(given: Array) -> str:
    numbers = given.dtype.kind in "iu"
    return f"{given.min()} to {given.max()}" if numbers else str(given.dtype)


def _shape(given: Array) -> str:
    return " x ".join(map(str, given.shape)) or "a single number"
