"""``opscore.toy_model``: perturbation against discretization as a network gets deeper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore import progress, schema
from opscore.answers import Answer, Column, Picture, Table
from opscore.data.records import read_record
from opscore.experiments import resolve
from opscore.images import load_images
from opscore.isolation import isolated
from opscore.paper.toy_model.scores import (
    BATCH_SIZE,
    BEST_NWOT,
    POLICIES,
    summarize_toy,
    toy_units,
)
from opscore.proxies import MEANINGS
from opscore.published import toy_model as published_toy_model
from opscore.runs.loop import complete
from opscore.runs.store import provenance
from opscore.settings import RunSettings, ScoringSettings, takes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The record that the package ships.
RECORD = "toy_model"


_SHOWN = (
    Column("meaning", "counting"),
    Column("length", "edges", "whole"),
    Column("policy"),
    Column("rho", "rho to best-nwot", "number", "+.2f", beside="published_rho"),
    Column("rank_skip_connect", "rank of skip", "number", beside="published_rank_skip_connect"),
    Column("skips", kind="number", beside="published_skips", beside_form=".0f"),
    Column("n_seeds", "seeds", "whole"),
)


@dataclass(frozen=True, repr=False)
class ToyResult(Answer):
    """Scores of chains of several lengths, and what follows from them.

    Attributes:
        scores: a score table (schema SCORES) with the columns length and meaning added.
        settings: what the scores depend on, as plain values.
    """

    scores: pd.DataFrame
    settings: dict[str, Any]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """See :func:`opscore.paper.toy_model.scores.summarize_toy`."""
        return summarize_toy(self.scores)

    def against_published(self) -> pd.DataFrame:
        """The summary with the published rho, mean rank of skip_connect and skips beside it.

        The published scores count each rectifier once, so they stand beside the clean ones only.
        """
        columns = {
            "rho": "published_rho",
            "rank_skip_connect": "published_rank_skip_connect",
            "skips": "published_skips",
        }
        known = self._published().rename(columns=columns).assign(meaning="clean")
        keys = ["meaning", "length", "policy"]
        return self.summary.merge(known[[*keys, *columns.values()]], on=keys, how="left")

    def _published(self) -> pd.DataFrame:
        """What was published of these images, as many of them; else no rows."""
        known, own = published_toy_model(), (self.settings["images"], self.settings["batch_size"])
        return known if own == ("cifar10", BATCH_SIZE) else known.iloc[:0]

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        return [
            f"images: {self.settings['described']}; batch {self.settings['batch_size']}",
            "truth: best nwot of all 4^L architectures with the operation, weights shared",
            "rho is over all 4 L scores at once; published: one seed, clean counting",
        ]

    def tables(self) -> list[Table]:
        """Means over seeds, by counting, length and policy."""
        title = "Toy model, mean over seeds; published (one seed, clean) in brackets"
        return [Table(title, _SHOWN, self.against_published())]

    def payload(self) -> dict[str, Any]:
        """The table, and what it rests on."""
        return {"toy_model": self.against_published(), "settings": self.settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """Scores and table."""
        return {
            "toy_model_scores.parquet": self.scores,
            "toy_model_summary.parquet": self.against_published(),
        }

    def pictures(self) -> list[Picture]:
        """Agreement and rank of skip_connect against depth."""
        return [Picture("toy_model", self.against_published(), self.figure)]

    def figure(self) -> Figure:
        """Agreement and rank of skip_connect against depth; its ``savefig`` writes a file."""
        from opscore.analysis.case_studies import toy_panels

        table = self.against_published()
        return toy_panels(
            table[table["policy"] != BEST_NWOT], self._published(), note="; ".join(self.notes())
        )


@takes(
    ScoringSettings,
    "lengths",
    "seeds",
    only=("seeds", "images", "batch_size", "data_dir", "dtype", "precision", "device"),
    policies=POLICIES,
    batch_size=BATCH_SIZE,
)
@progress.shows_progress
@isolated()
def toy_model(
    settings: ScoringSettings,
    run: RunSettings,
    *,
    lengths: Sequence[int] = (1, 2, 3, 4),
) -> ToyResult:
    """Score chains of these lengths by zc-pt(nwot), disc-zc(nwot) and the best architecture.

    Both countings of nwot are measured. The time grows as 4^length: at the default batch a seed of
    length 6 takes a minute or two on one core, each further edge four times as long.

    Args:
        lengths: numbers of edges.

    Raises:
        UserError: a length is below one, or a setting is bad.
    """
    resolved = resolve(settings)
    units = toy_units(resolved, lengths, resolved.seeds)
    tables = [
        schema.conform(outcome.tables[meaning], "scores").assign(
            meaning=meaning, length=unit.length
        )
        for unit, outcome in zip(units, complete(units, run), strict=True)
        for meaning in MEANINGS
    ]
    names = ("images", "batch_size", "dtype", "device")
    plain = {name: getattr(resolved, name) for name in names}
    described = load_images(resolved.images, resolved.data_dir).describe()
    return ToyResult(
        pd.concat(tables, ignore_index=True), {**plain, "described": described, **provenance()}
    )


def shipped_toy_model() -> ToyResult:
    """What this project measured, from the record that the package ships."""
    return ToyResult(*read_record(RECORD))
