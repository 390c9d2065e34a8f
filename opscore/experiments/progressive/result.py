"""``opscore.progressive``: scoring along searches, over policies and seeds, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore import progress, schema
from opscore.analysis import Correlation, with_holm
from opscore.analysis.bars import in_family
from opscore.analysis.stages import scores_of_stage
from opscore.answers import Answer, Column, Picture, Table
from opscore.errors import one_of
from opscore.experiments import (
    Iteration,
    ProgressiveSettings,
    ProgressiveUnit,
    ScoringContext,
    progressive_units,
    tables,
    tabulate,
)
from opscore.experiments.initial.result import InitialResult, with_truth, without_published
from opscore.isolation import isolated
from opscore.policies import make_policy
from opscore.proxies import failed_now
from opscore.published import published_progressive, side_by_side
from opscore.runs.loop import complete
from opscore.runs.run import notes_of
from opscore.runs.store import Outcome, provenance
from opscore.settings import RunSettings, takes
from opscore.spaces import SearchSpace, State, get_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The truth; always followed as a policy too.
REFERENCE = "best-acc"

#: What scores are compared with: best-acc of A_0 (as published), or of the policy's own A_t.
ORACLE_MODES = ("initial", "conditional")

#: Parts that the iterations are cut into where only some of them are shown.
_SHOWN = 4

#: One row per (policy, seed, iteration).
DECISIONS = {
    "policy": "str",
    "seed": "Int64",
    "iteration": "int64",
    "edge": "int64",  # the edge that was discretized
    "op": "str",  # the operation that it kept; several are joined by '+'
    "state": "str",  # A_t, which the decision was taken in
}


@dataclass(frozen=True, repr=False)
class ProgressiveResult(Answer):
    """Scores along the searches of several policies, and what follows from them.

    Attributes:
        settings: the settings, with every 'auto' decided.
        units: what was computed: each policy with each seed, its order and its k.
        scores: the score table (schema SCORES), all iterations.
        decisions: a frame with columns :data:`DECISIONS`.
        remarks: what there is to say of how the numbers were computed, a line each.
    """

    settings: ProgressiveSettings
    units: tuple[ProgressiveUnit, ...]
    scores: pd.DataFrame
    decisions: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, settings: ProgressiveSettings, found: Sequence[tuple[ProgressiveUnit, Outcome]]
    ) -> ProgressiveResult:
        """The result of what units gave, by resolved settings."""
        followed = [(unit, unit.steps(outcome)) for unit, outcome in found]
        parts = [step.scores for _, steps in followed for step in steps]
        return cls(
            settings=settings,
            units=tuple(unit for unit, _ in found),
            scores=pd.concat(parts, ignore_index=True),
            decisions=decisions_table(followed),
            remarks=notes_of(outcome for _, outcome in found),
        )

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.settings.space)

    def correlation(self, oracle: str | None = None) -> pd.DataFrame:
        """Spearman with best-acc at each iteration, over the edges that are still open.

        Args:
            oracle: 'initial' compares with best-acc of A_0, as the paper's figure does;
                'conditional' with Eq. 1 read literally: best-acc of the policy's own A_t.

        Returns a frame (schema CORRELATION) with reference best-acc; without rows where the space
        has no truth.
        """
        mode = one_of("oracle mode", oracle or self.settings.oracle_mode, ORACLE_MODES)
        if not self.settings.oracle.known:
            return schema.empty("correlation")
        # The reference keeps all its edges: a later stage is compared with its initial scores too.
        own = self.scores["policy"] == REFERENCE
        parts = [self.scores[own], scores_of_stage(self.scores[~own], self.space)]
        decided = pd.concat(parts, ignore_index=True)
        if mode == "initial":
            correlation = Correlation(reference_iteration=0, weightless=self.space.weightless)
            return correlation(decided, references=[REFERENCE])
        parts = [
            Correlation(weightless=self.space.weightless)(
                pd.concat([rows, self._conditional_truth(str(policy))], ignore_index=True),
                references=[REFERENCE],
            )
            for policy, rows in decided.groupby("policy", sort=False)
            if policy != REFERENCE
        ]
        if not parts:
            return schema.empty("correlation")
        rows = pd.concat(parts, ignore_index=True)
        tested = [in_family(str(policy), None) for policy in rows["policy"]]
        together = with_holm(rows, ["reference", "iteration"], tested)
        return schema.conform(together, "correlation")

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Spearman between all pairs of policies at each iteration (schema CORRELATION).

        Over the edges that are open in both, each on its own way; it needs no truth. Edges of a
        later stage are left out until those before it are decided.
        """
        correlation = Correlation(weightless=self.space.weightless)
        return correlation(scores_of_stage(self.scores, self.space))

    def same_choices(self, policy: str, other: str) -> float:
        """The share of edges on which two policies ended alike, mean over the seeds of both."""
        first, second = (
            self.decisions[self.decisions["policy"] == name] for name in (policy, other)
        )
        common = first["seed"].isna().all() or second["seed"].isna().all()
        on = ["edge"] if common else ["edge", "seed"]
        pairs = first.merge(second, on=on, suffixes=("", "_other"))
        return float((pairs["op"] == pairs["op_other"]).mean())

    def against_published(self, oracle: str | None = None) -> pd.DataFrame:
        """The correlations with the published curve beside them; see :func:`side_by_side`."""
        setting = self._initial.setting
        published = published_progressive(setting)
        return side_by_side(
            self.correlation(oracle), REFERENCE, published, setting, self.made(oracle)
        )

    @cached_property
    def architectures(self) -> pd.DataFrame:
        """The architecture that each search ended on, its error and rank (schema SELECTION)."""
        truth = self._initial.truth
        rows = [
            {"policy": unit.policy, "seed": table_seed(unit.seed), **found}
            for unit, states in self._paths()
            for found in truth.judge(states[-1])
        ]
        return schema.conform(pd.DataFrame(rows), "selection")

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        initial = self._initial
        without = without_published(initial.setting, self.made())
        missing = tables.missing_scores(self.scores)
        return [
            *self.measured_with(), *self.remarks, *initial.truth_notes(), *without, *missing
        ]  # fmt: skip

    def made(self, oracle: str | None = None) -> dict[str, dict[str, Any]]:
        """What each policy's scores and their truth were made with, by policy."""
        asked = {
            "edge_order": self.settings.order,
            "oracle_mode": oracle or self.settings.oracle_mode,
        }
        return {name: made | asked for name, made in self._initial.made.items()}

    def measured_with(self) -> list[str]:
        """What the scores rest on, a line each."""
        notes = self._initial.measured_with()
        epochs = ", ".join(f"{policy} {k}" for policy, k in self._retraining().items())
        if epochs:
            notes[2] = self.settings.profile.describe(epochs)
        return notes

    def facts(self) -> dict[str, Any]:
        """Settings and provenance as plain values, for JSON."""
        return {
            **self.settings.facts(),
            "retrain_epochs": self._retraining(),
            "truth": self._initial.truth.facts(),
            "notes": self.notes(),
            **provenance(),
        }

    def tables(self) -> list[Table]:
        """The curves, or where there is no truth how alike policies are; then the ends."""
        known = self.settings.oracle.known
        what = "error, rank on the truth's dataset" if known else "no truth"
        title = f"Architecture that each search ended on: {what}"
        ends = tables.selection(self.architectures, self.settings.oracle.dataset, title)
        if known:
            own = self.settings.oracle_mode == "conditional"
            truth = "each policy's own A_t" if own else "A_0"
            return [tables.curves(self.against_published(), truth), ends]
        return [ends] if self.agreement.empty else [self._alike(), ends]

    def _alike(self) -> Table:
        """Each pair of policies at a few iterations, and in how many decisions they were alike."""
        found = tables.pairs_once(self.agreement)
        edges = found.groupby("iteration")["n_edges"].max()
        edges = edges[edges > 0]
        last = len(edges) - 1
        shown = edges.iloc[sorted({round(last * part / _SHOWN) for part in range(_SHOWN + 1)})]
        rows = [
            {
                "policy": policy,
                "and": other,
                **pair.set_index("iteration")["rho"].rename(str),
                "alike": 100 * self.same_choices(str(policy), str(other)),
            }
            for (policy, other), pair in found.groupby(["policy", "reference"], sort=False)
        ]
        return Table(
            "No truth: Spearman between policies by iteration (open edges)",
            (
                Column("policy"),
                Column("and"),
                *tables.by_iteration(shown),
                Column("alike", "same\nchoice", "number", ".0f", unit=" %"),
            ),
            pd.DataFrame(rows),
            caption="says how alike policies are, not which is right; --json has every iteration",
        )

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        return {
            "correlation": self.correlation(),
            "agreement": self.agreement,
            "selection": self.architectures,
            "decisions": self.decisions,
            "scores": self.scores,
            "settings": self.facts(),
        }

    def trouble(self) -> str | None:
        """How many scores failed that may not fail again; None where none did."""
        return failed_now(self.scores["status"])

    def files(self) -> dict[str, pd.DataFrame]:
        """All tables."""
        return {
            "scores.parquet": self.scores,
            "decisions.parquet": self.decisions,
            "correlation.parquet": self.correlation(),
            "architectures.parquet": self.architectures,
        }

    def pictures(self) -> list[Picture]:
        """Figure 2 (right)."""
        drawn = self.correlation()
        return [] if drawn.empty else [Picture("figure2_right", drawn, self.figure)]

    def figure(self, oracle: str | None = None) -> Figure:
        """Figure 2 (right), one line per policy; its ``savefig`` writes it into a file.

        ``oracle``: 'initial' or 'conditional', see :meth:`correlation`; that of the call if None.
        """
        from opscore.analysis.figures import correlation_lines
        from opscore.answers.style import figure_of

        mode = oracle or self.settings.oracle_mode
        frame = self.correlation(mode)
        truth = "best-acc of A_0" if mode == "initial" else "best-acc of each A_t"
        note = "; ".join(["measured", f"against {truth}", *self.measured_with()])
        axes = correlation_lines(frame, REFERENCE, note=note)
        edges = frame.groupby("iteration")["n_edges"].max()
        axes.set_xticks(
            edges.index.tolist(),
            [f"{t}\n{n} edge{'' if n == 1 else 's'}" for t, n in edges.items()],
        )
        return figure_of(axes)

    @cached_property
    def _initial(self) -> InitialResult:
        """The same settings and scores, as initial scoring describes them."""
        return InitialResult(self.settings, self.scores)

    def _retraining(self) -> dict[str, int]:
        """k of each policy that scores a trained supernet."""
        return {
            unit.policy: unit.settings.profile.tuning_epochs for unit in self.units if unit.trained
        }

    def _paths(self) -> list[tuple[ProgressiveUnit, list[State]]]:
        """Each unit with A_0 ... A_|E|, from the decisions."""
        found = []
        for unit in self.units:
            own = self.decisions[self.decisions["policy"] == unit.policy]
            if unit.seed is not None:
                own = own[own["seed"] == unit.seed]
            states = [self.space.initial_state()]
            for edge, op in zip(own["edge"].tolist(), own["op"].tolist(), strict=True):
                kept = op.split("+") if self.space.keeps[edge] > 1 else op
                states.append(states[-1].discretize(edge, kept))
            found.append((unit, states))
        return found

    def _conditional_truth(self, policy: str) -> pd.DataFrame:
        truth = make_policy(REFERENCE, ScoringContext(self.settings, 0))
        tables = [
            tabulate(truth, state, truth.scores(state, state.open_edges), unit.seed, iteration)
            for unit, states in self._paths()
            if unit.policy == policy
            for iteration, state in enumerate(states[:-1])
        ]
        return pd.concat(tables, ignore_index=True)


@takes(ProgressiveSettings, "policies", "seeds")
@progress.shows_progress
@isolated()
def progressive(settings: ProgressiveSettings, run: RunSettings) -> ProgressiveResult:
    """Score all open edges, discretize the next one by the policy's choice, and so on to the end.

    ::

        result = opscore.progressive(["zc-pt(nwot)"], seeds=range(4))
        result.correlation()         # Spearman per iteration, as Figure 2 (right)
        result.architectures         # where the searches ended, their error and rank

    best-acc is added to the policies where the space has a truth. A run that was stopped goes on
    after its last finished iteration, and within retraining after its last epoch.

    Args:

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    resolved = with_truth(settings, [REFERENCE])
    units = progressive_units(resolved)
    outcomes = complete(units, run, asked=resolved)
    return ProgressiveResult.of(resolved, list(zip(units, outcomes, strict=True)))


def decisions_table(followed: Sequence[tuple[ProgressiveUnit, list[Iteration]]]) -> pd.DataFrame:
    """What was decided at each iteration, a frame with columns :data:`DECISIONS`."""
    rows = [
        {
            "policy": unit.policy,
            "seed": table_seed(unit.seed),
            "iteration": step.iteration,
            "edge": step.edge,
            "op": "+".join(step.op_names),
            "state": str(step.state),
        }
        for unit, steps in followed
        for step in steps
    ]
    return schema.table(rows, DECISIONS)


def table_seed(seed: int | None) -> Any:
    """A seed as tables have it: missing where nothing was drawn."""
    return pd.NA if seed is None else seed
