"""Checkpoints and batches that people bring, in the layout of the paper's authors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from opscore.errors import UserError
from opscore.images import Batch
from opscore.isolation import isolated
from opscore.supernets.base import Supernet

_PREFIX = "param:"
_ALPHAS = "arch_parameters"

#: Buffers of the authors' modules that carry no information here: masks of ones, counters.
_IGNORED = ("weight_mask", "num_batches_tracked")


class MisfitError(ValueError):
    """Why tensors are not those of a supernet: a phrase."""


def fill(supernet: Supernet, tensors: Mapping[str, Tensor]) -> None:
    """Take over a checkpoint's parameters, in place; MisfitError when they are not this supernet's.

    ``arch_parameters`` [edges, operations] are the alphas; without it they are zero.
    """
    given = dict(tensors)
    alphas = given.pop(_ALPHAS, None)
    own = supernet.state_dict()
    missing = {name for name, _ in supernet.named_parameters()} - given.keys()
    surplus = given.keys() - own.keys()
    if missing or surplus:
        what = [f"lacks {len(missing)} (first: {min(missing)})"] if missing else []
        what += [f"has {len(surplus)} unknown (first: {min(surplus)})"] if surplus else []
        raise MisfitError(f"it {' and '.join(what)}")
    for name, tensor in given.items():
        if tensor.shape != own[name].shape:
            raise MisfitError(f"{name} is {_sizes(tensor)}, not {_sizes(own[name])}")
    if alphas is not None and alphas.shape != supernet.alphas.shape:
        raise MisfitError(f"{_ALPHAS} is {_sizes(alphas)}, not {_sizes(supernet.alphas)}")
    supernet.load_state_dict(given, strict=False)
    if alphas is not None:
        with torch.no_grad():
            supernet.alphas.copy_(alphas)


def channels_and_classes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """``in_channels`` of the first convolution and ``n_classes`` of the last linear layer.

    MisfitError when there is no such layer.
    """
    convolutions = [tensor for tensor in tensors.values() if tensor.ndim == 4]
    linear = [t for name, t in tensors.items() if t.ndim == 2 and name != _ALPHAS]
    if not convolutions or not linear:
        raise MisfitError("it has no convolution or no linear layer")
    return {"in_channels": convolutions[0].shape[1], "n_classes": linear[-1].shape[0]}


def nasbench201_size(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Channels and cells a stage of a NAS-Bench-201 supernet; MisfitError when it is none."""
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("cells.")}
    # Three stages of cells and two reductions.
    if {"stem.0.weight", "classifier.weight"} - tensors.keys() or (
        (max(blocks, default=-1) - 1) % 3 != 0
    ):
        raise MisfitError("no stem, head or cells in it")
    return {"channels": tensors["stem.0.weight"].shape[0], "cells": (max(blocks) - 1) // 3}


def _sizes(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


@isolated()
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


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Parameters by name, and ``arch_parameters``, from an npz or a PyTorch file.

    UserError when the file is missing or is of another kind; no code is unpickled.
    """
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
