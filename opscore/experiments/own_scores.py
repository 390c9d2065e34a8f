"""Scores of architectures that somebody brings, judged by every truth of their space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore import progress
from opscore.analysis.rank_correlation import RankCorrelation
from opscore.answers import Answer, Table
from opscore.data.architectures import read_scores
from opscore.data.records import read_record
from opscore.experiments.evaluate import AGREEMENT, proxy_correlations
from opscore.oracles import Oracle, load_oracles
from opscore.schema import Column
from opscore.settings import OracleSettings
from opscore.spaces import get_space
from opscore.supernets import find_target

#: Scores of all architectures of a space that ship, and the record that has them.
_RECORD, _SHIPPED = "architecture_scores", ("nwot", "synflow", "params", "flops")

#: Beyond so many architectures intervals rest on fewer resamples, for the sake of time.
_MANY, _FEW_RESAMPLES = 1000, 200

_COLUMNS = (
    Column("task", once=True),
    *AGREEMENT[:5],
    Column("kendall_low", "interval", "number", "+.2f", end="kendall_high"),
    *AGREEMENT[5:-1],
)


@dataclass(frozen=True, repr=False)
class ScoresJudged(Answer):
    """Agreement of scores of one's own, and of those that ship, with accuracies.

    Attributes:
        space: the search space.
        scores: a row for each architecture and proxy: architecture, proxy, strength (larger is
            better; missing where there is no score). One's own come first.
        agreement: a row for each task, subset and proxy; see :func:`opscore.proxy_correlations`.
        truth: what the accuracies are of, in words.
        own: what one's own scores are called.
        resamples: how many samples of architectures the intervals rest on.
    """

    space: str
    scores: pd.DataFrame
    agreement: pd.DataFrame
    truth: str
    own: str
    resamples: int

    def tables(self) -> list[Table]:
        """How well each ranks the architectures as the accuracies of each task do."""
        title = f"Agreement with accuracies of {self.space} (95 % interval over architectures)"
        return [Table(title, _COLUMNS, self.agreement, sections="task")]

    def notes(self) -> list[str]:
        """What the numbers rest on."""
        own = self.scores[self.scores["proxy"] == self.own]
        lacking = int(own["strength"].isna().sum())
        left_out = f", {lacking:,} of them without a score" if lacking else ""
        others = [name for name in self.scores["proxy"].unique() if name != self.own]
        ships = set(_SHIPPED) <= set(others)
        where = f"the record {_RECORD}, of one seed" if ships else "counted, as trained in the end"
        return [
            f"{self.own}: {len(own):,} architectures of {self.space}{left_out}",
            f"{', '.join(others)}: {where}",
            f"truth: {self.truth}",
            f"intervals: {self.resamples:,} resamples of the architectures",
        ]

    def payload(self) -> dict[str, Any]:
        """All of it, and what it rests on."""
        settings = {"space": self.space, "score": self.own, "notes": self.notes()}
        return {"agreement": self.agreement, "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """Agreement, and the scores."""
        return {"agreement.parquet": self.agreement, "scores.parquet": self.scores}


@progress.shows_progress
def evaluate_scores(
    space: str,
    table: Path | str | pd.DataFrame,
    *,
    architecture: str | None = None,
    score: str | None = None,
    higher_is_better: bool = True,
    oracle: OracleSettings | None = None,
    data_dir: Path | str | None = None,
) -> ScoresJudged:
    """Judge scores of architectures by the accuracies of every task of a space.

    Args:
        space: the search space.
        table: a frame, or a Parquet or CSV file, with a row for each architecture.
        architecture: the column of architectures; found by its usual names where not given.
        score: the column of scores; the only column of numbers where not given.
        higher_is_better: whether a larger score predicts a better network.
        oracle: split, epochs and source of the truth; the space's own where they are not given.
        data_dir: where data is looked for first.

    Raises:
        UserError: a file or a column is missing, or the space has no truth; an architecture is
            none of the space, or stands there twice; a score is infinite.
    """
    asked = oracle or OracleSettings()
    oracles = load_oracles(
        space, asked.split, asked.epochs, asked.source, data_dir, allow_partial=True
    )
    scores = read_scores(space, table, architecture=architecture, score=score)
    beside = _beside(space, scores.index)
    own = f"{scores.name} (yours)" if scores.name in beside else str(scores.name)
    columns = {own: scores if higher_is_better else -scores, **beside}
    names = scores.index
    parts = [
        pd.DataFrame({"architecture": names, "proxy": name, "strength": each.reindex(names).array})
        for name, each in columns.items()
    ]
    long = pd.concat(parts, ignore_index=True).assign(space=space)
    first = next(iter(oracles.values()))
    length = "" if first.epochs is None else f"{first.epochs} epochs, "
    truth = f"{first.split}, {length}mean over trainings; {first.source}"
    with progress.unit("agreement"):
        resamples = _FEW_RESAMPLES if len(scores) > _MANY else 1000
        agreement = _agreement(long, oracles, RankCorrelation(n_bootstrap=resamples))
        return ScoresJudged(space, long, agreement, truth, own, resamples)


def _agreement(
    scores: pd.DataFrame, oracles: dict[str, Oracle], compute: RankCorrelation
) -> pd.DataFrame:
    """How well each proxy's scores rank the architectures as those of each task do."""
    names = scores["architecture"].unique().tolist()
    order = {name: place for place, name in enumerate(scores["proxy"].unique())}
    found = []
    for task, oracle in progress.each(list(oracles.items()), "tasks"):
        known = pd.Series({name: oracle.accuracy(name) for name in names if oracle.knows(name)})
        rows = proxy_correlations(scores, known, correlation=compute)
        placed = rows.assign(task=task, place=rows["proxy"].map(order))
        found.append(placed.sort_values(["subset", "place"]).drop(columns="place"))
    return pd.concat(found, ignore_index=True)


def _beside(space: str, names: pd.Index[str]) -> dict[str, pd.Series[float]]:
    """Scores that ship, or are counted, of these architectures; larger is better."""
    record = read_record(_RECORD)[0].set_index("architecture")
    if names.isin(record.index).all():
        return {name: record.loc[names, name].astype(np.float64) for name in _SHIPPED}
    built, this = find_target(space), get_space(space)
    with progress.unit("sizes"):
        sizes = [
            built.size(this.as_architecture(name))
            for name in progress.each(names.tolist(), "architectures")
        ]
    return {
        name: pd.Series([float(getattr(size, name)) for size in sizes], index=names)
        for name in ("params", "flops")
    }
