"""Values of zero-cost proxies that others published, and how well ours agree with them.

Their weights, images and batch are not recorded, so values can agree in rank only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.analysis.rank_correlation import RankCorrelation
from opscore.data import FILES, read_checked, require
from opscore.errors import UserError, unknown
from opscore.proxies import Proxy, get_proxy
from opscore.proxies.nwot import clean_nwot
from opscore.rng import numpy_generator
from opscore.spaces import get_space

#: A proxy that failed was published as a large negative number.
_FAILED_BELOW = -1e7

#: Our name of the published nwot, which is that of train mode.
NWOT_TRAIN = "nwot (train mode)"


@dataclass(frozen=True)
class Compared:
    """A proxy whose values are compared.

    Attributes:
        proxy: our name.
        column: the published one.
        asked: the Spearman correlation that is asked for; None where published draws of the same
            networks agree too little with each other.
    """

    proxy: str
    column: str
    asked: float | None = None


@dataclass(frozen=True)
class PublishedValues:
    """A table of published values.

    Attributes:
        name: of the known file.
        space: whose architectures it has.
        dataset: the dataset or task that is meant where none is named.
        compared: proxies by dataset or task.
        architecture: the column of the benchmark's strings.
        long: the table has a row for each architecture and dataset, which a column names; else
            it has a column for each proxy and dataset, called PROXY_DATASET, or PROXY where
            there is one dataset only.
        sampled: architectures are drawn from the table; else the first ones are taken, which a
            table that is sorted does not allow.
    """

    name: str
    space: str
    dataset: str
    compared: Mapping[str, tuple[Compared, ...]]
    architecture: str = "arch_str"
    long: bool = False
    sampled: bool = True

    def read(
        self, count: int, dataset: str | None = None, data_dir: Path | None = None
    ) -> pd.DataFrame:
        """Published values of some architectures, the same ones at every call.

        Args:
            count: how many architectures.
            dataset: dataset or task of the values; the usual one when None.
            data_dir: where data is looked for first.

        Returns:
            A frame with a row per architecture (the index, the benchmark's strings) and a column
            per proxy that the table has, with its published name; NaN where the proxy failed.

        Raises:
            UserError: no such dataset, or the file is missing, damaged, or has no such proxy.
        """
        compared = self.on(dataset)
        path = require(FILES[self.name].path, data_dir)
        frame = read_checked(path)
        if self.long:
            names = {row.column: row.column for row in compared}
            frame = frame[frame["dataset"] == (dataset or self.dataset)]
        else:
            end = f"_{dataset or self.dataset}" if len(self.compared) > 1 else ""
            names = {f"{row.column}{end}": row.column for row in compared}
        names = {name: column for name, column in names.items() if name in frame}
        if not names:
            raise UserError(f"{path} has none of {', '.join(row.column for row in compared)}")
        frame = frame[[self.architecture, *names]].rename(columns=names)
        frame = frame.drop_duplicates(self.architecture).set_index(self.architecture)
        if self.sampled:
            order = numpy_generator(0, "published proxy values", self.name).permutation(len(frame))
            frame = frame.iloc[order]
        values = frame[:count].astype(float)
        space = get_space(self.space)
        values.index = pd.Index([space.format(space.parse(text)) for text in values.index])
        return values.mask(values < _FAILED_BELOW)

    def on(self, dataset: str | None = None, *, asked: bool = False) -> tuple[Compared, ...]:
        """The proxies of a dataset or task; UserError that names the nearest when unknown.

        asked: only those of which an agreement is asked.
        """
        wanted = dataset or self.dataset
        if wanted not in self.compared:
            raise unknown("dataset", wanted, self.compared)
        return tuple(r for r in self.compared[wanted] if r.asked is not None or not asked)


_ZEN = Compared("zen_score", "zen", 0.99)
_SYNFLOW = Compared("synflow", "synflow", 0.99)
#: Of TransNAS-Bench-101 it is rounding: see :func:`opscore.proxies.common.input_jacobian`.
_EPE_NAS = Compared("epe_nas", "epe_nas")
_FISHER = Compared("fisher", "fisher", 0.90)

#: Of the sample, two draws were published: grasp, plain and epe_nas hardly agree between them.
_SAMPLE = (
    Compared("params", "params", 0.99),
    Compared("flops", "flops", 0.99),
    _SYNFLOW,
    Compared(NWOT_TRAIN, "nwot", 0.97),
    Compared("snip", "snip", 0.95),
    Compared("grad_norm", "grad_norm", 0.95),
    Compared("fisher", "fisher", 0.95),
    Compared("jacob_cov", "jacov", 0.90),
    Compared("l2_norm", "l2_norm", 0.90),
    _EPE_NAS,
    Compared("grasp", "grasp"),
    Compared("plain", "plain"),
)

#: Tables by the names that users type.
PUBLISHED_VALUES: dict[str, PublishedValues] = {
    table.name: table
    for table in (
        PublishedValues(
            name="nasbench201-proxies",
            space="nasbench201",
            dataset="cifar10",
            compared={"cifar10": _SAMPLE},
            long=True,
            sampled=False,
        ),
        PublishedValues(
            name="nasbench201-zen",
            space="nasbench201",
            dataset="cifar10",
            compared=dict.fromkeys(("cifar10", "cifar100", "ImageNet16-120"), (_ZEN,)),
        ),
        *(
            PublishedValues(
                name=name,
                space=name,
                dataset="class_object",
                # Of other tasks the networks have another head, or fisher has few values.
                compared=dict.fromkeys(
                    ("class_object", "class_scene"), (_ZEN, _SYNFLOW, _FISHER, _EPE_NAS)
                ),
            )
            for name in ("transnas-micro", "transnas-macro")
        ),
        PublishedValues(
            name="darts-proxies",
            space="darts",
            dataset="cifar10",
            compared={
                "cifar10": (
                    Compared("zen_score", "zen", 0.98),
                    Compared(NWOT_TRAIN, "nwot", 0.95),
                )
            },
            architecture="genotype",
        ),
    )
}


def published_values(name: str) -> PublishedValues:
    """The table of this name; UserError with the near names when there is none."""
    if name not in PUBLISHED_VALUES:
        raise unknown("table of published values", name, PUBLISHED_VALUES)
    return PUBLISHED_VALUES[name]


def compared_proxy(name: str) -> Proxy:
    """The proxy of a comparison, by our name for it.

    The published nwot values are those of train mode, with every rectifier once.
    """
    if name != NWOT_TRAIN:
        return get_proxy(name)
    return get_proxy("nwot").variant(name=name, mode="train", function=clean_nwot, clean=None)


def compare(
    values: pd.DataFrame, published: pd.DataFrame, compared: tuple[Compared, ...] = _SAMPLE
) -> list[dict[str, Any]]:
    """How well our values agree with published ones.

    Args:
        values: what ``evaluate_proxies`` returned.
        published: what :meth:`PublishedValues.read` returned.
        compared: the proxies, in the order of the answer.

    Returns:
        A row per proxy: Spearman over the architectures that have both values, with its 95 %
        bootstrap interval, what is asked, and whether the interval reaches it (missing where
        nothing is asked, or where fewer than three architectures have both values). A correlation
        of few architectures may be below what is asked by chance; an interval seldom is.
    """
    # pivot_table would average duplicates; pivot refuses them.
    ours = values.pivot(index="architecture", columns="proxy", values="value")  # noqa: PD010
    theirs = published.reindex(ours.index)
    seconds = values.groupby("proxy")["seconds"].mean()
    rows = []
    for row in compared:
        x, y = ours[row.proxy].to_numpy(float), theirs[row.column].to_numpy(float)
        good = np.isfinite(x) & np.isfinite(y) & (y > _FAILED_BELOW)
        found = RankCorrelation(n_bootstrap=500)(x[good], y[good])
        rows.append(
            {
                "proxy": row.proxy,
                "published": row.column,
                "n": int(good.sum()),
                "n_excluded": int((~good).sum()),
                "spearman": found["spearman"],
                "ci_low": found["spearman_low"],
                "ci_high": found["spearman_high"],
                "asked": row.asked,
                "agrees": _reaches(found["spearman_high"], row.asked),
                "seconds": float(seconds[row.proxy]),
            }
        )
    return rows


def _reaches(high: float, asked: float | None) -> bool | None:
    return None if asked is None or np.isnan(high) else bool(high >= asked)
