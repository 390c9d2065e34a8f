"""Tables 2 and 5 of the paper, and error against cost, measured beside published.

Every function takes frames and gives frames. A frame of searches has one row per (method, seed,
dataset): see :data:`SEARCHES`. A SearchResult's ``architectures`` has the first five columns;
:func:`searches` adds the settings and the cost.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from opscore.analysis import seed_interval
from opscore.errors import UserError
from opscore.oracles import Oracle
from opscore.published import table2 as published_table2
from opscore.published import table5 as published_table5
from opscore.rng import numpy_generator
from opscore.search.base import Cost, find_method
from opscore.search.sampling import draw_architectures
from opscore.search.score_record import recorded_strengths
from opscore.spaces import NASBENCH201, State

#: What a search's settings say where its method does not depend on them.
_UNUSED = {"order": "", "proposals": 0, "validation": 0, "size": "", "batch_size": 0}

#: Columns of a frame of searches; settings that a method does not use are empty or 0.
SEARCHES = {
    "method": "str",
    "seed": "Int64",
    "architecture": "str",
    "dataset": "str",
    "error": "float64",
    "order": "str",
    "proposals": "int64",
    "validation": "int64",
    "size": "str",
    "batch_size": "int64",
    **dict.fromkeys(Cost.__dataclass_fields__, "float64"),
}

#: The paper's names of our methods, in Table 2's lower half.
PUBLISHED_NAMES = {
    "random": "Random",
    "darts": "DARTS",
    "darts-pt": "DARTS-PT",
    "darts-pt-fixed-alpha": "DARTS-PT (fix alpha)",
    "naswot(synflow)": "NASWOT(synflow)",
    "naswot(nwot)": "NASWOT(nwot)",
    "te-nas": "TE-NAS",
    "zero-cost-disc(nwot)": "Zero-Cost-Disc(nwot)",
}

#: The paper's column of each dataset.
DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet16"}

#: Repetitions of the sampling baselines, as in Mellor et al. 2021.
REPETITIONS = 500


def searches(architectures: pd.DataFrame, costs: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """A SearchResult's frames as one frame of searches.

    Args:
        architectures: one row per (method, seed, dataset).
        costs: one row per (method, seed), with the fields of Cost.
        settings: the SearchSettings of the run.
    """
    fields = list(Cost.__dataclass_fields__)
    joined = architectures.merge(
        costs[["method", "seed", *fields]], on=["method", "seed"], how="left"
    )
    used = {name: find_method(name).key(settings) for name in joined["method"].unique()}
    for field, unused in _UNUSED.items():
        joined[field] = [used[name].get(field, unused) for name in joined["method"]]
    return joined[list(SEARCHES)].astype(SEARCHES)


def setting(row: Mapping[Hashable, Any]) -> str:
    """How a search's settings differ from those of the paper's tables; empty when they do not.

    row: columns proposals, validation, size, batch_size.
    """
    parts = []
    if row["size"] not in ("", "paper"):
        parts.append(f"{row['size']} size")
    if row["batch_size"] not in (0, 256):
        parts.append(f"batch {row['batch_size']}")
    if row["proposals"] not in (0, 10):
        parts.append(f"N = {row['proposals']}")
    if row["proposals"] and row["validation"] != 100:
        parts.append(f"V = {row['validation']}")
    return ", ".join(parts)


def with_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame of searches with a column ``setting``; see :func:`setting`."""
    return rows.assign(setting=[setting(row) for row in rows.to_dict("records")])


def summarise(rows: pd.DataFrame, by: Sequence[str], column: str = "error") -> pd.DataFrame:
    """Mean, sample standard deviation, best and a 95 % t interval of the mean over seeds.

    Returns one row per group: the columns of ``by``, mean, std, best, ci_low, ci_high, n_seeds.
    With one seed there is no deviation, with fewer than three no interval.
    """
    found = []
    for key, group in rows.groupby(list(by), sort=False, dropna=False):
        values = group[column].to_numpy(dtype=float)
        low, high = seed_interval(values)
        numbers = {
            "mean": values.mean(),
            "std": values.std(ddof=1) if len(values) > 1 else np.nan,
            "best": values.min(),
            "ci_low": low,
            "ci_high": high,
            "n_seeds": len(values),
        }
        found.append({**dict(zip(by, key, strict=True)), **numbers})
    names = [*by, "mean", "std", "best", "ci_low", "ci_high", "n_seeds"]
    return pd.DataFrame(found, columns=names)


def table2(rows: pd.DataFrame) -> pd.DataFrame:
    """Table 2: error of every method on every dataset, beside the published one.

    rows: a frame of searches. Methods that the paper does not have keep an empty published side.
    Column ``setting`` says where a row's settings are not the paper's.
    """
    found = summarise(with_settings(rows), ["method", "setting", "dataset"])
    table = published_table2()
    ours = {name: _row(table, "baseline", theirs) for name, theirs in PUBLISHED_NAMES.items()}
    for proxy in table[table["group"] != "baseline"]["method"]:
        ours[f"zero-cost-pt({proxy})"] = _row(table, "Zero-Cost-PT (random order)", proxy)
    return _beside(found, found["method"].map(ours))


def table5(rows: pd.DataFrame, method: str = "zero-cost-pt(nwot)") -> pd.DataFrame:
    """Table 5: error of one method by edge order, with what its proposals cost.

    Adds ``perturbations``, the measured number for one proposal, a mean over seeds.
    """
    own = rows[rows["method"] == method]
    if own.empty:
        raise UserError(f"there is no search by {method} to make Table 5 of")
    own = with_settings(own)
    found = summarise(own, ["order", "setting", "dataset"])
    each = (own["perturbations"] / own["proposals"]).groupby(own["order"]).mean()
    published = published_table5().set_index("order")
    theirs = {str(order): dict(published.loc[order]) for order in published.index}
    table = _beside(found, found["order"].map(theirs))
    return table.assign(perturbations=found["order"].map(each))


def _row(table: pd.DataFrame, group: str, method: str) -> dict[str, Any]:
    row = table[(table["group"] == group) & (table["method"] == method)]
    return {str(name): value for name, value in row.iloc[0].items()}


def _beside(found: pd.DataFrame, theirs: pd.Series[Any]) -> pd.DataFrame:
    """Add published and published_std, NaN where there are none."""
    names = [DATASETS.get(name, name) for name in found["dataset"]]

    def value(row: object, name: str) -> float:
        return float(row.get(name, np.nan)) if isinstance(row, dict) else float("nan")

    pairs = list(zip(theirs.tolist(), names, strict=True))
    return found.assign(
        published=[value(row, name) for row, name in pairs],
        published_std=[value(row, f"{name}_std") for row, name in pairs],
    )


def error_against_cost(rows: pd.DataFrame, dataset: str = "cifar10") -> pd.DataFrame:
    """Error and cost of every method: one row per (method, setting).

    Adds the mean of every field of Cost; ``forward_passes`` is evaluations of a network on a
    minibatch, training steps not included.
    """
    own = with_settings(rows[rows["dataset"] == dataset])
    by = ["method", "setting"]
    found = summarise(own, by)
    costs = own.groupby(by, sort=False)[list(Cost.__dataclass_fields__)].mean().reset_index()
    return found.merge(costs, on=by)


def repeated_sampling(
    proxy: str | None,
    oracles: Mapping[str, Oracle],
    repetitions: int = REPETITIONS,
    evaluations: int = 1000,
) -> pd.DataFrame:
    """NASWOT by a recorded proxy, or random search, repeated: seeds 0, 1, 2, ...

    Every repetition is what the method gives with that seed, except that all read the scores of
    the record's first seed of weights; the deviation is that of the sampling alone.

    Args:
        proxy: a recorded proxy; None takes one random architecture.
        oracles: the truth by dataset.
        repetitions: how many seeds.
        evaluations: architectures drawn in each.

    Returns a frame of searches.
    """
    strengths = None if proxy is None else recorded_strengths(proxy, 0)
    method = "random" if proxy is None else f"naswot({proxy})"
    chosen = [_sampled(strengths, seed, evaluations) for seed in range(repetitions)]
    cost = Cost() if strengths is None else Cost(forward_passes=evaluations)
    frame = pd.DataFrame(
        {
            "method": method,
            "seed": seed,
            "architecture": NASBENCH201.format(state),
            "dataset": dataset,
            "error": oracle.error(state),
            **_UNUSED,
            **asdict(cost),
        }
        for dataset, oracle in oracles.items()
        for seed, state in enumerate(chosen)
    )
    return frame[list(SEARCHES)].astype(SEARCHES)


def _sampled(
    strengths: Mapping[tuple[int, ...], float] | None, seed: int, evaluations: int
) -> State:
    if strengths is None:
        draw = numpy_generator(seed, "search", "random")
        return draw_architectures(NASBENCH201, 1, draw)[0]
    draw = numpy_generator(seed, "search", "naswot")
    rows = draw.integers(np.array(NASBENCH201.shape), size=(evaluations, len(NASBENCH201.shape)))
    values = [strengths[tuple(row)] for row in rows.tolist()]
    return NASBENCH201.architecture(rows[int(np.nanargmax(values))].tolist())
