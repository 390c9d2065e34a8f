"""The validation stage: each candidate on its own, scored on V minibatches (section 4.1).

A candidate is built as a stand-alone network with fresh weights of its own, and its score is the
sum of the proxy's values over V minibatches, the same ones for every candidate. The largest sum
wins, or the smallest for a proxy of which smaller is better; ties go to the candidate that was
proposed first. A candidate whose proxy fails on a minibatch is left out, with the reason.

A combination such as tenas ranks candidates against each other: on each minibatch its proxies are
measured for every candidate, the candidates are ranked, and the combined ranks are summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from opscore.data.files import write_table
from opscore.errors import UserError
from opscore.experiments import ScoringContext
from opscore.experiments.settings import DTYPES
from opscore.images import Batch
from opscore.proxies import Combination, Proxy
from opscore.rng import derive_seed
from opscore.spaces import State
from opscore.supernets import build_network

OK = "ok"

#: One row per minibatch and proxy of a candidate; a file holds one candidate's.
VALUES = {
    "batch": "int64",
    "proxy": "str",
    "value": "float64",
    "status": "str",
    "seconds": "float64",
}


@dataclass(frozen=True)
class Verdict:
    """A candidate's total.

    Attributes:
        score: the sum over minibatches; NaN unless ``status`` is 'ok'.
        status: 'ok', or the reason of the first failure.
    """

    score: float
    status: str = OK


def parts_of(proxy: Proxy) -> tuple[Proxy, ...]:
    """The proxies that are measured on a network: those of a combination, or the proxy itself."""
    return proxy.proxies if isinstance(proxy, Combination) else (proxy,)


def candidate_network(context: ScoringContext, architecture: State) -> nn.Module:
    """The stand-alone network of a candidate; its weights depend on the seed and on itself."""
    settings = context.settings
    name = architecture.space.format(architecture)
    network = build_network(
        architecture,
        settings.size,
        seed=derive_seed(context.seed, "search", "candidate", name),
        n_classes=context.images.n_classes,
    )
    return network.to(settings.device, DTYPES[settings.dtype])


def validation_batch(context: ScoringContext, number: int) -> Batch:
    """The minibatch of this number."""
    return context.redrawn("search", "validation", number).batch


def validate(
    context: ScoringContext,
    proxy: Proxy,
    architecture: State,
    rounds: int,
    folder: Path | None = None,
    on_batch: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Values of one candidate on minibatches 0 ... rounds - 1, a frame with columns VALUES.

    Args:
        context: images and settings of the seed.
        proxy: what is measured; the parts of a combination each by itself.
        architecture: the candidate.
        rounds: V.
        folder: where the values are kept and found; a file with fewer minibatches is added to.
        on_batch: called with the number of each minibatch that is finished.
    """
    known = _read(folder, architecture)
    done = 0 if known is None else int(known["batch"].max()) + 1
    if known is not None and done >= rounds:
        return known[known["batch"] < rounds].reset_index(drop=True)
    context.images  # noqa: B018 - loaded once, for all the draws
    network = candidate_network(context, architecture)
    rows = []
    for number in range(done, rounds):
        batch = validation_batch(context, number)
        for part in parts_of(proxy):
            score = part.score_network(
                network, batch, meaning=context.meaning, precision=context.precision
            )
            rows.append((number, part.name, score.value, score.status, score.seconds))
        if on_batch is not None:
            on_batch(number)
    added = pd.DataFrame(rows, columns=list(VALUES)).astype(VALUES)
    values = added if known is None else pd.concat([known, added], ignore_index=True)
    _write(folder, architecture, values)
    return values


def total(proxy: Proxy, values: Sequence[pd.DataFrame]) -> list[Verdict]:
    """The candidates' sums over minibatches.

    values: for each candidate a frame with columns VALUES, all of the same minibatches.
    """
    failures = [_first_failure(frame) for frame in values]
    usable = [frame for frame, status in zip(values, failures, strict=True) if status == OK]
    sums = iter(_sums(proxy, usable))
    return [
        Verdict(next(sums)) if status == OK else Verdict(math.nan, status) for status in failures
    ]


def best(proxy: Proxy, verdicts: Sequence[Verdict]) -> int | None:
    """The place of the winner, the first one on ties; None when every candidate failed."""
    sign = 1.0 if proxy.higher_is_better else -1.0
    strengths = np.array([sign * verdict.score for verdict in verdicts])
    return None if np.isnan(strengths).all() else int(np.nanargmax(strengths))


def _sums(proxy: Proxy, values: Sequence[pd.DataFrame]) -> list[float]:
    if not values:
        return []
    if not isinstance(proxy, Combination):
        return [math.fsum(frame["value"]) for frame in values]
    names = [part.name for part in proxy.proxies]
    tables = [
        frame.pivot_table(index="batch", columns="proxy", values="value")[names].to_numpy()
        for frame in values
    ]
    signs = np.array([1.0 if part.higher_is_better else -1.0 for part in proxy.proxies])
    strengths = np.stack(tables, axis=-1) * signs[:, None]  # minibatches, proxies, candidates
    combined = np.sum(
        [proxy.combine(strengths[number]) for number in range(len(strengths))], axis=0
    )
    return [float(value) for value in combined]


def _first_failure(frame: pd.DataFrame) -> str:
    failed = frame[frame["status"] != OK]
    if failed.empty:
        return OK
    number, status = failed[["batch", "status"]].iloc[0]
    return f"minibatch {number}: {status}"


def _path(folder: Path, architecture: State) -> Path:
    choices = "-".join(map(str, architecture.architecture_indices))
    return folder / f"candidate-{choices}.parquet"


def _read(folder: Path | None, architecture: State) -> pd.DataFrame | None:
    path = None if folder is None else _path(folder, architecture)
    if path is None or not path.is_file():
        return None
    try:
        return pd.read_parquet(path)[list(VALUES)].astype(VALUES)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete it to redo it") from None


def _write(folder: Path | None, architecture: State, values: pd.DataFrame) -> None:
    if folder is not None:
        write_table(_path(folder, architecture), values)
