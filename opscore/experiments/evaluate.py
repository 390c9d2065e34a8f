"""Proxies of whole architectures: values, and how well they agree with accuracy.

The setting of Mellor et al. 2021 and Abdelfattah et al. 2021: every architecture is built on its
own with fresh weights, scored once, and the scores are correlated with accuracy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from opscore.data.files import atomic_write
from opscore.errors import UserError
from opscore.experiments.settings import resolve_device
from opscore.images import Batch, load_images, resolve_images
from opscore.proxies import Meaning, Proxy, check_meaning, get_proxy
from opscore.spaces import State, get_space
from opscore.supernets import SUPERNETS, build_network

#: One row per (architecture, proxy), and what the value depends on.
COLUMNS = {
    "space": "str",
    "architecture": "str",  # the benchmark's own string
    "proxy": "str",
    "value": "float64",  # missing unless status is 'ok'
    "strength": "float64",  # the value turned so that larger predicts a better network
    "status": "str",
    "seconds": "float64",
    "size": "str",
    "images": "str",
    "batch_size": "int64",
    "seed": "int64",
    "meaning": "str",
}

#: What tells one measurement from another.
_KEY = ["space", "size", "images", "batch_size", "seed", "meaning"]

#: Seconds between two writes of the results file.
_SAVE_EVERY = 10.0


@dataclass(frozen=True)
class Settings:
    """What every value of one evaluation depends on, beside architecture and proxy."""

    space: str
    size: str
    images: str
    batch_size: int
    seed: int
    meaning: Meaning


def evaluate_proxies(  # noqa: PLR0913 - each of these is one thing that a value depends on
    space: str,
    architectures: Iterable[str | State],
    proxies: Sequence[str | Proxy],
    *,
    size: str = "paper",
    images: str = "auto",
    batch_size: int = 64,
    seed: int = 0,
    meaning: Meaning = "faithful",
    device: str = "auto",
    data_dir: Path | None = None,
    store: Path | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Values of proxies for architectures, each built on its own with fresh weights.

    Args:
        space: name of the search space.
        architectures: the benchmark's strings, or states with one operation on every edge.
        proxies: names or proxies; combinations have no value for a single network.
        size: of the networks: 'paper', 'cpu' or 'smoke'.
        images: image set; 'auto' is CIFAR-10 where it is found, else digits.
        batch_size: images in the minibatch, the same one for all architectures.
        seed: of the minibatch and of all weights.
        meaning: 'faithful' or 'clean' (docs/faithful.md).
        device: 'cpu', 'cuda', ...; 'auto' is a GPU if there is one.
        data_dir: where data is looked for first.
        store: a Parquet file that keeps what is finished; values found in it for the same
            settings are not computed again. It may hold several settings.
        progress: called with (done, total) after each architecture.

    Returns:
        One row per (architecture, proxy), in the order asked: see :data:`COLUMNS`.
    """
    settings = Settings(
        space, size, resolve_images(images, data_dir), batch_size, seed, check_meaning(meaning)
    )
    SUPERNETS[space].size(size)
    states = _unique_states(space, architectures)
    chosen = _resolve_proxies(proxies)
    results = _Results(store, settings)
    where = resolve_device(device)
    image_set = load_images(settings.images, data_dir)
    batch = image_set.minibatch(batch_size, seed, "evaluate").to(where)
    for done, (name, state) in enumerate(states.items(), start=1):
        missing = [proxy for proxy in chosen if (name, proxy.name) not in results.rows]
        if missing:
            network = build_network(state, size, seed=seed, n_classes=image_set.n_classes)
            for proxy in missing:
                results.add(name, proxy, network.to(where), batch)
        if progress is not None:
            progress(done, len(states))
    results.save()
    rows = [results.rows[name, proxy.name] for name in states for proxy in chosen]
    return _conform(pd.DataFrame(rows, columns=list(COLUMNS)))


class _Results:
    """Finished rows by (architecture, proxy), and the file that keeps them."""

    def __init__(self, path: Path | None, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.others = _conform(pd.DataFrame({name: [] for name in COLUMNS}))
        if path is not None and path.is_file():
            found = _conform(pd.read_parquet(path))
            same = (found[_KEY] == pd.Series(asdict(settings))[_KEY]).all(axis=1)
            self.others = found[~same]
            for row in found[same].to_dict(orient="records"):
                self.rows[row["architecture"], row["proxy"]] = {str(k): v for k, v in row.items()}
        self._saved, self._saved_at = len(self.rows), time.monotonic()

    def add(self, architecture: str, proxy: Proxy, network: nn.Module, batch: Batch) -> None:
        """Score one network; a failed one is kept with its reason."""
        score = proxy.score_network(network, batch, meaning=self.settings.meaning)
        self.rows[architecture, proxy.name] = {
            **asdict(self.settings),
            "architecture": architecture,
            "proxy": proxy.name,
            "value": score.value,
            "strength": score.value if proxy.higher_is_better else -score.value,
            "status": score.status,
            "seconds": score.seconds,
        }
        if time.monotonic() - self._saved_at > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write everything, atomically."""
        if self.path is None or len(self.rows) == self._saved:
            return
        own = _conform(pd.DataFrame(list(self.rows.values()), columns=list(COLUMNS)))
        frame = pd.concat([self.others, own], ignore_index=True) if len(self.others) else own
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as temporary:
            frame.to_parquet(temporary, index=False)
        self._saved, self._saved_at = len(self.rows), time.monotonic()


def _unique_states(space: str, architectures: Iterable[str | State]) -> dict[str, State]:
    found = get_space(space)
    states = [found.parse(a) if isinstance(a, str) else a for a in architectures]
    if not states:
        raise UserError("no architecture was asked for")
    return {found.format(state): state for state in states}


def _resolve_proxies(proxies: Sequence[str | Proxy]) -> list[Proxy]:
    found = [get_proxy(proxy) if isinstance(proxy, str) else proxy for proxy in proxies]
    if not found:
        raise UserError("no proxy was asked for; see 'opscore proxies'")
    for proxy in found:
        if proxy.grouped:
            raise UserError(f"'{proxy.name}' ranks candidates; it has no value for one network")
    return found


def _conform(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)
