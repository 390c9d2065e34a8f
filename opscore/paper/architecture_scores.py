"""Zero-cost scores of every architecture of NAS-Bench-201, each network scored once.

An architecture is scored as the state of one fresh supernet in which every edge has its operation
alone: a network of the benchmark's shape with fresh default weights. Two architectures that differ
in dead parts, or in the place of an identity, compute the same and are scored once
(:func:`opscore.proxies.architectures.forms_of`): 15,625 architectures are 8,239 functions.

nwot is that of NASWOT (Mellor et al. 2021): train mode, so that batch norm uses the minibatch's own
statistics, and every rectifier of the live network counted once. That is not the nwot of operation
scoring (eval mode, the authors' count); docs/search_baselines.md has the comparison. synflow is the
proxy's own. params and flops count what is there, dead or not, as the benchmark's tables do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore import progress as reporting
from opscore.data.files import write_table
from opscore.errors import UserError, take_whole_numbers
from opscore.experiments.dependencies import image_key
from opscore.images import load_images, resolve_images
from opscore.proxies import get_proxy
from opscore.proxies.architectures import forms_of, nwot_of_architectures, synflow_of_architectures
from opscore.search.score_record import COLUMNS
from opscore.spaces import NASBENCH201, State
from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets import build_network, build_supernet

#: What progress calls the work of a seed.
ALL = "all architectures"

#: Networks in a file of finished work.
CHUNK = 250


@dataclass(frozen=True)
class RecordSettings:
    """What the scores depend on.

    Attributes:
        seed: of weights and minibatch.
        size: of the networks: 'paper', 'cpu' or 'smoke'.
        batch_size: images in the minibatch.
        images: image set; 'auto' is CIFAR-10 where it is found, else digits.
        data_dir: where data is looked for first.
    """

    seed: int = 0
    size: str = "paper"
    batch_size: int = 64
    images: str = "auto"
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        take_whole_numbers(self)

    def resolved(self) -> RecordSettings:
        """The same with 'auto' decided; UserError for a bad batch size."""
        if self.batch_size < 2:
            raise UserError(f"a batch needs at least two images, got {self.batch_size}")
        return replace(self, images=resolve_images(self.images, self.data_dir))

    def key(self) -> dict[str, Any]:
        """Plain values that name the finished work."""
        found = asdict(self)
        del found["data_dir"]
        return found | image_key(self.images, self.data_dir)


def every_architecture() -> list[State]:
    """All architectures of NAS-Bench-201; the last edge changes fastest."""
    return list(NASBENCH201.initial_state().completions())


@lru_cache(maxsize=4)
def sizes(proxy: str, settings: RecordSettings) -> dict[tuple[int, int], float]:
    """What each (edge, operation) adds to params or flops; (-1, -1) is what is always there.

    Both are sums over modules, so 25 networks tell what all 15,625 have.
    """
    images = load_images(settings.images, settings.data_dir)
    batch = images.minibatch(2, settings.seed, "architecture-scores")
    nothing = NASBENCH201.architecture([0] * len(NODES))

    def size(state: State) -> float:
        network = build_network(state, settings.size, n_classes=images.n_classes)
        return get_proxy(proxy).score_network(network, batch).value

    base = size(nothing)
    found = {(-1, -1): base}
    for edge in range(len(NODES)):
        for op in range(len(OPERATIONS)):
            alone = [op if place == edge else 0 for place in range(len(NODES))]
            found[edge, op] = size(NASBENCH201.architecture(alone)) - base
    return found


def architecture_scores(
    settings: RecordSettings,
    folder: Path | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Scores of all architectures, a frame with columns :data:`COLUMNS`.

    Args:
        settings: what they depend on.
        folder: keeps finished pieces, so that a run that was stopped goes on; None keeps nothing.
        progress: called with (finished networks, all networks) after each piece.
    """
    settings = settings.resolved()
    architectures = every_architecture()
    pieces = _Pieces(settings, folder)
    forms = forms_of(pieces.supernet, architectures, pieces.images.shape[1:])
    first: dict[Hashable, State] = {}
    for form, state in zip(forms, architectures, strict=True):
        first.setdefault(form, state)
    networks = list(first.values())
    parts = []
    name = reporting.label(ALL, settings.seed)
    with reporting.unit(name), reporting.steps(len(networks), "networks"):
        for start in range(0, len(networks), CHUNK):
            parts.append(pieces.piece(networks[start : start + CHUNK], start))
            done = min(start + CHUNK, len(networks))
            reporting.advance(done - start)
            if progress is not None:
                progress(done, len(networks))
    values = dict(zip(first, np.concatenate(parts), strict=True))
    table = {"architecture": [NASBENCH201.format(s) for s in architectures], "seed": settings.seed}
    for place, name in enumerate(("nwot", "synflow")):
        found = np.array([values[form][place] for form in forms])
        table[name] = np.where(np.isfinite(found), found, np.nan)
    for name in ("params", "flops"):
        added = sizes(name, settings)
        table[name] = [
            added[-1, -1] + sum(added[place] for place in enumerate(state.architecture_indices))
            for state in architectures
        ]
    return pd.DataFrame(table).astype(COLUMNS)


def record_settings(settings: Sequence[RecordSettings]) -> dict[str, Any]:
    """What the record's file of settings says; the seeds share all but the seed."""
    shared = {name: value for name, value in settings[0].key().items() if name != "seed"}
    return {
        **shared,
        "seeds": [one.seed for one in settings],
        "nwot": "train mode, every live rectifier once (Mellor et al. 2021)",
        "synflow": "natural logarithm, without batch norm",
        "weights": "one-hot states of one fresh supernet of each seed",
    }


class _Pieces:
    """Pieces of the list of networks, with their scores: found in a folder, or computed."""

    def __init__(self, settings: RecordSettings, folder: Path | None) -> None:
        images = load_images(settings.images, settings.data_dir)
        self.supernet = build_supernet(
            "nasbench201", settings.size, seed=settings.seed, n_classes=images.n_classes
        )
        draw = images.minibatch(settings.batch_size, settings.seed, "architecture-scores")
        self.images = draw.images
        name = hashlib.sha256(json.dumps(settings.key(), sort_keys=True).encode()).hexdigest()
        self.folder = None if folder is None else folder / f"scores-{name[:16]}"

    def piece(self, networks: Sequence[State], start: int) -> np.ndarray[Any, Any]:
        """nwot and synflow of some networks, float64 [networks, 2]."""
        path = None if self.folder is None else self.folder / f"piece-{start:05d}.parquet"
        if path is not None and path.is_file():
            return np.asarray(pd.read_parquet(path).to_numpy(dtype=float))
        nwot = nwot_of_architectures(self.supernet, networks, self.images)
        synflow = synflow_of_architectures(self.supernet, networks, self.images.shape[1:])
        if path is not None:
            write_table(path, pd.DataFrame({"nwot": nwot, "synflow": synflow}))
        return np.array([nwot, synflow]).T
