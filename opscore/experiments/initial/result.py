"""``opscore.initial``: initial operation scoring over policies and seeds, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from opscore import progress, schema
from opscore.analysis import (
    Correlation,
    Selection,
    agreement_of_kinds,
    edge_specific_agreement,
    paired_differences,
)
from opscore.analysis.differences import no_differences
from opscore.analysis.stages import scores_of_stage
from opscore.answers import Answer, Picture, Table
from opscore.experiments import ScoringContext, Unit, tables, units
from opscore.experiments.dependencies import made_with
from opscore.experiments.initial.tasks import knows_truth, task_correlations, truth_scores
from opscore.experiments.settings import (
    describe_images,
    describe_scores,
    describe_size,
    no_truth,
    resolve,
    truth_of,
)
from opscore.isolation import isolated
from opscore.oracles import SampledOracle, Truth
from opscore.oracles.references import USUAL
from opscore.policies import find_family
from opscore.policies.residual import RESIDUAL, has_residual_edge
from opscore.proxies import failed_now
from opscore.published import (
    PAPER,
    Made,
    Setting,
    differences,
    published_initial,
    published_pick,
    side_by_side,
)
from opscore.runs.loop import complete
from opscore.runs.run import notes_of
from opscore.runs.store import Outcome, provenance
from opscore.settings import RunSettings, ScoringSettings, takes
from opscore.spaces import SearchSpace, get_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

S = TypeVar("S", bound=ScoringSettings)

#: What needs no network; scored beside every policy that is set against the truth.
BASELINES = ("best-fixed-order", "op-params", "op-flops", RESIDUAL)


def baselines_of(space: SearchSpace) -> tuple[str, ...]:
    """The baselines that say something of a space: the last one needs a residual edge."""
    return tuple(name for name in BASELINES if name != RESIDUAL or has_residual_edge(space))


def without_published(setting: Setting, made: Mapping[str, Made]) -> list[str]:
    """A line for policies that have no published number beside them, and why.

    Policies of which nothing was published are not named.
    """
    if setting.retrained and setting.space == PAPER.space:
        return [
            "no published number stands beside these: the truth is not the benchmark's own, but of "
            "its networks trained again"
        ]
    without: dict[str, list[str]] = {}
    for policy in published_initial("best-acc", setting):
        other = differences(policy, made.get(policy, {}), setting.space)
        if other:
            without.setdefault(", ".join(other), []).append(policy)
    return [
        f"no published number stands beside {', '.join(policies)}: measured with {other}"
        for other, policies in without.items()
    ]


@dataclass(frozen=True, repr=False)
class InitialResult(Answer):
    """Scores of A_0 by several policies, and what follows from them.

    Attributes:
        settings: the settings, with every 'auto' decided.
        scores: the score table (schema SCORES).
        asked: the policies that were asked for, without those that are set beside them; their
            tests are the family of Holm's adjustment. All but references and bars where None.
        remarks: what there is to say of how the numbers were computed, a line each.
        also: what is shown beside the usual tables, of 'scores' and 'tasks'.
    """

    settings: ScoringSettings
    scores: pd.DataFrame
    asked: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        settings: ScoringSettings,
        found: Sequence[tuple[Unit, Outcome]],
        asked: tuple[str, ...] | None = None,
    ) -> InitialResult:
        """The result of what units gave, by resolved settings."""
        parts = [schema.conform(outcome.tables["scores"], "scores") for _, outcome in found]
        remarks = notes_of(outcome for _, outcome in found)
        return cls(settings, pd.concat(parts, ignore_index=True), asked, remarks)

    @property
    def setting(self) -> Setting:
        """Space and truth of these correlations: what published ones may stand beside them."""
        truth = self.settings.oracle
        return Setting(
            self.settings.space, truth.dataset or "", truth.split or "", self.truth.retrained
        )

    def published(self, reference: str = "best-acc") -> dict[str, float]:
        """Published rho of the same space, truth and settings, by policy."""
        return published_initial(reference, self.setting, self.made)

    @property
    def made(self) -> dict[str, dict[str, Any]]:
        """What each policy's scores and their truth were made with, by policy."""
        truth = self.settings.oracle
        of_truth = {"epochs": truth.epochs, "reduction": truth.seeds} if truth.known else {}
        settings = vars(self.settings)
        return {name: made_with(name, settings) | of_truth for name in self.settings.policies}

    @cached_property
    def correlation(self) -> pd.DataFrame:
        """Mean Spearman of every ordered pair of policies (schema CORRELATION).

        Over the edges of the first stage, where a space decides its edges in stages.
        """
        weightless = get_space(self.settings.space).weightless
        return Correlation(asked=self.asked, weightless=weightless)(self._first_stage)

    @cached_property
    def selection(self) -> pd.DataFrame:
        """The architecture that each policy picks edge by edge, as in Table 1."""
        return Selection()(self.scores, self.truth)

    @cached_property
    def truth(self) -> Truth:
        """What says how good architectures are, of every dataset that the table has."""
        return truth_of(self.settings)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Paired differences between policies in agreement with best-acc, with exact tests."""
        if not self.settings.oracle.known:
            return no_differences()
        return paired_differences(self._first_stage, asked=self.asked)

    @cached_property
    def edge_specific(self) -> pd.DataFrame:
        """Agreement with best-acc beyond a preference that is the same on all edges.

        See :func:`opscore.analysis.edge_specific_agreement`; empty where there is no truth.
        """
        references = ["best-acc"] if self.settings.oracle.known else []
        return edge_specific_agreement(self._first_stage, references)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """Agreement with each task of the space.

        Columns: :data:`opscore.experiments.initial.tasks.TASKS`.
        """
        knowing = [name for name in dict.fromkeys(self.scores["policy"]) if knows_truth(str(name))]
        truths = truth_scores(self.settings, dict.fromkeys([*USUAL, *map(str, knowing)]))
        return task_correlations(self.scores, truths, asked=self.asked)

    @property
    def _first_stage(self) -> pd.DataFrame:
        return scores_of_stage(self.scores, get_space(self.settings.space))

    def against(self, reference: str = "best-acc") -> pd.DataFrame:
        """The correlation table's rows for one reference, strongest first."""
        rows = self.correlation[self.correlation["reference"] == reference]
        return schema.Whole(rows.sort_values("rho", ascending=False, ignore_index=True))

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        return [
            *self.measured_with(),
            *self.remarks,
            *self.truth_notes(),
            *without_published(self.setting, self.made),
            *tables.missing_scores(self.scores),
        ]

    def measured_with(self) -> list[str]:
        """What the scores rest on, a line each: images, supernet, training if there is any."""
        settings = self.settings
        size = settings.checkpoint.name if settings.checkpoint else describe_size(settings.size)
        supernet = f"supernet: {settings.space}, {size}, {describe_scores(settings)}"
        trained = any("trained" in find_family(p)[0].policy.uses for p in settings.policies)
        training = [settings.profile.describe()] if trained else []
        return [describe_images(settings), supernet, *training]

    def truth_notes(self) -> list[str]:
        """What best-acc and avg-acc are made of, and which table errors and ranks are of."""
        if not self.settings.oracle.known:
            return [f"truth: none; {no_truth(self.settings.space)}"]
        oracle = ScoringContext(self.settings, 0).oracle
        sample = [halves_note(oracle)] if isinstance(oracle, SampledOracle) else []
        own = f"truth: {oracle.describe()}"
        return [own, *sample, f"errors and ranks: {self.truth.describe()}"]

    def tables(self) -> list[Table]:
        """Agreement with the truth, or where there is none between policies; then the picks."""
        found = [tables.scores(self.scores)] if "scores" in self.also else []
        if self.settings.oracle.known:
            found += [self._agreement(name, detail=name != USUAL[0]) for name in USUAL]
        elif not self.correlation.empty:
            found.append(tables.agreement_between(self.correlation))
        found.append(tables.selection(self._picks, self.settings.oracle.dataset))
        return [*found, *(tables.tasks(self.tasks) if "tasks" in self.also else [])]

    def _agreement(self, reference: str, *, detail: bool) -> Table:
        rows = side_by_side(self.against(reference), reference, None, self.setting, self.made)
        return tables.agreement_with(rows, reference, self.edge_specific, detail=detail)

    @property
    def _picks(self) -> pd.DataFrame:
        """What policies pick, with the published error and rank of the same settings."""
        known = [
            published_pick(policy, replace(self.setting, dataset=dataset), self.made[policy])
            for policy, dataset in zip(
                self.selection["policy"], self.selection["dataset"], strict=True
            )
        ]
        return self.selection.assign(
            published_error=[error.value for error, _ in known],
            published_rank=[rank for _, rank in known],
        )

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        return {
            "correlation": self.correlation,
            "selection": self.selection,
            "differences": self.differences,
            "edge_specific": self.edge_specific,
            **({"tasks": self.tasks} if "tasks" in self.also else {}),
            "scores": self.scores,
            "settings": self.facts(),
        }

    def facts(self) -> dict[str, Any]:
        """Settings and provenance as plain values, for JSON."""
        return {
            **self.settings.facts(),
            "truth": self.truth.facts(),
            "notes": self.notes(),
            **provenance(),
        }

    def trouble(self) -> str | None:
        """How many scores failed that may not fail again; None where none did."""
        return failed_now(self.scores["status"])

    def files(self) -> dict[str, pd.DataFrame]:
        """All tables."""
        names = ["scores", "correlation", "differences", "selection", "tasks"]
        return {f"{name}.parquet": getattr(self, name) for name in names}

    def pictures(self) -> list[Picture]:
        """Figure 2 (left), and each policy's agreement with best-acc."""
        found = []
        if not self.correlation.empty:
            found.append(Picture("figure2_left", self.correlation, self.figure))
        if not (rows := self.against("best-acc")).empty:
            found.append(Picture("best_acc", rows, self.bars))
        return found

    def figure(self) -> Figure:
        """Figure 2 (left), the correlation matrix; its ``savefig`` writes it into a file."""
        from opscore.analysis.figures import correlation_matrix
        from opscore.answers.style import figure_of

        return figure_of(correlation_matrix(self.correlation, note=self._figure_note()))

    def bars(self, reference: str = "best-acc") -> Figure:
        """Each policy against one reference, with intervals, beside the published values."""
        from opscore.analysis.figures import correlation_bars
        from opscore.answers.style import figure_of

        axes = correlation_bars(
            self.against(reference),
            reference,
            published=self.published(reference),
            note=self._figure_note(),
        )
        return figure_of(axes)

    def _figure_note(self) -> str:
        return "; ".join(["measured", *self.measured_with(), *self.truth_notes()])


def with_truth(settings: S, references: Sequence[str]) -> S:
    """Resolved settings, with the truth's policies before the others where there is a truth."""
    resolved = resolve(settings)
    return with_policies(resolved, references, first=True) if resolved.oracle.known else resolved


def with_policies(settings: S, more: Sequence[str], *, first: bool = False) -> S:
    """Resolved settings with further policies, before or after the others."""
    names = (*more, *settings.policies) if first else (*settings.policies, *more)
    return resolve(replace(settings, policies=tuple(dict.fromkeys(names))))


@takes(ScoringSettings, "policies", "seeds")
@progress.shows_progress
@isolated()
def initial(
    settings: ScoringSettings, run: RunSettings, *, baselines: bool = True
) -> InitialResult:
    """Score every operation of every edge of A_0, for each policy and seed.

    ::

        result = opscore.initial(["zc-pt(nwot)", "disc-zc(nwot)"], seeds=range(4))
        result.against("best-acc")   # Spearman with intervals and exact p-values
        result.selection             # the architectures picked, their error and rank

    best-acc and avg-acc are added to the policies where the space has a truth.

    Args:
        baselines: also score those of :data:`BASELINES` that the space has, which say how far one
            gets without a network, where the space has a truth.

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    resolved = with_truth(settings, USUAL)
    if baselines and resolved.oracle.known:
        resolved = with_policies(resolved, baselines_of(get_space(resolved.space)))
    wanted = units(resolved)
    outcomes = complete(wanted, run, asked=resolved)
    found = list(zip(wanted, outcomes, strict=True))
    return InitialResult.of(resolved, found, settings.policies)


def halves_note(oracle: SampledOracle) -> str:
    """How far a sampled truth agrees with itself, and what its references are."""
    halves = agreement_of_kinds(oracle.space.name, oracle.accuracies)
    said = ", ".join(f"{rho:.2f} ({kind})" for kind, rho in halves.items())
    return (
        f"two halves of the sample agree on the operations of an edge by a Spearman of {said}; "
        "avg-acc is a mean of its architectures, best-acc the best of a few"
    )


__all__ = ["InitialResult", "Unit", "initial"]
