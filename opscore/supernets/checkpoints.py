"""Checkpoints and batches that people bring, in the layout of the paper's authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from opscore.errors import UserError
from opscore.images import Batch
from opscore.supernets.base import Supernet, SupernetSize
from opscore.supernets.nasbench201 import NASBench201Supernet

_PREFIX = "param:"
_ALPHAS = "arch_parameters"

#: Buffers of the authors' modules that carry no information here: masks of ones, counters.
_IGNORED = ("weight_mask", "num_batches_tracked")


def load_checkpoint(path: Path) -> Supernet:
    """A NAS-Bench-201 supernet from a file with the authors' parameter names.

    Two forms are read, neither of them by unpickling code: ``.npz`` with one array
    ``param:NAME`` for each parameter and ``arch_parameters`` [6, 5], and ``.pt``/``.pth`` with a
    dictionary of the same names without the prefix (``weights_only=True``). Without
    ``arch_parameters`` the alphas are zero. Size, channels and classes follow from the shapes.

    Raises UserError when the file is missing, is of another kind, or lacks parameters.
    """
    tensors = _read_tensors(path)
    alphas = tensors.pop(_ALPHAS, None)
    supernet = _empty_supernet(path, tensors)
    expected = {name for name, _ in supernet.named_parameters()}
    missing, surplus = expected - tensors.keys(), tensors.keys() - set(supernet.state_dict())
    if missing or surplus:
        what = [f"lacks {len(missing)} (first: {min(missing)})"] if missing else []
        what += [f"has {len(surplus)} unknown (first: {min(surplus)})"] if surplus else []
        raise UserError(f"{path}: not a NAS-Bench-201 supernet: it {' and '.join(what)}")
    supernet.load_state_dict(tensors, strict=False)
    if alphas is not None:
        supernet.alphas.copy_(alphas)
    return supernet


def load_batch(path: Path) -> Batch:
    """A minibatch from an npz file: ``batch_x`` float [N, 3, H, W] and ``batch_y`` int [N]."""
    arrays = _read_npz(path)
    if "batch_x" not in arrays:
        raise UserError(f"{path}: no array 'batch_x'; it has {', '.join(sorted(arrays)[:5])}")
    images = torch.from_numpy(arrays["batch_x"])
    if "batch_y" in arrays:
        labels = torch.from_numpy(arrays["batch_y"].astype(np.int64))
    else:
        labels = torch.zeros(len(images), dtype=torch.int64)
    return Batch(images, labels, f"file {path.name}")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".npz":
        arrays = _read_npz(path)
        return {
            name.removeprefix(_PREFIX): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(_PREFIX) or name == _ALPHAS
        }
    if path.suffix in {".pt", ".pth"}:
        return _read_state_dict(path)
    raise UserError(f"{path}: a checkpoint is .npz, .pt or .pth, not '{path.suffix}'")


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a readable npz file ({error})") from None


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; the user needs one line
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a readable checkpoint ({reason})") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"{path}: a checkpoint must hold a dictionary of tensors")
    return {name: value for name, value in content.items() if not name.endswith(_IGNORED)}


def _empty_supernet(path: Path, tensors: dict[str, Tensor]) -> NASBench201Supernet:
    stem, head = tensors.get("stem.0.weight"), tensors.get("classifier.weight")
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("cells.")}
    # Three stages of cells and two reductions.
    if stem is None or head is None or (max(blocks, default=-1) - 1) % 3 != 0:
        raise UserError(f"{path}: not a NAS-Bench-201 supernet: no stem, head or cells in it")
    size = SupernetSize(channels=stem.shape[0], cells=(max(blocks) - 1) // 3)
    return NASBench201Supernet(size, in_channels=stem.shape[1], n_classes=head.shape[0])
