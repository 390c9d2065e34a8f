"""Proxies of whole architectures: values, and how well they agree with accuracy.

The setting of Mellor et al. 2021 and Abdelfattah et al. 2021: every architecture is built on its
own with fresh weights, scored once, and the scores are correlated with accuracy.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import progress as reporting
from opscore import schema
from opscore.analysis import agreement_of_kinds, operation_estimates
from opscore.analysis.estimates import estimates_table
from opscore.analysis.rank_correlation import RankCorrelation
from opscore.answers import Answer, Column, Table
from opscore.engine import proving
from opscore.errors import UserError, note, whole_number
from opscore.experiments.dependencies import arithmetic_key, image_key, proxy_code, start_key
from opscore.experiments.settings import describe_size, image_set, resolve_device
from opscore.fingerprint import hash_of
from opscore.images import resolve_images
from opscore.isolation import isolated
from opscore.oracles import Oracle
from opscore.proxies import How, Proxy, get_proxy, may_pass
from opscore.proxies.score import Score
from opscore.registry import split_names
from opscore.rng import check_seed
from opscore.runs.loop import complete
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.settings import RunSettings, Settings, takes
from opscore.spaces import State, get_space
from opscore.spaces.base import Picks
from opscore.supernets import SUPERNETS, build_network, network_version

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

#: Settings that a value depends on, which stand beside it.
_NAMED = ("space", "size", "images", "batch_size", "meaning")

#: What a piece keeps of each architecture's value, by one proxy.
_PIECE = {name: COLUMNS[name] for name in ("architecture", "value", "status", "seconds")}

#: Seconds between two writes of a piece.
_SAVE_EVERY = 10.0


@takes(
    Settings,
    *("space", "architectures", "proxies"),
    only=(*_NAMED, "prove", "device", "data_dir"),
    batch_size=64,
)
@reporting.shows_progress
@isolated()
def evaluate_proxies(
    settings: Settings,
    run: RunSettings,
    architectures: str | State | Iterable[str | State | Picks],
    proxies: str | Proxy | Sequence[str | Proxy],
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Values of proxies for architectures, each built on its own with fresh weights.

    A store has values for the same settings, images and code of the proxy, whatever else was asked
    for with them. The minibatch is the same for all architectures.

    Args:
        architectures: the benchmark's strings, states with every edge decided, or the choices of
            the edges; one of them or several.
        proxies: a name or a proxy, or several; combinations have no value for a single network.
        seed: of the minibatch and of all weights.

    Returns one row per (architecture, proxy), in the order asked: see :data:`COLUMNS`.
    """
    SUPERNETS[settings.space].size(settings.size)
    whole_number(settings.batch_size, "batch_size", 1)
    resolved = replace(
        settings,
        images=resolve_images(settings.images, settings.data_dir),
        device=resolve_device(settings.device),
    )
    values = ProxyValues(
        resolved,
        tuple(_unique_states(settings.space, architectures)),
        tuple(resolve_proxies(proxies)),
        check_seed(seed),
    )
    with proving(settings.prove):
        (found,) = complete([values], run)
    return found.tables["values"][list(COLUMNS)].astype(COLUMNS)


@dataclass(frozen=True)
class ProxyValues(Run):
    """Values of proxies for architectures; see :func:`evaluate_proxies`."""

    settings: Settings
    architectures: tuple[State, ...]
    proxies: tuple[Proxy, ...]
    seed: int

    label = "architectures"

    def key(self) -> dict[str, Any]:
        """What the values depend on: of each proxy the code too, where it is the user's."""
        proxies = {proxy.name: proxy_code(proxy) for proxy in self.proxies}
        names = [state.space.format(state) for state in self.architectures]
        return self._settings("evaluate") | {"architectures": names, "proxies": proxies}

    def piece_key(self) -> dict[str, Any]:
        """What the values depend on whose pieces share a folder, one for each proxy."""
        return self._settings("evaluate-pieces")

    def _settings(self, kind: str) -> dict[str, Any]:
        settings = self.settings
        return {
            **start_key(kind, settings.space),
            **{name: getattr(settings, name) for name in _NAMED},
            **image_key(settings.images, settings.data_dir),
            "seed": self.seed,
            "networks": network_version(settings.space),
            "device": arithmetic_key(settings)["device"],
        }

    def compute(self, pieces: Pieces) -> Outcome:
        """Each architecture is built once, and scored by the proxies that have not scored it."""
        settings, images = self.settings, image_set(self.settings)
        batch = images.minibatch(settings.minibatch, self.seed, "evaluate").to(settings.device)
        values = {proxy.name: KeptValues(proxy, pieces) for proxy in self.proxies}
        names = {state.space.format(state): state for state in self.architectures}
        try:
            for name, state in reporting.each(list(names.items()), "architectures"):
                missing = [proxy for proxy in self.proxies if name not in values[proxy.name]]
                if missing:
                    network = build_network(
                        state, settings.size, seed=self.seed, n_classes=images.n_classes
                    ).to(settings.device)
                for proxy in missing:
                    score = proxy.score_network(network, batch, How(settings.meaning))
                    values[proxy.name].add(name, score)
        finally:
            for each in values.values():
                each.save()
        rows = [self._row(name, p, values[p.name]) for name in names for p in self.proxies]
        table = schema.table(rows, COLUMNS)
        return Outcome({"values": table}, failed=tuple(filter(may_pass, table["status"])))

    def _row(self, name: str, proxy: Proxy, values: KeptValues) -> dict[str, Any]:
        row = values.rows[name]
        return {
            **{name: getattr(self.settings, name) for name in _NAMED},
            "seed": self.seed,
            **row,
            "proxy": proxy.name,
            "strength": proxy.sign * row["value"],
        }


class KeptValues:
    """The values of one proxy by architecture, found in its piece and added to it.

    Attributes:
        rows: by architecture, with columns :data:`_PIECE`.
    """

    def __init__(self, proxy: Proxy, pieces: Pieces) -> None:
        self._name = f"values-{hash_of({'proxy': proxy.name, 'code': proxy_code(proxy)})}"
        self._pieces = pieces
        found = pieces.get(self._name, _PIECE)
        rows: list[Any] = [] if found is None else found.to_dict(orient="records")
        self.rows: dict[str, dict[str, Any]] = {row["architecture"]: row for row in rows}
        self._saved, self._saved_at = len(rows), time.monotonic()

    def __contains__(self, architecture: str) -> bool:
        return architecture in self.rows

    def score(self, architecture: str) -> Score:
        """The score of one that is there."""
        row = self.rows[architecture]
        return Score(row["value"], row["status"], row["seconds"])

    def add(self, architecture: str, score: Score) -> None:
        """Take in a score, be it a failure."""
        parts = (architecture, score.value, score.status, score.seconds)
        self.rows[architecture] = dict(zip(_PIECE, parts, strict=True))
        if time.monotonic() - self._saved_at > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write what is finished; a failure that may pass is not."""
        rows = [row for row in self.rows.values() if not may_pass(row["status"])]
        if len(rows) > self._saved:
            self._pieces.put(self._name, pd.DataFrame(rows, columns=list(_PIECE)))
        self._saved, self._saved_at = len(rows), time.monotonic()


def _unique_states(
    space: str, architectures: str | State | Iterable[str | State | Picks]
) -> list[State]:
    found = get_space(space)
    if isinstance(architectures, str | State):
        architectures = [architectures]
    states = [found.as_architecture(given) for given in architectures]
    if not states:
        raise UserError("no architecture was asked for")
    return list(dict.fromkeys(states))


def resolve_proxies(proxies: str | Proxy | Sequence[str | Proxy]) -> list[Proxy]:
    """Proxies that have a value for a single network; UserError for others, and for none."""
    if isinstance(proxies, Proxy):
        proxies = [proxies]
    elif isinstance(proxies, str):
        proxies = split_names(proxies)
    asked = [get_proxy(proxy) if isinstance(proxy, str) else proxy for proxy in proxies]
    if not asked:
        raise UserError("no proxy was asked for; see 'opscore proxies'")
    found: dict[str, Proxy] = {}
    for proxy in asked:
        if proxy.grouped:
            raise UserError(f"'{proxy.name}' ranks candidates; it has no value for one network")
        if found.setdefault(proxy.name, proxy) != proxy:
            raise UserError(f"two proxies are called '{proxy.name}'; give a variant another name")
    return list(found.values())


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
        accuracy = {name: accuracy.accuracy(name) for name in names if accuracy.knows(name)}
    if isinstance(accuracy, pd.DataFrame):
        if accuracy.shape[1] != 1:
            raise UserError(
                f"accuracies are one column by architecture; this frame has {accuracy.shape[1]}"
            )
        accuracy = accuracy.iloc[:, 0]
    pairs = [(_plain_name(values, name), float(value)) for name, value in accuracy.items()]
    listed = pd.Series([value for _, value in pairs], index=[name for name, _ in pairs])
    if listed.index.has_duplicates:
        note("architectures that stand there more than once have the mean of their accuracies")
    given = listed.groupby(level=0, sort=False).mean().to_dict()
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


#: How agreement with accuracies is shown.
AGREEMENT = (
    Column("proxy"),
    Column("subset", "among"),
    Column("spearman", "Spearman", "number", "+.3f"),
    Column("spearman_low", "interval", "number", "+.2f", end="spearman_high"),
    Column("kendall", "Kendall", "number", "+.3f"),
    Column("partial", "given params", "number", "+.3f"),
    Column("n", kind="whole", form="d"),
    Column("n_excluded", "left out", "whole"),
)


@dataclass(frozen=True, repr=False)
class ProxiesJudged(Answer):
    """Agreement of proxies with accuracies, and what the accuracies say of operations.

    Attributes:
        space: the search space.
        accuracies: percent by architecture.
        values: what :func:`opscore.evaluate_proxies` gives.
        table: what the accuracies are called.
    """

    space: str
    accuracies: pd.Series[float]
    values: pd.DataFrame
    table: str = "accuracies"

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """See :func:`opscore.proxy_correlations`."""
        return proxy_correlations(self.values, self.accuracies)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """See :func:`opscore.operation_estimates`."""
        return operation_estimates(self.space, self.accuracies)

    @cached_property
    def halves(self) -> dict[str, float]:
        """By kind of edges, how far two halves of the table agree on operations."""
        return agreement_of_kinds(self.space, self.accuracies)

    def tables(self) -> list[Table]:
        """Agreement of each proxy, and the estimates by kind of edge."""
        title = "Agreement of proxies with the table's accuracies (95 % interval)"
        return [
            Table(title, AGREEMENT, self.agreement),
            estimates_table(self.estimates, self.halves),
        ]

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        first = self.values.iloc[0]
        return [
            f"accuracies: {self.table}, {len(self.accuracies):,} architectures of {self.space}, "
            f"{self.values['architecture'].nunique():,} of them scored",
            f"networks: {describe_size(first['size'])}; images: {first['images']}, batch "
            f"{first['batch_size']}; seed {first['seed']}",
        ]

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        first = self.values.iloc[0]
        settings = {
            **{"space": self.space, "table": self.table, "n_architectures": len(self.accuracies)},
            **{name: first[name] for name in ("size", "images", "batch_size", "seed")},
            "agreement_of_halves": self.halves,
        }
        return {**self._frames(), "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """All tables."""
        return {f"{name}.parquet": frame for name, frame in self._frames().items()}

    def _frames(self) -> dict[str, pd.DataFrame]:
        return {"values": self.values, "agreement": self.agreement, "estimates": self.estimates}


def judge_proxies(
    space: str,
    accuracies: pd.Series[float],
    proxies: str | Proxy | list[str | Proxy],
    *,
    count: int | None = None,
    table: str = "accuracies",
    **settings: Any,
) -> ProxiesJudged:
    """Score architectures and set the values against their accuracies.

    accuracies: percent by architecture, as :func:`opscore.read_architectures` gives them; only the
    first ``count`` are scored. table: what they are called. settings: further arguments of
    :func:`opscore.evaluate_proxies`.

    UserError when a name is unknown, a file is missing, or a number is out of range.
    """
    scored = accuracies.index.tolist()[:count]
    values = evaluate_proxies(space, scored, proxies, **settings)
    return ProxiesJudged(space, accuracies, values, table)
