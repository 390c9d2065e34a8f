"""One rule: which published number stands beside a measurement, and which does not.

A number stands beside a measurement of the space and truth that it was published of, made with the
settings that it was made with (:func:`differences`); beside any other there is none. What a
measurement does not depend on is not among its settings and makes no difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandas as pd

from opscore.published.paper import (
    PAPER,
    Setting,
    published_settings,
    table1,
    table2,
    table5,
)

#: A measurement's settings by their names in the settings objects; those that it depends on.
Made = Mapping[str, Any]

#: The settings of the published numbers, and how another value is said.
_SETTINGS: dict[str, tuple[Any, str]] = {
    "size": ("paper", "{} size"),
    "checkpoint": (None, "a checkpoint"),
    "training": ("paper", "{} training"),
    "batch_size": (256, "batch {}"),
    "batch_file": (None, "a batch from a file"),
    "images": ("cifar10", "{} images"),
    "image_size": (None, "images of {0} x {0}"),
    "meaning": ("faithful", "{} scores"),
    "survivors": ("auto", "survivors {}"),
    "precision": ("full", "{}"),
    "proposals": (10, "N = {}"),
    "validation": (100, "V = {}"),
    "validation_weights": ("once", "weights {} in validation"),
    "race": (None, "race at {}"),
    "edge_order": ("fixed", "edges in order {}"),
    "oracle_mode": ("initial", "best-acc of each A_t"),
    "evaluations": (1000, "{} evaluations"),
    "epochs": (200, "a truth of {} epochs"),
    "reduction": ("max", "a truth of trainings reduced by {}"),
}

#: The paper's column of each dataset, in Tables 2 and 5.
_COLUMNS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet16"}

#: The paper's names of search methods in Table 2; Zero-Cost-PT goes by its proxy alone.
_TABLE2_NAMES = {
    "random": "Random",
    "darts": "DARTS",
    "darts-pt": "DARTS-PT",
    "darts-pt-fixed-alpha": "DARTS-PT (fix alpha)",
    "naswot(synflow)": "NASWOT(synflow)",
    "naswot(nwot)": "NASWOT(nwot)",
    "te-nas": "TE-NAS",
    "zero-cost-disc(nwot)": "Zero-Cost-Disc(nwot)",
}

#: Seeds behind each mean of Tables 2 and 5, as their captions say.
_SEEDS = 4


@dataclass(frozen=True)
class Published:
    """A published number.

    Attributes:
        value: a mean where there are several seeds.
        std: their standard deviation; NaN where none was published.
        n: seeds behind it.
        source: where it was published.
    """

    value: float
    std: float
    n: int
    source: str


#: What stands where nothing was published.
NOTHING = Published(math.nan, math.nan, 0, "")


def differences(name: str, made: Made, space: str = PAPER.space) -> list[str]:
    """How a measurement's settings are others than those of the published number: 'batch 64'.

    Args:
        name: the policy or method.
        made: its settings; what is not among them makes no difference.
        space: name of the search space.
    """
    usual = {
        **{setting: value for setting, (value, _) in _SETTINGS.items()},
        **_otherwise(space),
        **_otherwise(name),
    }
    return [
        said.format(made[setting])
        for setting, (value, said) in _SETTINGS.items()
        if setting in made
        and made[setting] != usual[setting]
        and (usual[setting] is not None or value is None)
    ]


@cache
def _otherwise(name: str) -> dict[str, int | None]:
    """Where a space's or a policy's numbers were made with others; None stands for any value.

    How many images TE-NAS had, for instance, is not said in Table 2.
    """
    rows = published_settings()
    own = rows[rows["of"] == name]
    return {
        str(setting): None if pd.isna(value) else int(value)
        for setting, value in zip(own["setting"], own["value"], strict=True)
    }


def published_error(method: str, setting: Setting, made: Made) -> Published:
    """The paper's mean error of a search method (Tables 2 and 5), :data:`NOTHING` if none is.

    Args:
        method: its name, as 'zero-cost-pt(nwot)'.
        setting: space and truth of the measurement.
        made: the measurement's settings, 'order' among them; see :func:`differences`.
    """
    column = _COLUMNS.get(setting.dataset)
    paper = replace(setting, dataset=PAPER.dataset) == PAPER
    if column is None or not paper or differences(method, made, setting.space):
        return NOTHING
    row = _row(method, made.get("order") or "random")
    if row is None:
        return NOTHING
    return Published(float(row[column]), float(row[f"{column}_std"]), _SEEDS, str(row["source"]))


def published_methods() -> list[str]:
    """Search methods of Table 2 by the names that they have here, in the table's order."""
    theirs = {name: ours for ours, name in _TABLE2_NAMES.items()}
    return [
        theirs[row["method"]] if row["group"] == "baseline" else f"zero-cost-pt({row['method']})"
        for row in table2().to_dict("records")
    ]


def published_pick(policy: str, setting: Setting, made: Made) -> tuple[Published, float]:
    """The error of what a policy picks edge by edge (Table 1), and its rank.

    :data:`NOTHING` and NaN where nothing was published. The arguments are those of
    :func:`published_error`.
    """
    rows = table1()
    rows = rows[rows["policy"] == policy]
    if setting != PAPER or rows.empty or differences(policy, made, setting.space):
        return NOTHING, math.nan
    row = rows.iloc[0]
    return Published(float(row["error"]), math.nan, 1, str(row["source"])), float(row["rank"])


def _row(method: str, order: str) -> pd.Series[Any] | None:
    """A method's row of Table 2, or of Table 5 where edges are not in random order."""
    family, _, argument = method.partition("(")
    if family in {"zero-cost-pt", "zero-cost-disc"} and order != "random":
        rows = table5()
        rows = rows[rows["order"] == order]
        return rows.iloc[0] if method == "zero-cost-pt(nwot)" and len(rows) else None
    rows = table2()
    ours = rows["group"] != "baseline"
    if family == "zero-cost-pt":
        rows = rows[ours & (rows["method"] == argument.removesuffix(")"))]
    else:
        rows = rows[~ours & (rows["method"] == _TABLE2_NAMES.get(method))]
    return None if rows.empty else rows.iloc[0]
