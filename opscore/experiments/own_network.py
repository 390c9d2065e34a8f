"""Scores of a network that belongs to no space: any module, and what was not counted of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn
from torch.nn.modules import activation

from opscore import progress
from opscore.answers import Answer, Column, Table
from opscore.engine import coverage
from opscore.errors import UserError, in_a_line, whole_number
from opscore.experiments.evaluate import resolve_proxies
from opscore.experiments.settings import resolve_device
from opscore.images import Batch, ScaledImages, load_batch, load_images
from opscore.isolation import isolated, seed_generators
from opscore.proxies import How, Meaning, Proxy
from opscore.proxies.common import Layer, modules_that_run
from opscore.proxies.nwot import hooked_by_the_authors, is_relu
from opscore.rng import check_seed
from opscore.supernets.copying import copy_network

#: Proxies that look at rectifiers alone, at convolution and linear layers alone, and at what runs.
_OF_SIGNS = ("nwot", "swap", "linear_regions")
_OF_LAYERS = (
    *("grad_norm", "snip", "grasp", "fisher", "plain", "synflow", "zico"),
    *("l2_norm", "flops"),
)
_OF_WHAT_RUNS = ("params", "l2_norm", "flops")

#: Layers, and functions by their names, that bend what they are given.
_ACTIVATIONS = frozenset(
    getattr(nn, name)
    for name in activation.__all__
    if "Softm" not in name and name not in ("MultiheadAttention", "GLU")
) - {nn.LogSoftmax}
_BENDING = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "hardswish", "hardtanh", "hardsigmoid", "tanh", "sigmoid", "softplus", "clamp", "clamp_min",
})  # fmt: skip

_COLUMNS = (
    Column("proxy"),
    Column("value", kind="number", form=".6g"),
    Column("better"),
    Column("status", kind="status"),
    Column("seconds", kind="number", form=".3f"),
)


@dataclass(frozen=True, repr=False)
class NetworkScores(Answer):
    """Values of proxies for one network.

    Attributes:
        network: the class of the network.
        scores: a row for each proxy: proxy, value (missing unless status is 'ok'), better (larger
            or smaller), status, seconds.
        not_counted: what proxies of those left out, and which: by (in words, the proxies), kind,
            place (the path in the tree of modules).
        settings: what the values depend on.
    """

    network: str
    scores: pd.DataFrame
    not_counted: pd.DataFrame
    settings: dict[str, Any]

    def tables(self) -> list[Table]:
        """The values, and what was not counted."""
        columns = Column("by", "not counted by", once=True), Column("kind"), Column("place", "at")
        left_out = [Table("Not counted", columns, self.not_counted)] * (len(self.not_counted) > 0)
        return [Table(f"Scores of {self.network}", _COLUMNS, self.scores), *left_out]

    def notes(self) -> list[str]:
        """What the numbers rest on."""
        told = self.settings
        return [
            f"images: {told['images']}, a batch of {told['batch_size']}; {told['meaning']} scores; "
            f"seed {told['seed']}"
        ]

    def payload(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "network": self.network,
            "scores": self.scores,
            "not_counted": self.not_counted,
            "settings": self.settings,
        }


@progress.shows_progress
@isolated()
def score(
    network: nn.Module | Callable[[], nn.Module],
    proxies: str | Proxy | Sequence[str | Proxy] = "nwot,synflow,params,flops",
    *,
    batch: Batch | Path | str | None = None,
    images: str = "auto",
    batch_size: int = 64,
    image_size: int | None = None,
    seed: int = 0,
    meaning: Meaning = "faithful",
    device: str = "auto",
    data_dir: Path | str | None = None,
) -> NetworkScores:
    """Values of proxies for any network, and which of its layers they do not count.

    ::

        opscore.score(torchvision.models.resnet18(), "nwot,snip", images="photos", image_size=64)

    Args:
        network: a module that returns logits for images [N, 3, H, W], or a function that builds
            one. The module itself is neither run nor altered.
        proxies: a name or a proxy, or several; combinations have no value for a single network.
        batch: a minibatch, or an npz file (:func:`opscore.load_batch`); None draws one.
        images: the image set that it is drawn from: its name, or images of one's own.
        batch_size: images that are drawn.
        image_size: height and width to which they are scaled; None leaves them as they are.
        seed: of the images that are drawn, and of what the function draws.
        meaning: 'faithful' (as published) or 'clean' (as the equations say).
        device: 'cpu', 'cuda', ...; 'auto' is a GPU if there is one.
        data_dir: where data is looked for first.

    Raises:
        UserError: a name is unknown, the function returns no module, the network cannot take the
            images, or a proxy needs labels and there are none.
    """
    found = resolve_proxies(proxies)
    how, place = How(meaning), resolve_device(device)
    module = _built(network, check_seed(seed)).to(place)
    drawn = _drawn(batch, images, batch_size, image_size, seed, data_dir).to(place)
    _check(module, drawn, found)
    rows = []
    with progress.unit(type(module).__name__):
        for proxy in progress.each(found, "proxies"):
            one = proxy.score_network(module, drawn, how)
            better = "larger" if proxy.higher_is_better else "smaller"
            rows.append((proxy.name, one.value, better, one.status, one.seconds))
    left_out = pd.DataFrame(
        _not_counted(module, drawn, [proxy.name for proxy in found], meaning),
        columns=["by", "kind", "place"],
    )
    settings = {
        "images": drawn.source,
        "batch_size": len(drawn),
        "image_shape": [*drawn.images.shape[1:]],
        "seed": seed,
        "meaning": meaning,
        "device": place,
    }
    scores = pd.DataFrame(rows, columns=[column.name for column in _COLUMNS])
    return NetworkScores(type(module).__name__, scores, left_out, settings)


def _built(network: nn.Module | Callable[[], nn.Module], seed: int) -> nn.Module:
    """A copy of the network; of a function what it returns, built with the seed."""
    if isinstance(network, nn.Module):
        return copy_network(network)
    if not callable(network):
        raise UserError(
            f"a network is a torch.nn.Module or a function, not a {type(network).__name__}"
        )
    name = getattr(network, "__name__", "the function")
    seed_generators(seed)
    try:
        found = network()
    except UserError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise UserError(f"{name}() cannot be run ({in_a_line(error)})") from error
    if not isinstance(found, nn.Module):
        raise UserError(f"{name}() returns a {type(found).__name__}, and no torch.nn.Module")
    return found


def _drawn(
    batch: Batch | Path | str | None,
    images: str,
    size: int,
    side: int | None,
    seed: int,
    data_dir: Path | str | None,
) -> Batch:
    if batch is not None:
        return batch if isinstance(batch, Batch) else load_batch(batch)
    whole_number(size, "batch_size", 1)
    found = load_images(images, data_dir)
    if side is not None:
        found = ScaledImages(found, whole_number(side, "image_size", 1))
    return found.minibatch(size, seed, "score")


def _check(network: nn.Module, batch: Batch, proxies: Iterable[Proxy]) -> None:
    """UserError where the network cannot take the images, or labels are missing."""
    for proxy in proxies:
        if "labels" in proxy.needs and not batch.labelled:
            raise UserError(f"{proxy.name} needs labels, and {batch.source} has no array 'batch_y'")
    try:
        modules_that_run(copy_network(network).eval(), batch.images[:2])
    except UserError:
        raise
    except Exception as error:  # whatever a forward pass raises
        shape = " x ".join(map(str, batch.images.shape[1:]))
        raise UserError(
            f"{type(network).__name__} cannot take images of {shape} ({in_a_line(error)})"
        ) from error


def _not_counted(
    network: nn.Module, batch: Batch, proxies: Sequence[str], meaning: Meaning
) -> list[tuple[str, str, str]]:
    """What the shipped ones of these proxies leave out: by whom, kind, place."""
    own = copy_network(network).eval()
    ran = set(modules_that_run(own, batch.images[:1]))
    rows = []
    for name, module in own.named_modules():
        kind, place = type(module).__name__, name or "the network itself"
        if type(module) in _ACTIVATIONS and module in ran:
            rows += [(by, kind, place) for by in _OF_SIGNS if not _counts(by, module, meaning)]
        if not any(True for _ in module.parameters(recurse=False)):
            continue
        if module not in ran:
            rows += [(by, f"{kind}, never called", place) for by in _OF_WHAT_RUNS]
        elif not isinstance(module, Layer) and not kind.lower().endswith(
            ("norm", "norm1d", "norm2d")
        ):
            rows += [(by, kind, place) for by in _OF_LAYERS]
    rows += [(by, *function) for by in _OF_SIGNS for function in _functions(own, batch)]
    asked: dict[tuple[str, str], list[str]] = {}
    for by, kind, place in rows:
        if by in proxies:
            asked.setdefault((kind, place), []).append(by)
    return [(", ".join(by), kind, place) for (kind, place), by in asked.items()]


def _counts(proxy: str, module: nn.Module, meaning: Meaning) -> bool:
    """Whether a proxy of signs counts a module."""
    of_authors = proxy == "nwot" and meaning == "faithful"
    return hooked_by_the_authors(module) if of_authors else is_relu(module)


def _functions(network: nn.Module, batch: Batch) -> list[tuple[str, str]]:
    """The functions of a forward pass that bend what they are given: kind and place."""
    found = coverage(network, batch.images.shape[1:])
    if found.reason is not None:
        return [("functions", f"not looked for, as it cannot be read: {found.reason}")]
    return [(call.kind, call.place) for call in found.calls if call.kind.strip("_") in _BENDING]
