"""``opscore.search_claims``: what sections 4 and 5 say of searches, and what numbers say of it.

A comparison is a difference of two errors of the same seed. It holds ('yes') when the t interval
of its mean over seeds lies on the claimed side of zero, and does not ('no') on the other;
'cannot tell' is an interval with zero in it, or fewer than three seeds, and 'not measured' a row
that nothing was searched for. What is claimed of the paper's own numbers alone is read off them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore.analysis import edge_correlations, over_seeds
from opscore.answers import Answer, Column, Table
from opscore.data.records import read_record
from opscore.paper.figure4 import PUBLISHED_DISTINCT, recorded_proposals
from opscore.paper.searches import OF_TABLE2, recorded_searches, with_settings
from opscore.published import Setting, published_error, published_methods, table2, trained
from opscore.search import ORDERS

OURS = "zero-cost-pt(nwot)"
BEST_ORDER = "global-op-iter"

#: Columns: the claim and its section; what is compared, and on what; the claimed value; the number
#: from what the paper published; the measured one with its 95 % interval over so many seeds; with
#: which settings where not the paper's; whether it holds.
COLUMNS = (
    "claim",
    "section",
    "compared",
    "dataset",
    "expected",
    "published",
    "estimate",
    "ci_low",
    "ci_high",
    "n_seeds",
    "setting",
    "holds",
)

#: What is shown of a row.
SHOWN = (
    Column("compared", "compared", once=True),
    Column("dataset", "on"),
    Column("expected", "claimed"),
    Column("published", "published", "number"),
    Column("estimate", "measured", "number"),
    Column("ci_low", "95 % interval", "number", end="ci_high"),
    Column("n_seeds", "seeds", "whole"),
    Column("setting", "setting"),
    Column("holds", "holds"),
)

#: The verdict on what nothing was searched for.
NOT_MEASURED = "not measured"

_NOTHING: dict[str, Any] = {"n_seeds": 0, "setting": "", "holds": NOT_MEASURED}

DATASETS = ("cifar10", "cifar100", "imagenet16-120")

#: Repetitions of a method that only draws; its mean is known as well as it needs to be.
_MANY = 100

#: Claims that our search has the smaller error, and whom it is compared with.
_BETTER = (
    ("Zero-Cost-PT is best with nwot", "4.2", tuple(n for n in published_methods() if "pt(" in n)),
    ("Zero-Cost-PT is better than TE-NAS", "5.1", ("te-nas",)),
    ("Zero-Cost-PT is better than discretization", "5.1", ("zero-cost-disc(nwot)",)),
    ("Zero-Cost-PT is better than DARTS-PT", "5.1", ("darts-pt", "darts-pt-fixed-alpha")),
    ("Zero-Cost-PT is better than sampling", "5.2", ("naswot(nwot)", "naswot(synflow)", "random")),
)


@dataclass(frozen=True, repr=False)
class SearchClaims(Answer):
    """The claims of sections 4 and 5.

    Attributes:
        claims: one row for each claim, comparison and dataset, with :data:`COLUMNS`; differences
            are percentage points of error, the other's minus ours.
    """

    claims: pd.DataFrame

    def tables(self) -> list[Table]:
        """See :meth:`Answer.tables`."""
        tested = self.claims[self.claims["holds"] != NOT_MEASURED]
        groups = tested.groupby(["section", "claim"], sort=False)
        return [
            Table(f"{claim} (section {section})", SHOWN, rows.reset_index(drop=True), look="open")
            for (section, claim), rows in groups
        ]

    def notes(self) -> list[str]:
        """See :meth:`Answer.notes`."""
        count = int((self.claims["holds"] == NOT_MEASURED).sum())
        return [
            "the other's test error minus that of Zero-Cost-PT (nwot, random order), or of the "
            "order that is claimed: percentage points, with a t interval over seeds",
            "'yes' and 'no' are intervals without zero; setting: where it is not the paper's",
            f"{count} more comparisons were not measured: --json, or search_claims.csv in --out, "
            "has all",
        ]

    def payload(self) -> dict[str, Any]:
        """See :meth:`Answer.payload`."""
        return {"claims": self.claims, "settings": {"notes": self.notes()}}

    def files(self) -> dict[str, pd.DataFrame]:
        """See :meth:`Answer.files`."""
        return {"search_claims.csv": self.claims}


def search_claims() -> SearchClaims:
    """Every claim on searches, from the searches that the package ships."""
    rows = [
        *_better(with_settings(recorded_searches(*OF_TABLE2)[0])),
        *_best_order(with_settings(recorded_searches("search_orders")[0])),
        *_ranks_alike(),
        *_distinct(),
        *_of_published_numbers(),
    ]
    return SearchClaims(pd.DataFrame(rows).reindex(columns=list(COLUMNS)))


def _better(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for claim, section, others in _BETTER:
        for other in others:
            if other != OURS:
                for dataset in DATASETS:
                    published = _published(other, dataset) - _published(OURS, dataset)
                    yield {
                        **_compared(claim, section, other, dataset, published),
                        **_difference(*_sides(rows, "method", other, OURS, dataset)),
                    }


def _best_order(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for other in ORDERS:
        if other != BEST_ORDER:
            for dataset in DATASETS:
                published = _published(OURS, dataset, other) - _published(OURS, dataset, BEST_ORDER)
                yield {
                    **_compared(
                        f"{BEST_ORDER} is the best order", "4.2", other, dataset, published
                    ),
                    **_difference(*_sides(rows, "order", other, BEST_ORDER, dataset)),
                }


def _compared(
    claim: str, section: str, other: str, dataset: str, published: float
) -> dict[str, Any]:
    """A claim that an error is the smaller one, with the difference that was published."""
    return {
        "claim": claim,
        "section": section,
        "compared": other,
        "dataset": dataset,
        "expected": "> 0",
        "published": published,
    }


def _sides(
    rows: pd.DataFrame, column: str, other: str, ours: str, dataset: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The searches of the other and of ours on a dataset."""
    own = rows[rows["dataset"] == dataset]
    return own[own[column] == other], own[own[column] == ours]


def _difference(other: pd.DataFrame, ours: pd.DataFrame) -> dict[str, Any]:
    """Error of the other minus ours, one for each seed, where both have the same settings.

    Where ours were never searched with the other's, ours with the paper's are taken. Of a method
    that was repeated many times the mean is taken: its seeds have no partners.
    """
    for setting in dict.fromkeys(other["setting"]):
        theirs = other[other["setting"] == setting].set_index("seed")["error"]
        same = ours["setting"] == setting
        told = setting if same.any() else f"theirs: {setting}"
        own = ours[same if same.any() else ours["setting"] == ""]
        mine = own.set_index("seed")["error"]
        each = (theirs.mean() if len(theirs) >= _MANY else theirs) - mine
        if each.notna().any():
            found = over_seeds(each.dropna())
            return {
                "estimate": found.mean,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
                "n_seeds": found.n_seeds,
                "setting": told,
                "holds": _verdict(found.ci_low, found.ci_high),
            }
    return dict(_NOTHING)


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "yes"
    return "no" if high < 0 else "cannot tell"


def _published(method: str, dataset: str, order: str = "random") -> float:
    return published_error(method, Setting(dataset=dataset), {"order": order}).value


def _ranks_alike() -> Iterator[dict[str, Any]]:
    """Spearman between two datasets over proxies.

    Published of the errors of their searches; measured of the agreement of zc-pt with best-acc.
    """
    rows = table2()
    rows = rows[rows["group"] != "baseline"]
    measured = _agreement([f"zc-pt({name})" for name in rows["method"]])
    for dataset in DATASETS[1:]:
        column = dataset.removesuffix("-120")
        each = [
            own["cifar10"].corr(own[dataset], method="spearman")
            for _, own in measured.groupby("seed")
        ]
        alike = over_seeds(each, bounds=(-1, 1))
        yield {
            "claim": "proxies rank alike on the three datasets",
            "section": "4.2",
            "compared": f"Spearman of cifar10 and {dataset}",
            "dataset": dataset,
            "expected": "> 0",
            "published": rows["cifar10"].corr(rows[column], method="spearman"),
            "estimate": alike.mean,
            "ci_low": alike.ci_low,
            "ci_high": alike.ci_high,
            "n_seeds": alike.n_seeds,
            "setting": "agreement of zc-pt with best-acc, batch 32, cpu size",
            "holds": _verdict(alike.ci_low, alike.ci_high),
        }


def _agreement(policies: Sequence[str]) -> pd.DataFrame:
    """Spearman of policies with best-acc, a mean over edges: seed, policy, and each dataset."""
    scores, truths = read_record("proxies")[0], read_record("truth_scores")[0]
    truths = truths[(truths["space"] == "nasbench201") & (truths["policy"] == "best-acc")]
    columns = []
    for dataset in DATASETS:
        truth = truths[truths["dataset"] == dataset][scores.columns]
        table = pd.concat([scores[scores["policy"].isin(policies)], truth], ignore_index=True)
        columns.append(
            pd.concat(
                {
                    policy: edge_correlations(table, policy, "best-acc")
                    .groupby("seed")["rho"]
                    .mean()
                    for policy in policies
                },
                names=["policy"],
            ).rename(dataset)
        )
    found: pd.DataFrame = pd.concat(columns, axis=1).reset_index()
    return found


def _distinct() -> Iterator[dict[str, Any]]:
    """Different architectures among the first N proposals, a mean over blocks of N."""
    proposals = recorded_proposals()[0]
    blocks = proposals["proposal"] // 100
    counts = proposals.groupby([proposals["seed"], blocks])["architecture"].nunique()
    yield {
        "claim": "100 proposals find 27.8 architectures",
        "section": "4.2",
        "compared": "how many differ",
        "dataset": "cifar10",
        "expected": "27.8",
        "published": PUBLISHED_DISTINCT[100],
        "estimate": counts.mean(),
        "n_seeds": proposals["seed"].nunique(),
        "setting": "batch 64, cpu size",
        "holds": "cannot tell",
    }


def _of_published_numbers() -> Iterator[dict[str, Any]]:
    """What the text says of Tables 3, 6 and 7, computed from the tables."""
    three: dict[Any, float]
    three = trained(3).set_index(["proposals", "validation"])["error"].to_dict()
    six: dict[Any, dict[Any, float]] = trained(6).set_index("method").to_dict("index")
    seven: dict[Any, float] = trained(7).set_index("method")["gpu_days"].to_dict()
    ours, te_nas = six["zero-cost-pt(nwot), best"], six["TE-NAS (C10)"]
    others = [days for name, days in seven.items() if not name.startswith("zero-cost-pt")]
    yield from (
        _read_off(
            "more minibatches of validation are better on average",
            "4.2",
            "DARTS, V = 1 minus V = 100",
            three[10, 1] - three[10, 100],
            0,
        ),
        _read_off(
            "TE-NAS loses 1.8 points on ImageNet",
            "5.2",
            "Table 6, TE-NAS (C10) minus the best",
            te_nas["error"] - ours["error"],
            1.8,
        ),
        _read_off(
            "TE-NAS searches 2.5 times as long",
            "5.2",
            "Table 6, GPU-days",
            te_nas["gpu_days"] / ours["gpu_days"],
            2.5,
        ),
        _read_off(
            "at least 190 times faster than training-based search",
            "5.3",
            "Table 7, GPU-days of the fastest other",
            min(others) / seven["zero-cost-pt(nwot), best"],
            190,
        ),
    )


def _read_off(
    claim: str, section: str, compared: str, value: float, least: float
) -> dict[str, Any]:
    holds = value > least or math.isclose(value, least)
    return {
        "claim": claim,
        "section": section,
        "compared": compared,
        "dataset": "",
        "expected": f">= {least}" if least else "> 0",
        "published": value,
        **_NOTHING,
        "holds": "by the paper's numbers" if holds else "not by the paper's numbers",
    }
