"""Checkpoints that people bring: the layout of the paper's authors, and usual ways to save one."""

from __future__ import annotations

import argparse
import pathlib
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from opscore.data.pickles import load_tensors
from opscore.errors import UserError
from opscore.images import read_npz
from opscore.supernets.base import Supernet

_PREFIX = "param:"
_ALPHAS = "arch_parameters"

#: Buffers that carry no information here: masks of ones of the authors' modules, counters.
_IGNORED = ("weight_mask", "num_batches_tracked", "total_ops", "total_params")

#: Names under which alphas are found, in the state dictionary or beside it.
ALPHA_NAMES = (_ALPHAS, "_arch_parameters", "arch_params", "alphas", "alpha")

#: Names under which the state dictionary is found.
STATE_NAMES = (
    "state_dict",
    "model",
    "model_state_dict",
    "model_state",
    "network",
    "net",
    "supernet",
)

#: What wrappers put before names: DataParallel, torch.compile, and modules that hold the network.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.", "supernet.")

#: Parts of the names of what else is in checkpoints and says nothing of the network.
_OTHERS = ("optim", "sched", "scaler", "rng", "args", "config", "epoch", "ema_decay")

_SUFFIXES = (".pt", ".pth", ".pth.tar", ".ckpt")

#: Classes of settings that checkpoints hold beside tensors; making one runs no code.
_SAFE = (argparse.Namespace, pathlib.PosixPath)


class MisfitError(ValueError):
    """Why tensors are not those of a supernet: a phrase."""


def fill(supernet: Supernet, tensors: Mapping[str, Tensor]) -> None:
    """Take over a checkpoint's parameters, in place; MisfitError when they are not this supernet's.

    ``arch_parameters`` [edges, operations] are the alphas; without it they are zero.
    """
    given = dict(tensors)
    alphas = given.pop(_ALPHAS, None)
    _check(supernet, {name for name, _ in supernet.named_parameters()}, given)
    if alphas is not None and alphas.shape != supernet.alphas.shape:
        turned = alphas.ndim == 2 and alphas.T.shape == supernet.alphas.shape
        raise MisfitError(
            f"{_ALPHAS} is {_sizes(alphas)}, not {_sizes(supernet.alphas)} (edges x operations)"
            + ("; it looks transposed" if turned else "")
        )
    supernet.load_state_dict(given, strict=False)
    if alphas is not None:
        with torch.no_grad():
            supernet.alphas.copy_(alphas)


def _check(network: nn.Module, needed: Set[str], given: Mapping[str, Tensor]) -> None:
    """MisfitError when tensors lack something, or are not the network's by name and shape."""
    own = network.state_dict()
    missing, surplus = needed - given.keys(), given.keys() - own.keys()
    if missing or surplus:
        what = [f"lacks {len(missing)} (first: {min(missing)})"] if missing else []
        what += [f"has {len(surplus)} unknown (first: {min(surplus)})"] if surplus else []
        raise MisfitError(f"it {' and '.join(what)}")
    for name, tensor in given.items():
        if tensor.shape != own[name].shape:
            raise MisfitError(f"{name} is {_sizes(tensor)}, not {_sizes(own[name])}")


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
    found = [re.match(r"cells\.(\d+)\.", name) for name in tensors]
    blocks = {int(match[1]) for match in found if match is not None}
    # Three stages of cells and two reductions.
    if {"stem.0.weight", "classifier.weight"} - tensors.keys() or (
        (max(blocks, default=-1) - 1) % 3 != 0
    ):
        raise MisfitError("no stem, head or cells in it")
    if tensors["stem.0.weight"].ndim != 4:
        stem = _sizes(tensors["stem.0.weight"])
        raise MisfitError(f"stem.0.weight is {stem}, not channels x 3 x 3 x 3")
    return {"channels": tensors["stem.0.weight"].shape[0], "cells": (max(blocks) - 1) // 3}


def _sizes(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Parameters by name, and ``arch_parameters``, from an npz or a PyTorch file.

    Names are without what wrappers put before them (``module.``, ``_orig_mod.``), and alphas have
    one name, whichever of :data:`ALPHA_NAMES` they came under. No code is unpickled.

    Raises:
        UserError: the file is missing or is of another kind, or it holds something that is not
            understood; nothing is left out without a word, except what says nothing of the
            network (counters, optimizers, numbers and texts).
    """
    if path.suffix != ".npz" and not path.name.endswith(_SUFFIXES):
        allowed = ", ".join((".npz", *_SUFFIXES[:-1]))
        raise UserError(
            f"{path}: a checkpoint is {allowed} or {_SUFFIXES[-1]}, not '{path.suffix}'"
        )
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    if path.suffix == ".npz":
        found: dict[str, Any] = {
            name.removeprefix(_PREFIX): torch.from_numpy(np.array(array))
            for name, array in read_npz(path).items()
            if name.startswith(_PREFIX) or name in ALPHA_NAMES
        }
    else:
        found = _state_dict(path, read_torch(path))
    tensors = _unwrapped(found)
    alphas = {name: tensors.pop(name) for name in ALPHA_NAMES if name in tensors}
    tensors = {name: value for name, value in tensors.items() if not name.endswith(_IGNORED)}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{path}: '{name}' is not finite")
    return tensors | _one_alphas(path, alphas)


def read_torch(path: Path) -> dict[str, Any]:
    """The dictionary in a PyTorch file; UserError when it cannot be read or holds no dictionary."""
    content: dict[str, Any] = load_tensors(path, _SAFE)
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: a checkpoint holds a dictionary of tensors, not a {type(content).__name__}"
        )
    return content


def _state_dict(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a checkpoint, and the alphas that lie beside them."""
    if all(isinstance(value, Tensor) for value in content.values()):
        return dict(content)
    place = _place(path, content)
    if place is None:  # the dictionary itself, with other things beside the tensors
        found = {name: value for name, value in content.items() if _matters(name, value)}
    else:
        found = {**content[place], **_beside(path, content, place)}
    if not any(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path}: a checkpoint must hold a dictionary of tensors")
    for name, value in found.items():
        if not isinstance(value, Tensor) and name not in ALPHA_NAMES:
            raise UserError(
                f"{path}: '{name}' is a {type(value).__name__}; "
                "a checkpoint must hold a dictionary of tensors"
            )
    return found


def _place(path: Path, content: Mapping[str, Any]) -> str | None:
    """Under which name the state dictionary is; None where the content is one itself."""
    inside = [
        name
        for name, value in content.items()
        if isinstance(value, Mapping) and any(isinstance(v, Tensor) for v in value.values())
    ]
    known = [name for name in STATE_NAMES if name in inside] or inside
    if len(known) > 1:
        raise UserError(
            f"{path}: parameters are in {len(inside)} places ({', '.join(inside)}); "
            "save the one that is wanted alone"
        )
    return known[0] if known else None


def _beside(path: Path, content: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The alphas beside a state dictionary that are not in it."""
    beside = {n: v for n, v in content.items() if n != place and _matters(n, v)}
    strange = [name for name in beside if name not in ALPHA_NAMES]
    if strange:
        raise UserError(
            f"{path}: beside '{place}' it holds '{strange[0]}', which is not understood; alphas "
            f"are called {', '.join(ALPHA_NAMES)}; save what is wanted alone"
        )
    inside = content[place]
    for name in sorted(beside.keys() & inside.keys()):
        if isinstance(beside[name], Tensor):
            continue  # what somebody puts beside a network's own is what is meant
        # A training's own checkpoint tells the alphas of every epoch; the last are the network's.
        if not _last_equals(beside.pop(name), inside[name]):
            raise UserError(f"{path}: '{name}' is in '{place}' and beside it")
    return beside


def _last_equals(history: object, value: object) -> bool:
    """Whether a list of tensors ends with this one."""
    last = history[-1] if isinstance(history, list) and history else None
    return isinstance(last, Tensor) and isinstance(value, Tensor) and torch.equal(last, value)


def _matters(name: str, value: object) -> bool:
    """Whether something in a checkpoint could say something of the network."""
    if name in ALPHA_NAMES:
        return True
    if any(part in name.lower() for part in _OTHERS):
        return False
    if isinstance(value, Tensor):
        return True
    if isinstance(value, Mapping):
        return _matters(name, list(value.values()))
    return isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value)


def _unwrapped(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what wrappers put before the names of all parameters."""
    found = dict(tensors)
    while True:
        own = [name for name in found if name not in ALPHA_NAMES]
        prefix = next((p for p in _WRAPPERS if own and all(n.startswith(p) for n in own)), None)
        if prefix is None:
            return found
        found = {name.removeprefix(prefix): value for name, value in found.items()}


def _one_alphas(path: Path, given: Mapping[str, Any]) -> dict[str, Tensor]:
    """Alphas under their one name: a table, or a list of tables that stand below each other."""
    if not given:
        return {}
    if len(given) > 1:
        raise UserError(f"{path}: alphas are there more than once: {', '.join(given)}")
    ((name, value),) = given.items()
    parts = [value] if isinstance(value, Tensor) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, Tensor) for p in parts):
        raise UserError(f"{path}: '{name}' is a tensor [edges, operations], or a list of them")
    if len(parts) > 1 and (len({p.shape[1:] for p in parts}) > 1 or parts[0].ndim != 2):
        shapes = ", ".join(_sizes(p) for p in parts)
        raise UserError(f"{path}: the tensors in '{name}' do not fit below each other ({shapes})")
    alphas = torch.cat(list(parts)) if len(parts) > 1 else parts[0]
    if not bool(torch.isfinite(alphas).all()):
        raise UserError(f"{path}: '{name}' is not finite")
    return {_ALPHAS: alphas.detach().float()}


def load_weights(network: nn.Module, path: Path) -> None:
    """Take over a stand-alone network's weights from a file, in place.

    UserError when the file is not readable (:func:`read_tensors`) or is of another network.
    """
    tensors = read_tensors(path)
    tensors.pop(_ALPHAS, None)
    needed = {name for name in network.state_dict() if not name.endswith(_IGNORED)}
    try:
        _check(network, needed, tensors)
    except MisfitError as error:
        raise UserError(f"{path} is of another network: {error}") from None
    network.load_state_dict(tensors, strict=False)
