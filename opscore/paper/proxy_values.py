"""Values of zero-cost proxies that others published, and how well ours agree with them.

Most are of architectures, one table of the operations of a supernet. Their weights and images are
not recorded, so values can agree in rank only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.analysis.correlation import Correlation
from opscore.analysis.rank_correlation import RankCorrelation
from opscore.data import FILES, read_checked, require
from opscore.engine import proving
from opscore.errors import UserError, unknown
from opscore.experiments import ScoringContext, Unit, resolve, tabulate
from opscore.experiments.evaluate import evaluate_proxies
from opscore.experiments.initial.units import scored, unit_key
from opscore.policies import make_policy
from opscore.proxies import Proxy, get_proxy
from opscore.proxies.nwot import clean_nwot
from opscore.rng import numpy_generator
from opscore.runs.loop import complete
from opscore.runs.store import Outcome, Pieces
from opscore.settings import RunSettings, ScoringSettings
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
class Published(ABC):
    """A table of what others published of proxies.

    Attributes:
        name: of the known file.
        space: that it is of.
        dataset: the dataset or task that is meant where none is named.
        compared: proxies by dataset or task.
    """

    name: str
    space: str
    dataset: str
    compared: Mapping[str, tuple[Compared, ...]]

    def on(self, dataset: str | None = None, *, asked: bool = False) -> tuple[Compared, ...]:
        """The proxies of a dataset or task; UserError that names the nearest when unknown.

        asked: only those of which an agreement is asked.
        """
        wanted = dataset or self.dataset
        if wanted not in self.compared:
            raise unknown("dataset", wanted, self.compared)
        return tuple(r for r in self.compared[wanted] if r.asked is not None or not asked)

    @abstractmethod
    def check(
        self,
        wanted: Sequence[Compared],
        count: int,
        dataset: str | None,
        *,
        seed: int,
        store: Path | None,
        **settings: Any,
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """How well ours agree: a row for each proxy, and the columns that the table lacks.

        Args:
            wanted: the proxies.
            count: of architectures, or edges.
            dataset: dataset or task of the values; the usual one when None.
            seed: of weights and images.
            store: where values are kept and found.
            settings: size, batch_size, meaning, device, data_dir.
        """


@dataclass(frozen=True)
class PublishedValues(Published):
    """A table of values of architectures.

    Attributes:
        architecture: the column of the benchmark's strings.
        long: the table has a row for each architecture and dataset, which a column names; else
            it has a column for each proxy and dataset, called PROXY_DATASET, or PROXY where
            there is one dataset only.
        sampled: architectures are drawn from the table; else the first ones are taken, which a
            table that is sorted does not allow.
    """

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

    def check(
        self,
        wanted: Sequence[Compared],
        count: int,
        dataset: str | None,
        *,
        seed: int,
        store: Path | None,
        **settings: Any,
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Rows of :func:`compare`; values of architectures are those of networks of their own."""
        published = self.read(count, dataset, settings["data_dir"])
        compared = tuple(row for row in wanted if row.column in published)
        proxies = [compared_proxy(row.proxy) for row in compared]
        values = evaluate_proxies(
            self.space,
            published.index.tolist(),
            proxies,
            images="cifar10",
            seed=seed,
            store=store,
            **settings,
        )
        lacking = [row.column for row in wanted if row.column not in published]
        return compare(values, published, compared), lacking


class PublishedOperations(Published):
    """A table of zc-pt by several proxies: S(A_0) - S(A_0 - (e, o)) of a fresh supernet."""

    def read(self, count: int, data_dir: Path | None = None) -> pd.DataFrame:
        """The published scores of some edges, the same ones at every call (schema SCORES).

        The policy of a row is the published name of the proxy. UserError when the file is missing
        or damaged.
        """
        frame = read_checked(require(FILES[self.name].path, data_dir))
        names = get_space(self.space).edges
        edges = [edge for edge, name in enumerate(names) if name in set(frame["edge"])]
        order = numpy_generator(0, "published proxy values", self.name).permutation(len(edges))
        chosen = [names[edges[place]] for place in order[:count]]
        frame = frame[frame["edge"].isin(chosen)]
        return pd.DataFrame(
            {
                "policy": frame["proxy"],
                "seed": pd.NA,
                "iteration": 0,
                "edge": [names.index(name) for name in frame["edge"]],
                "op": frame["op"],
                "strength": frame["score"].astype(float),
                "status": np.where(np.isfinite(frame["score"].astype(float)), "ok", "failed"),
            }
        )

    def check(
        self,
        wanted: Sequence[Compared],
        count: int,
        dataset: str | None,
        *,
        seed: int,
        store: Path | None,
        **settings: Any,
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Rows of :func:`compare_operations`.

        Operations that are left weigh what they weighed before, as in the published scores.
        """
        published = self.read(count, settings["data_dir"])
        compared = [row for row in wanted if row.column in set(published["policy"])]
        asked = resolve(
            ScoringSettings(
                space=self.space,
                policies=tuple(f"zc-pt({row.proxy})" for row in compared),
                survivors="theta",
                images="cifar10",
                **settings,
            )
        )
        edges = tuple(sorted(set(published["edge"])))
        units = [OfEdges(asked, policy, seed, edges=edges) for policy in asked.policies]
        found = complete(units, RunSettings(store=store))
        ours = pd.concat([outcome.tables["scores"] for outcome in found], ignore_index=True)
        lacking = [row.column for row in wanted if row not in compared]
        return compare_operations(ours, published, compared), lacking


@dataclass(frozen=True)
class OfEdges(Unit):
    """Initial scores of some edges alone.

    Attributes:
        edges: which.
    """

    edges: tuple[int, ...] = ()

    def key(self) -> dict[str, Any]:
        """What the scores depend on."""
        key = unit_key("initial-edges", self.settings, self.policy, self.seed)
        return key | {"edges": list(self.edges)}

    def compute(self, pieces: Pieces) -> Outcome:
        """The score table of these edges."""
        context = ScoringContext(self.settings, self.seed or 0, memo=self.memo)
        state, policy = context.space.initial_state(), make_policy(self.policy, context)
        with proving(self.settings.prove):
            scores = policy.scores(state, self.edges)
        return scored(tabulate(policy, state, scores, self.seed))


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
PUBLISHED_VALUES: dict[str, Published] = {
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
        PublishedOperations(
            name="darts-operations",
            space="darts",
            dataset="cifar10",
            # Their 'nwot' is NASWOT's, in train mode; 'jacob' is that of operation scoring.
            compared={
                "cifar10": (
                    Compared("nwot", "jacob", 0.85),
                    Compared("synflow", "synflow", 0.95),
                    Compared("snip", "snip"),
                    Compared("grad_norm", "grad_norm"),
                    Compared("zen_score", "zen"),
                    Compared("meco", "meco"),
                )
            },
        ),
    )
}


def published_values(name: str) -> Published:
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


def compare_operations(
    ours: pd.DataFrame, published: pd.DataFrame, compared: Sequence[Compared]
) -> list[dict[str, Any]]:
    """How well our scores of operations agree with published ones.

    Args:
        ours: score table of zc-pt by the proxies (schema SCORES).
        published: what :meth:`PublishedOperations.read` returned.
        compared: the proxies, in the order of the answer.

    Returns:
        A row per proxy, as of :func:`compare`: 'spearman' is over all operations of all edges
        together, 'within' the mean over the edges of Spearman within each, with its interval over
        edges, which is what 'agrees' goes by.
    """
    rows = []
    for row in compared:
        policy = f"zc-pt({row.proxy})"
        own = ours[ours["policy"] == policy]
        theirs = published[published["policy"] == row.column]
        pairs = own.merge(theirs, on=["edge", "op"], suffixes=("", "_published"))
        good = pairs[(pairs["status"] == "ok") & (pairs["status_published"] == "ok")]
        found = RankCorrelation(n_bootstrap=500)(
            good["strength"].to_numpy(float), good["strength_published"].to_numpy(float)
        )
        both = pd.concat([own[theirs.columns], theirs.astype({"seed": "Int64"})])
        (within,) = Correlation()(both, references=[row.column]).to_dict(orient="records")
        rows.append(
            {
                "proxy": row.proxy,
                "published": row.column,
                "n": len(good),
                "n_excluded": len(pairs) - len(good),
                "spearman": found["spearman"],
                "ci_low": found["spearman_low"],
                "ci_high": found["spearman_high"],
                "within": within["rho"],
                "within_low": within["ci_low"],
                "within_high": within["ci_high"],
                "n_edges": within["n_edges"],
                "asked": row.asked,
                # Edges that all agree alike have no interval.
                "agrees": _reaches(float(np.fmax(within["rho"], within["ci_high"])), row.asked),
                "seconds": float(own["seconds"].mean()),
            }
        )
    return rows


def _reaches(high: float, asked: float | None) -> bool | None:
    return None if asked is None or np.isnan(high) else bool(high >= asked)
