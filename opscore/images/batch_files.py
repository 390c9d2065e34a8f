"""Minibatches that people bring, as npz files.

    batch_x   float [N, 3, H, W], normalised, N of 2 or more, H and W of 8 or more
    batch_y   integer [N], classes 0, 1, ...; may be missing where nothing needs labels

Other arrays in the file are left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from opscore.errors import UserError
from opscore.images.base import Batch

#: The smallest image that the networks take.
LEAST_PIXELS = 8

Array = NDArray[Any]

#: What an npz file may unpack to, in bytes; the largest that opscore reads needs a tenth of it.
MAX_BYTES = 4 * 2**30


def load_batch(path: Path | str, n_classes: int | None = None) -> Batch:
    """A minibatch from an npz file of the layout above; single precision.

    Args:
        path: the file.
        n_classes: labels lie in 0..n_classes - 1; any that are not negative do when it is None.

    Returns:
        The minibatch. Its ``labelled`` is false where the file has no ``batch_y``; its labels are
        zeros then.

    Raises:
        UserError: the file is missing or is no npz file, or its arrays are not of this layout.
    """
    path = Path(path)
    arrays = read_npz(path)
    if "batch_x" not in arrays:
        has = ", ".join(sorted(arrays)[:5]) or "nothing"
        raise UserError(f"{path}: no array 'batch_x'; it has {has}")
    images = _images(path, arrays["batch_x"])
    given = arrays.get("batch_y")
    labels = np.zeros(len(images)) if given is None else _labels(path, given, len(images))
    if given is not None and n_classes is not None and labels.max() >= n_classes:
        raise UserError(
            f"{path}: 'batch_y' has the label {labels.max()}; the network has {n_classes} classes, "
            f"0..{n_classes - 1}"
        )
    return Batch(
        torch.from_numpy(images),
        torch.from_numpy(labels.astype(np.int64)),
        f"file {path.name}",
        labelled=given is not None,
    )


def read_npz(path: Path) -> dict[str, Array]:
    """All arrays of an npz file.

    UserError when it is missing, cannot be read, or unpacks to more than is plausible.
    """
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path}: not an npz file (it holds a single array, as npy files do)")
        with archive:
            # A member is never unpacked beyond the size that the archive gives for it.
            listed = archive.zip.infolist() if archive.zip is not None else []
            if sum(int(member.file_size) for member in listed) > MAX_BYTES:
                raise UserError(
                    f"{path}: unpacks to more than {MAX_BYTES // 2**30} GiB; it is not trusted"
                )
            arrays = {name: archive[name] for name in archive.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy gives other members as bytes
                raise UserError(f"{path}: not a readable npz file ('{name}' is not an array)")
        return arrays
    except UserError:
        raise
    except Exception as error:  # a damaged file may raise anything
        reason = " ".join(str(error).split()) or "it is empty"
        raise UserError(f"{path}: not a readable npz file ({reason})") from None


def _images(path: Path, given: Array) -> Array:
    shape = " x ".join(map(str, given.shape)) or "a single number"
    wanted = f"{path}: 'batch_x' holds normalised images, floats [N, 3, H, W]"
    if given.dtype.kind in "iub":
        raise UserError(
            f"{wanted}, not {given.dtype} (raw pixels? divide by 255, then normalise each channel)"
        )
    if given.dtype.kind != "f":
        raise UserError(f"{wanted}, not {given.dtype}")
    if given.ndim != 4 or given.shape[1] != 3:
        hint = ""
        if given.ndim == 4 and given.shape[3] == 3:
            hint = "; it looks like channels last: batch_x.transpose(0, 3, 1, 2)"
        elif given.ndim == 3 and given.shape[0] == 3:
            hint = "; it looks like one image, and two are the least"
        elif given.ndim == 4 and given.shape[1] == 1:
            hint = "; it looks grey: batch_x.repeat(3, axis=1)"
        raise UserError(f"{wanted}, not {shape}{hint}")
    if len(given) < 2:
        raise UserError(f"{path}: 'batch_x' holds two images or more, not {len(given)}")
    if min(given.shape[2:]) < LEAST_PIXELS:
        raise UserError(
            f"{path}: images have {LEAST_PIXELS} x {LEAST_PIXELS} pixels or more, "
            f"not {given.shape[2]} x {given.shape[3]}"
        )
    images = np.ascontiguousarray(given, dtype=np.float32)
    if not np.isfinite(images).all():
        place = int(np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))[0])
        raise UserError(f"{path}: 'batch_x' is not finite (first in image {place})")
    return images


def _labels(path: Path, given: Array, count: int) -> Array:
    wanted = f"{path}: 'batch_y' holds a class for each image, integers [{count}] from 0"
    if given.ndim == 2 and len(given) == count:
        raise UserError(f"{wanted}, not two axes (one-hot? batch_y.argmax(axis=1))")
    if given.ndim != 1 or len(given) != count:
        raise UserError(f"{wanted}, not {' x '.join(map(str, given.shape)) or 'a single number'}")
    if given.dtype.kind not in "iuf":
        raise UserError(f"{wanted}, not {given.dtype}")
    if given.dtype.kind == "f" and not (given == np.round(given)).all():
        raise UserError(f"{wanted}, not fractions such as {given[given != np.round(given)][0]}")
    if given.min() < 0:
        raise UserError(f"{wanted}, not {given.min()}")
    return given
