"""What ``opscore.run_search`` returns: where searches ended, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opscore import schema
from opscore.analysis import over_seeds, seed_interval, sign_flip_test
from opscore.analysis.intervals import ERROR_BOUNDS
from opscore.analysis.matches import by_seed
from opscore.answers import Answer, Column, Picture, Table
from opscore.answers.words import short_dataset
from opscore.errors import UserError, unknown
from opscore.experiments.settings import (
    describe_images,
    describe_scores,
    describe_size,
    no_truth,
    truth_of,
)
from opscore.oracles import Truth, load_truth
from opscore.proxies import failed_now
from opscore.published import NOTHING, PAPER, Published, Setting, published_error
from opscore.runs.store import provenance
from opscore.search import METHODS, SearchOutcome, find_method
from opscore.search.sampling import reads_record
from opscore.search.score_record import describe_record
from opscore.settings import SearchSettings
from opscore.settings.profiles import profile_name
from opscore.spaces import DEFAULT_SPACE, State, get_space

#: One row per (method, seed, dataset).
ARCHITECTURES = {
    "method": "str",
    "seed": "Int64",  # missing for a method without draws
    "architecture": "str",
    "dataset": "str",  # '' where there is no truth; what follows is missing then
    "error": "float64",  # percent, mean over the trainings that the benchmark has
    "rank": "Int64",  # 1 + the number of architectures that are strictly better
    "percentile": "float64",  # percent of the space that is strictly worse
    "regret": "float64",  # error minus that of the best architecture, percent points
}

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: One row per (method, dataset).
SUMMARY = {
    "method": "str",
    "dataset": "str",
    "n_seeds": "int64",
    "error": "float64",  # mean over seeds, percent
    "std": "float64",  # sample standard deviation over seeds; missing for one seed
    "ci_low": "float64",  # t interval of the mean over other seeds; missing below three seeds
    "ci_high": "float64",
    "rank": "float64",  # means over seeds from here on
    "regret": "float64",
    "perturbations": "float64",
    "forward_passes": "float64",
    "seconds": "float64",
    "published": "float64",  # the paper's mean error, missing where there is none
    "published_std": "float64",
    "published_n": "int64",  # its seeds
    "source": "str",  # where in the paper
}

#: One row per dataset.
COMPARISON = {
    "method_a": "str",
    "method_b": "str",
    "dataset": "str",
    "difference": "float64",  # mean error of a minus that of b, percent points
    "ci_low": "float64",
    "ci_high": "float64",
    "p_value": "float64",  # exact two-sided sign-flip test over seeds
    "n_pairs": "int64",
}


_METHOD = Column("method")
_FOUND = (_METHOD, Column("seed", kind="whole", form="d"), Column("architecture", kind="code"))
_MERIT = (
    Column("error", kind="number", about="percent, mean over the benchmark's trainings"),
    Column("rank", kind="whole", about="1 is the best architecture of the space"),
    Column("regret", kind="number", about="percent points above the best of the space"),
)
_COSTS = (
    Column("n_seeds", "seeds", "whole"),
    Column("forward_passes", "networks x\nminibatches", "number", ",.0f", "mean over seeds"),
    Column("seconds", kind="number", form=",.0f", about="mean over seeds"),
)


@dataclass(frozen=True, repr=False)
class SearchResult(Answer):
    """Searches by several methods with several seeds.

    Attributes:
        settings: the settings, with every 'auto' decided.
        architectures: a frame with columns :data:`ARCHITECTURES`.
        candidates: columns method, seed, then :data:`opscore.search.CANDIDATES`.
        trace: columns method, seed, then :data:`opscore.search.TRACE`.
        costs: columns method, seed, then the fields of :class:`opscore.search.Cost`.
        remarks: what there is to say of how the numbers were computed, a line each.
    """

    settings: SearchSettings
    architectures: pd.DataFrame
    candidates: pd.DataFrame
    trace: pd.DataFrame
    costs: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        settings: SearchSettings,
        searches: Sequence[tuple[str, int | None, SearchOutcome]],
        remarks: tuple[str, ...] = (),
    ) -> SearchResult:
        """The result of (method, seed, outcome)s; remarks: see the attributes."""
        truth = truth_of(settings)
        ends = [
            {"method": method, "seed": pd.NA if seed is None else seed, **found}
            for method, seed, outcome in searches
            for found in _ends(method, outcome, truth)
        ]
        frames = {
            name: [_named(m, s, getattr(outcome, name)) for m, s, outcome in searches]
            for name in ("candidates", "trace")
        }
        costs = [_named(m, s, pd.DataFrame([asdict(o.cost)])) for m, s, o in searches]
        return cls(
            settings=settings,
            architectures=schema.table(ends, ARCHITECTURES),
            candidates=pd.concat(frames["candidates"], ignore_index=True),
            trace=pd.concat(frames["trace"], ignore_index=True),
            costs=pd.concat(costs, ignore_index=True),
            remarks=remarks,
        )

    def summary(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """Means over seeds beside the published ones, a frame with columns :data:`SUMMARY`.

        confidence: of the intervals, which are Student's over run seeds.
        """
        rows = []
        costs = self.costs.groupby("method", sort=False).mean(numeric_only=True)
        for (method, dataset), own in self.architectures.groupby(["method", "dataset"], sort=False):
            errors = over_seeds(own["error"], confidence=confidence, bounds=ERROR_BOUNDS)
            spent = costs.loc[str(method)]
            published = published_beside(str(method), str(dataset), self.settings)
            rows.append(
                {
                    "method": method,
                    "dataset": dataset,
                    "error": errors.mean,
                    **errors._asdict(),
                    "rank": own["rank"].to_numpy(dtype=float, na_value=np.nan).mean(),
                    "regret": own["regret"].mean(),
                    **{name: spent[name] for name in ("perturbations", "forward_passes")},
                    "seconds": spent["seconds"],
                    "published": published.value,
                    "published_std": published.std,
                    "published_n": published.n,
                    "source": published.source,
                }
            )
        return schema.table(rows, SUMMARY)

    def compare(self, a: str, b: str, *, confidence: float = 0.95) -> pd.DataFrame:
        """Errors of one method minus those of another, paired by seed (:data:`COMPARISON`).

        A method without draws is paired with every seed of the other. confidence: of the
        intervals, which are Student's over run seeds. UserError for a method that was not run, or
        without common seeds.
        """
        known = list(dict.fromkeys(self.architectures["method"]))
        for name in (a, b):
            if name not in known:
                raise unknown("method of this result", name, known)
        rows = []
        for dataset in dict.fromkeys(self.architectures["dataset"]):
            pairs = by_seed(self._errors(a, dataset), self._errors(b, dataset))
            paired = np.array([one - other for one, other in pairs.values()], dtype=np.float64)
            if not len(paired):
                raise UserError(f"{a} and {b} have no seed in common")
            low, high = seed_interval(paired, confidence=confidence)
            test = sign_flip_test(paired)
            rows.append((a, b, dataset, paired.mean(), low, high, test, len(paired)))
        return schema.table(rows, COMPARISON)

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        settings = self.settings
        order = settings.order if settings.orders == "paper" else f"{settings.order}, authors'"
        scores = describe_scores(settings)
        redrawn = settings.validation_weights != "once"
        validation = f"V = {settings.validation}" + (" with weights redrawn" if redrawn else "")
        validation += f", race at {settings.race:g}" if settings.race is not None else ""
        return [
            describe_images(settings),
            f"networks: {settings.space}, {describe_size(settings.size)}, {scores}",
            f"search: N = {settings.proposals}, {validation}, order {order}",
            *self._record_notes(),
            *self.remarks,
            self._truth_note(),
        ]

    def _record_notes(self) -> list[str]:
        """Which methods read scores that come with the package, made with other settings."""
        settings = self.settings
        readers = [name for name in settings.methods if reads_record(find_method(name), settings)]
        return [f"{', '.join(readers)}: {describe_record()}"] if readers else []

    def _truth_note(self) -> str:
        settings = self.settings
        if not settings.oracle.known:
            return f"errors: none; {no_truth(settings.space)}"
        shown = dict.fromkeys(source for source in self.summary()["source"] if source)
        published = f"; published: {', '.join(shown)}" if shown else ""
        return f"errors and ranks: {truth_of(settings).describe()}{published}"

    def facts(self) -> dict[str, Any]:
        """Settings and provenance as plain values, for JSON."""
        return {
            **self.settings.facts(),
            "truth": truth_of(self.settings).facts(),
            "notes": self.notes(),
            **provenance(),
        }

    def tables(self) -> list[Table]:
        """Where searches ended; then means over seeds, or costs alone where there is no truth."""
        return [self._ended(), self._means()]

    def _ended(self) -> Table:
        """Where each search ended, with the error and rank on the truth's dataset."""
        datasets = list(dict.fromkeys(self.architectures["dataset"]))
        asked = self.settings.oracle.dataset
        dataset = asked if asked in datasets else datasets[0]
        columns = (*_FOUND, *_MERIT) if dataset else _FOUND
        return Table(
            f"Architectures found: {f'error and rank on {dataset}' if dataset else 'no truth'}",
            columns,
            self.architectures[self.architectures["dataset"] == dataset],
        )

    def _means(self) -> Table:
        """Means over seeds with their interval, beside the published means if there are any."""
        frame = self.summary()
        if not self.settings.oracle.known:
            return Table("Cost of a search, mean over seeds", (_METHOD, *_COSTS), frame)
        first = frame.drop_duplicates("method")
        spent = "; ".join(
            f"{row.method}: seeds {row.n_seeds}, scored {row.forward_passes:,.0f}, "
            f"{row.seconds:,.0f} s"
            for row in first.itertuples()
        )
        if frame["published"].isna().all():
            frame = frame.drop(columns="published")
        seeds = frame.loc[frame["published_n"] > 0, "published_n"].max()
        return Table(
            "Test error %, mean over seeds (standard deviation), 95 % interval",
            (
                replace(_METHOD, once=True),
                Column("dataset"),
                Column("error", "measured", "number", beside="std", about="mean over seeds"),
                Column(
                    "ci_low",
                    "interval",
                    "number",
                    end="ci_high",
                    about="95 % interval of the mean over other seeds",
                ),
                Column(
                    "published",
                    f"published\n({seeds} seeds)",
                    "number",
                    beside="published_std",
                    about="mean error of the paper",
                ),
                Column("rank", kind="number", form=",.0f", about="mean over seeds", detail=True),
                Column(
                    "regret",
                    kind="number",
                    about="percent points above the best of the space",
                    detail=True,
                ),
                *(replace(column, detail=True) for column in _COSTS),
                Column("source", "published in", detail=True),
            ),
            frame.assign(dataset=frame["dataset"].map(short_dataset)),
            caption=f"{spent}\nscored: networks x minibatches; s: seconds spent, added up over "
            "workers",
        )

    def pictures(self) -> list[Picture]:
        """The errors on each dataset, beside the published ones."""
        rows = self.summary().dropna(subset="error").rename(columns={"error": "mean"})
        note = "; ".join(["measured", *self.notes()])
        found = []
        for dataset, own in rows.groupby("dataset", sort=False):

            def draw(own: pd.DataFrame = own, title: str = f"Test error on {dataset}") -> Axes:
                from opscore.analysis.search_figures import error_bars

                return error_bars(own, "method", title=title, note=note)

            found.append(Picture(f"error_{dataset}", own, draw, f"Test error on {dataset}"))
        return found

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        return {
            "architectures": self.architectures,
            "summary": self.summary(),
            "candidates": self.candidates,
            "trace": self.trace,
            "costs": self.costs,
            "settings": self.facts(),
        }

    def trouble(self) -> str | None:
        """How many scores failed that may not fail again; None where none did."""
        return failed_now([*self.candidates["status"], *self.trace["status"]])

    def files(self) -> dict[str, pd.DataFrame]:
        """All tables, the summary as CSV too."""
        names = ("architectures", "candidates", "trace", "costs")
        frames = {f"{name}.parquet": getattr(self, name) for name in names}
        summary = self.summary()
        return {**frames, "summary.parquet": summary, "summary.csv": summary}

    def _errors(self, method: str, dataset: str) -> dict[int | None, float]:
        own = self.architectures
        own = own[(own["method"] == method) & (own["dataset"] == dataset)]
        seeds = [None if pd.isna(seed) else int(seed) for seed in own["seed"]]
        return dict(zip(seeds, own["error"].tolist(), strict=True))


def _ends(method: str, outcome: SearchOutcome, truth: Truth) -> list[dict[str, Any]]:
    """How good what a search ended on is, on each dataset."""
    known = method.partition("(")[0] in METHODS  # a store may have methods of other packages
    if known and find_method(method).optimal and truth.tables:
        return truth.best()
    return truth.judge(outcome.architecture)


def _named(method: str, seed: int | None, frame: pd.DataFrame) -> pd.DataFrame:
    named = frame.copy()
    named.insert(0, "method", method)
    named.insert(1, "seed", pd.Series([seed] * len(frame), dtype="Int64", index=frame.index))
    return named


def evaluate_search(
    architectures: str | State | Iterable[str | State],
    space: str = DEFAULT_SPACE,
    *,
    split: str | None = None,
    epochs: int | None = None,
    source: str = "auto",
    data_dir: Path | str | None = None,
    allow_partial: bool = False,
) -> pd.DataFrame:
    """Error, rank, percentile and regret of architectures on every dataset of the benchmark.

    Args:
        architectures: the benchmark's strings, or states with one operation on every edge.
        space: name of the search space.
        split, epochs, source, data_dir, allow_partial: which tables, as in
            :func:`opscore.load_oracle`; source 'none' does without.

    Returns:
        A frame with columns architecture, dataset, error, rank, percentile, regret; one row per
        architecture and dataset, in the order given. Where there is no truth, all but the
        architecture is empty.

    Raises:
        UserError: an architecture is malformed, or the space's table is missing.
    """
    known = get_space(space)
    if isinstance(architectures, str | State):
        architectures = [architectures]
    states = [known.as_architecture(given) for given in architectures]
    truth = load_truth(space, split, epochs, source, data_dir, allow_partial=allow_partial)
    rows = [found for state in states for found in truth.judge(state)]
    columns = {name: kind for name, kind in ARCHITECTURES.items() if name not in ("method", "seed")}
    return schema.table(rows, columns)


def published_beside(method: str, dataset: str, settings: SearchSettings) -> Published:
    """The paper's mean error of a method with these settings, as :mod:`opscore.published` rules."""
    if method.partition("(")[0] not in METHODS:  # a store may have methods of other packages
        return NOTHING
    split = settings.oracle.split or PAPER.split
    retrained = settings.space == PAPER.space and truth_of(settings).retrained
    setting = Setting(settings.space, dataset, split, retrained)
    return published_error(method, setting, made_by(method, settings))


def made_by(method: str, settings: SearchSettings) -> dict[str, Any]:
    """The settings that a method's result depends on, as :mod:`opscore.published` compares them."""
    made = {**find_method(method).key(settings), "order": settings.order}
    if "training" in made:
        made["training"] = profile_name(made["training"])
    return made
