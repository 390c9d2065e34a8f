"""Proxies of whole architectures: values, and how well they agree with accuracy.

The setting of Mellor et al. 2021 and Abdelfattah et al. 2021: every architecture is built on its
own with fresh weights, scored once, and the scores are correlated with accuracy.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from opscore import progress as reporting
from opscore.data.files import writable_file
from opscore.data.tables import DamagedTableError, read_checked, write_checked
from opscore.engine import proving
from opscore.errors import UserError, note, whole_number
from opscore.experiments.dependencies import image_key, proxy_code, start_key
from opscore.experiments.settings import resolve_device
from opscore.fingerprint import hash_of, named_once
from opscore.images import Batch, resolve_images
from opscore.isolation import isolated
from opscore.oracles import Oracle
from opscore.policies import split_names
from opscore.proxies import Meaning, Proxy, check_meaning, get_proxy, may_pass
from opscore.rng import check_seed, numpy_generator
from opscore.spaces import State, get_space
from opscore.spaces.base import Choices
from opscore.supernets import SUPERNETS, build_network, images_for, network_version

Array = NDArray[np.float64]

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

#: What tells one measurement from another, beside architecture and proxy.
_KEY = ["space", "size", "images", "batch_size", "seed", "meaning"]

#: The column of a stored file that holds a hash of what else a row depends on.
_DEPENDS = "depends"

#: Seconds between two writes of the results file.
_SAVE_EVERY = 10.0


@reporting.shows_progress
@isolated()
@named_once()
def evaluate_proxies(  # noqa: PLR0913 - each of these is one thing that a value depends on
    space: str,
    architectures: str | State | Iterable[str | State | Choices],
    proxies: str | Proxy | Sequence[str | Proxy],
    *,
    size: str = "paper",
    images: str = "auto",
    batch_size: int = 64,
    seed: int = 0,
    meaning: Meaning = "faithful",
    prove: str = "first",
    device: str = "auto",
    data_dir: Path | str | None = None,
    store: Path | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Values of proxies for architectures, each built on its own with fresh weights.

    Args:
        space: name of the search space.
        architectures: the benchmark's strings, states with every edge decided, or the choices of
            the edges; one of them or several.
        proxies: a name or a proxy, or several; combinations have no value for a single network.
        size: of the networks: 'paper', 'cpu' or 'smoke'.
        images: image set; 'auto' is CIFAR-10 where it is found, else digits.
        batch_size: images in the minibatch, the same one for all architectures.
        seed: of the minibatch and of all weights.
        meaning: 'faithful' or 'clean' (docs/faithful.md).
        prove: how often a fast path has to prove itself on networks that do not ship with opscore:
            'first', 'always' or 'never' (:mod:`opscore.engine.proof`).
        device: 'cpu', 'cuda', ...; 'auto' is a GPU if there is one.
        data_dir: where data is looked for first.
        store: a Parquet file that keeps what is finished; values found in it for the same
            settings, images and code of the proxy are not computed again. It may hold several.
        progress: called with (done, total) after each architecture.

    Returns one row per (architecture, proxy), in the order asked: see :data:`COLUMNS`.
    """
    data_dir = None if data_dir is None else Path(data_dir)
    store = None if store is None else writable_file(store)
    source, meaning = resolve_images(images, data_dir), check_meaning(meaning)
    batch_size, seed = whole_number(batch_size, "batch_size", 1), check_seed(seed)
    settings = dict(zip(_KEY, (space, size, source, batch_size, seed, meaning), strict=True))
    SUPERNETS[space].size(size)
    states = _unique_states(space, architectures)
    chosen = _resolve_proxies(proxies)
    where = resolve_device(device)
    image_set = images_for(space, source, data_dir, size=size)
    shared = {
        **start_key("evaluate", space),
        **image_key(source, data_dir),
        "networks": network_version(space),
        "device": where.partition(":")[0],
    }
    depends = {
        one.name: hash_of({**shared, "proxy": one.name, "proxy_code": proxy_code(one)})
        for one in chosen
    }
    results = _Results(store, settings, depends)
    batch = image_set.minibatch(batch_size, seed, "evaluate").to(where)
    reporting.plan(["architectures"])
    steps = reporting.steps(len(states), "architectures")
    with proving(prove), reporting.unit("architectures"), steps:
        for done, (name, state) in enumerate(states.items(), start=1):
            missing = [proxy for proxy in chosen if (name, proxy.name) not in results.rows]
            if missing:
                network = build_network(state, size, seed=seed, n_classes=image_set.n_classes)
                for proxy in missing:
                    results.add(name, proxy, network.to(where), batch)
            reporting.advance()
            if progress is not None:
                progress(done, len(states))
        results.save()
    rows = [results.rows[name, proxy.name] for name in states for proxy in chosen]
    return _conform(pd.DataFrame(rows, columns=list(COLUMNS)))


class _Results:
    """Finished rows by (architecture, proxy), and the file that keeps them.

    Attributes:
        path: the file; None keeps nothing.
        settings: what all rows have in common.
        depends: for each proxy, a hash of what its values depend on beside the settings: its
            code, the images and labels, the networks, the kind of device.
        rows: what is finished.
        others: rows of the file that belong to other settings, images or code.
    """

    def __init__(
        self, path: Path | None, settings: dict[str, Any], depends: Mapping[str, str]
    ) -> None:
        self.path = path
        self.settings = settings
        self.depends = depends
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.others = _kept(pd.DataFrame({name: [] for name in COLUMNS}))
        if path is not None and path.is_file():
            found = _kept(_read_values(path))
            found = found[~found["status"].map(may_pass)]  # those are tried again
            same = (found[_KEY] == pd.Series(settings)).all(axis=1)
            same &= found[_DEPENDS] == found["proxy"].map(depends)
            self.others = found[~same]
            for row in found[same].to_dict(orient="records"):
                self.rows[row["architecture"], row["proxy"]] = {str(k): v for k, v in row.items()}
        self._saved, self._saved_at = len(self.rows), time.monotonic()

    def add(self, architecture: str, proxy: Proxy, network: nn.Module, batch: Batch) -> None:
        """Score one network; a failed one is kept with its reason."""
        score = proxy.score_network(network, batch, meaning=self.settings["meaning"])
        self.rows[architecture, proxy.name] = {
            **self.settings,
            "architecture": architecture,
            "proxy": proxy.name,
            "value": score.value,
            "strength": score.value if proxy.higher_is_better else -score.value,
            "status": score.status,
            "seconds": score.seconds,
            _DEPENDS: self.depends[proxy.name],
        }
        if time.monotonic() - self._saved_at > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write everything, atomically."""
        if self.path is None or len(self.rows) == self._saved:
            return
        own = _kept(pd.DataFrame(list(self.rows.values())))
        frame = pd.concat([self.others, own], ignore_index=True) if len(self.others) else own
        write_checked(self.path, frame)
        self._saved, self._saved_at = len(self.rows), time.monotonic()


def _unique_states(
    space: str, architectures: str | State | Iterable[str | State | Choices]
) -> dict[str, State]:
    found = get_space(space)
    if isinstance(architectures, str | State):
        architectures = [architectures]
    states = [found.as_architecture(given) for given in architectures]
    if not states:
        raise UserError("no architecture was asked for")
    return {found.format(state): state for state in states}


def _resolve_proxies(proxies: str | Proxy | Sequence[str | Proxy]) -> list[Proxy]:
    if isinstance(proxies, Proxy):
        proxies = [proxies]
    elif isinstance(proxies, str):
        proxies = split_names(proxies)
    found = [get_proxy(proxy) if isinstance(proxy, str) else proxy for proxy in proxies]
    if not found:
        raise UserError("no proxy was asked for; see 'opscore proxies'")
    for proxy in found:
        if proxy.grouped:
            raise UserError(f"'{proxy.name}' ranks candidates; it has no value for one network")
    return found


def _read_values(path: Path) -> pd.DataFrame:
    try:
        return read_checked(path)
    except DamagedTableError as error:
        raise UserError(f"{path} cannot be read ({error}); delete it to redo it") from None


def _kept(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows as the file has them: those of an earlier version do not say what they depend on."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(f"a file of proxies' values needs the column(s) {', '.join(missing)}")
    depends = frame[_DEPENDS] if _DEPENDS in frame.columns else [""] * len(frame)
    kept = frame.assign(**{_DEPENDS: depends})[[*COLUMNS, _DEPENDS]]
    return kept.astype({**COLUMNS, _DEPENDS: "str"}).reset_index(drop=True)


def _conform(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


@dataclass(frozen=True)
class RankCorrelation:
    """How two rows of numbers agree: Spearman and Kendall with bootstrap intervals.

    Attributes:
        n_bootstrap: number of resamples of the architectures.
        confidence: coverage aimed at.
        seed: of the resampling.
    """

    n_bootstrap: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def __call__(self, x: Array, y: Array, given: Array | None = None) -> dict[str, float]:
        """The statistics of :data:`STATISTICS`, each with the ends of its interval.

        ``partial`` is Spearman's rho of what the ranks of ``given`` do not explain, NaN without
        it. All are NaN for fewer than three pairs.
        """
        from scipy.stats import kendalltau, rankdata

        columns = [x, y] if given is None else [x, y, given]
        data = np.stack(columns).astype(np.float64)
        count = data.shape[1]
        if count < 3:
            return {name + end: math.nan for name in STATISTICS for end in ("", "_low", "_high")}
        draw = numpy_generator(self.seed, "bootstrap")
        every = draw.integers(count, size=(self.n_bootstrap + 1, count))
        every[0] = np.arange(count)  # the first row is the estimate itself
        ranks = rankdata(data[:, every], axis=2)
        found = {
            "spearman": _pearson(ranks[0], ranks[1]),
            "kendall": np.array([kendalltau(x[draw], y[draw]).statistic for draw in every]),
            "partial": _partial(*ranks) if len(ranks) == 3 else np.full(len(every), math.nan),
        }
        result: dict[str, float] = {}
        for name, (estimate, *replicates) in found.items():
            tail = (1 - self.confidence) / 2
            usable = np.array([r for r in replicates if not np.isnan(r)] or [math.nan])
            low, high = np.quantile(usable, [tail, 1 - tail])
            result |= {name: float(estimate), f"{name}_low": low, f"{name}_high": high}
        return result


#: What :class:`RankCorrelation` computes.
STATISTICS = ("spearman", "kendall", "partial")


def proxy_correlations(
    values: pd.DataFrame,
    accuracy: Mapping[str, float] | pd.Series[float] | pd.DataFrame | Oracle,
    *,
    given: str = "params",
    top: Sequence[float] = (10,),
    correlation: RankCorrelation | None = None,
) -> pd.DataFrame:
    """How well each proxy ranks architectures, among all and among the best.

    Args:
        values: what :func:`evaluate_proxies` returned, for one setting.
        accuracy: accuracy by the architecture's string (a mapping, a series, or a frame of one
            column), or an oracle (mean over its trials). Architectures without one are left out,
            with a note that names them.
        given: the proxy to hold fixed in the partial correlation; left out when not in values.
        top: also correlate within the best so many percent of these architectures by accuracy.
        correlation: numbers of resamples and confidence.

    Returns one row per (proxy, subset): 'n' architectures that count, 'n_excluded' without a
    value, and :data:`STATISTICS` with the ends of their intervals.
    """
    compute = correlation or RankCorrelation()
    # pivot_table would average duplicates; pivot refuses them.
    table = values.pivot(index="architecture", columns="proxy", values="strength")  # noqa: PD010
    known = _accuracies(values, accuracy).reindex(table.index).dropna()
    table = table.loc[known.index]
    rows = []
    for subset, chosen in _subsets(known, top).items():
        for proxy in table.columns:
            pair = pd.DataFrame({"x": table[proxy], "y": known})[chosen]
            control = given in table.columns and proxy != given
            if control:
                pair["given"] = table[given]
            kept = pair.dropna()
            statistics = compute(*(kept[name].to_numpy() for name in kept.columns))
            counts = {"n": len(kept), "n_excluded": len(pair) - len(kept)}
            rows.append({"proxy": proxy, "subset": subset, **counts, **statistics})
    return pd.DataFrame(rows)


def _accuracies(
    values: pd.DataFrame, accuracy: Mapping[str, float] | pd.Series[float] | pd.DataFrame | Oracle
) -> pd.Series[float]:
    """Accuracy by the names in ``values``; NaN, with a note, where it is not known."""
    names = values["architecture"].unique().tolist()
    if isinstance(accuracy, Oracle):
        return pd.Series({name: accuracy.accuracy(name) for name in names})
    if isinstance(accuracy, pd.DataFrame):
        if accuracy.shape[1] != 1:
            raise UserError(
                f"accuracies are one column by architecture; this frame has {accuracy.shape[1]}"
            )
        accuracy = {str(name): float(value) for name, value in accuracy.iloc[:, 0].items()}
    given = {_plain_name(values, name): float(value) for name, value in accuracy.items()}
    missing = [name for name in names if name not in given]
    if len(missing) == len(names):
        raise UserError(
            f"no accuracy is of one of the {len(names)} architectures: the first of these is "
            f"'{names[0]}', and the first with an accuracy '{next(iter(given), '')}'"
        )
    if missing:
        note(
            f"{len(missing)} of {len(names)} architectures have no accuracy and are left out: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
        )
    return pd.Series({name: given.get(name, math.nan) for name in names}, dtype=np.float64)


def _plain_name(values: pd.DataFrame, name: object) -> str:
    """An architecture's string as the space writes it; as it is where it is none of the space."""
    space = get_space(str(values["space"].iloc[0])) if "space" in values else None
    try:
        return str(name) if space is None else space.format(space.parse(str(name)))
    except UserError:
        return str(name)


def _subsets(accuracy: pd.Series[float], top: Sequence[float]) -> dict[str, pd.Series[bool]]:
    """A mask for all architectures, and for those within the top x percent by accuracy."""
    found = {"all": accuracy.notna()}
    for percent in top:
        if not 0 < percent <= 100:
            raise UserError(f"the top x percent has x in (0, 100], got {percent}")
        found[f"top {percent:g} %"] = accuracy >= accuracy.quantile(1 - percent / 100)
    return found


def _pearson(x: Array, y: Array) -> Array:
    """Correlation of each row of x with that row of y; NaN where a row is constant."""
    x, y = (part - part.mean(axis=-1, keepdims=True) for part in (x, y))
    scale = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(axis=-1) / scale)


def _partial(x: Array, y: Array, given: Array) -> Array:
    xy, xg, yg = _pearson(x, y), _pearson(x, given), _pearson(y, given)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((xy - xg * yg) / np.sqrt((1 - xg**2) * (1 - yg**2)))
