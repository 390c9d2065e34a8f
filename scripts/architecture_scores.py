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

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from opscore import progress as reporting
from opscore.errors import UserError
from opscore.experiments.dependencies import image_key, start_key
from opscore.images import load_images, resolve_images
from opscore.proxies import get_proxy
from opscore.proxies.architectures import forms_of, nwot_of_architectures, synflow_of_architectures
from opscore.runs.loop import complete
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.search.score_record import COLUMNS
from opscore.settings import RunSettings
from opscore.spaces import NASBENCH201, State
from opscore.spaces.nasbench201 import NODES, OPERATIONS
from opscore.supernets import Supernet, build_network, build_supernet, network_version
from opscore.typed import made, take_types

#: What progress calls the work of a seed.
ALL = "all architectures"

#: Networks in a piece of finished work.
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
        take_types(self)

    def resolved(self) -> RecordSettings:
        """The same with 'auto' decided; UserError for a bad batch size."""
        if self.batch_size < 2:
            raise UserError(f"a batch needs at least two images, got {self.batch_size}")
        return replace(self, images=resolve_images(self.images, self.data_dir))

    def key(self) -> dict[str, Any]:
        """The settings as plain values, and the content of the images."""
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
    settings: RecordSettings | Sequence[RecordSettings],
    folder: Path | None = None,
) -> pd.DataFrame:
    """Scores of all architectures, a frame with columns :data:`COLUMNS`.

    Args:
        settings: what they depend on, of one seed or of several.
        folder: a run store that keeps them, and the pieces of a run that was stopped; None keeps
            nothing.
    """
    asked = [settings] if isinstance(settings, RecordSettings) else settings
    runs = [ArchitectureScores(each.resolved()) for each in asked]
    found = complete(runs, made(RunSettings, {"store": folder}))
    table = pd.concat([each.tables["scores"] for each in found], ignore_index=True)
    return table[list(COLUMNS)].astype(COLUMNS)


@dataclass(frozen=True)
class ArchitectureScores(Run):
    """The scores of all architectures with one seed.

    Attributes:
        settings: resolved settings.
    """

    settings: RecordSettings

    def key(self) -> dict[str, Any]:
        """What the scores depend on, the version of networks and numbers included."""
        space = NASBENCH201.name
        return {
            **start_key("scores", space),
            **self.settings.key(),
            "networks": network_version(space),
        }

    @property
    def label(self) -> str:
        """What progress calls the work."""
        return reporting.label(ALL, self.settings.seed)

    def compute(self, pieces: Pieces) -> Outcome:
        """Each network once, so many to a piece; then what each architecture has of it."""
        settings = self.settings
        images = load_images(settings.images, settings.data_dir)
        supernet = build_supernet(
            NASBENCH201.name, settings.size, seed=settings.seed, n_classes=images.n_classes
        )
        draw = images.minibatch(settings.batch_size, settings.seed, "architecture-scores")
        architectures = every_architecture()
        forms = forms_of(supernet, architectures, draw.images.shape[1:])
        first: dict[Hashable, State] = {}
        for form, state in zip(forms, architectures, strict=True):
            first.setdefault(form, state)
        networks = list(first.values())
        parts = []
        with reporting.steps(len(networks), "networks"):
            for start in range(0, len(networks), CHUNK):
                part = networks[start : start + CHUNK]
                parts.append(_piece(pieces, supernet, part, draw.images, start))
                reporting.advance(len(part))
        scored, places = pd.concat(parts, ignore_index=True), {f: n for n, f in enumerate(first)}
        return Outcome({"scores": self._table(architectures, scored, [places[f] for f in forms])})

    def _table(
        self, architectures: Sequence[State], scored: pd.DataFrame, places: Sequence[int]
    ) -> pd.DataFrame:
        """A row for each architecture; ``places``: of its network among those scored."""
        names = [NASBENCH201.format(state) for state in architectures]
        table: dict[str, Any] = {"architecture": names, "seed": self.settings.seed}
        for name in ("nwot", "synflow"):
            found = scored[name].to_numpy(dtype=float)[list(places)]
            table[name] = np.where(np.isfinite(found), found, np.nan)
        for name in ("params", "flops"):
            added = sizes(name, self.settings)
            table[name] = [
                added[-1, -1] + sum(added[place] for place in enumerate(state.architecture_indices))
                for state in architectures
            ]
        return pd.DataFrame(table).astype(COLUMNS)

    def clean_up(self, outcome: Outcome, pieces: Pieces) -> None:
        """The pieces are in the table."""
        pieces.drop("piece-*.parquet")


def _piece(
    pieces: Pieces, supernet: Supernet, networks: Sequence[State], images: Tensor, start: int
) -> pd.DataFrame:
    """nwot and synflow of some networks, found or computed; ``start``: the place of the first."""
    name = f"piece-{start:05d}"
    found = pieces.get(name, {"nwot": "float64", "synflow": "float64"})
    if found is None:
        nwot = nwot_of_architectures(supernet, networks, images)
        synflow = synflow_of_architectures(supernet, networks, images.shape[1:])
        found = pd.DataFrame({"nwot": nwot, "synflow": synflow})
        pieces.put(name, found)
    return found


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
