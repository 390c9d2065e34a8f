"""Progressive scoring: score all open edges, discretize one, go on (paper, section 3.2).

At iteration t every open edge of A_t is scored. Then the order's next edge is discretized to the
policy's own choice, which gives A_(t+1); a policy that scores a trained supernet retrains it under
the new state for k epochs. So it goes on until one operation is left on every edge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress, schema
from opscore.engine import proving, training_network
from opscore.errors import UserError, one_of
from opscore.experiments.initial.units import (
    ScoringContext,
    scores_of,
    seeds_of,
    tabulate,
    unit_key,
)
from opscore.experiments.settings import is_trained
from opscore.isolation import own_generators
from opscore.policies import make_policy
from opscore.policies.zero_cost import ZeroCostPolicy
from opscore.proxies import may_pass
from opscore.proxies.score import OK, refuse_passing
from opscore.rng import derive_seed, numpy_generator
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.settings import ProgressiveSettings, Settings
from opscore.spaces import SearchSpace, State, get_space
from opscore.supernets import Supernet
from opscore.supernets.training import tune

#: Orders that have a name: the space's own, and one drawn for each seed.
ORDERS = ("fixed", "random")

#: A named order, or all edges by index or name.
Order = str | Sequence[int | str]


@dataclass(frozen=True)
class ProgressiveUnit(Run):
    """One policy's way from A_0 to an architecture, with one seed.

    Attributes:
        settings: resolved settings; their training profile has this policy's k.
        policy: the policy's name.
        seed: the run seed; None for a policy that draws nothing, in an order that is not drawn.
        order: the edges, in the order in which they are discretized.
    """

    settings: Settings
    policy: str
    seed: int | None
    order: tuple[int, ...]

    @property
    def trained(self) -> bool:
        """Whether the policy scores a trained supernet."""
        return is_trained(self.policy)

    def key(self) -> dict[str, Any]:
        """What the unit's scores depend on, as plain values; its hash names the run."""
        key = unit_key("progressive", self.settings, self.policy, self.seed)
        return {**key, "order": list(self.order)}

    @property
    def label(self) -> str:
        """Policy and seed."""
        return progress.label(self.policy, self.seed)

    def compute(self, pieces: Pieces) -> Outcome:
        """All iterations, a table each: the scores, with the decision in two columns."""
        with proving(self.settings.prove):
            steps = follow(self, pieces)
        failed = [reason for step in steps for reason in step.failed]
        return Outcome(
            {_step_name(step.iteration): _frame(step) for step in steps}, failed=tuple(failed)
        )

    def steps(self, outcome: Outcome) -> list[Iteration]:
        """The iterations, from what the run gave."""
        state = get_space(self.settings.space).initial_state()
        steps: list[Iteration] = []
        for iteration, edge in enumerate(self.order):
            frame = outcome.tables[_step_name(iteration)]
            steps.append(_step(frame, iteration, state, edge, _step_name(iteration)))
            state = steps[-1].after
        return steps


@dataclass(frozen=True)
class Iteration:
    """One iteration: the scores of A_t, and what was decided.

    Attributes:
        iteration: t.
        state: A_t.
        edge: the edge that is discretized.
        op: the operation that it keeps, or the operations.
        scores: of all open edges of A_t (schema SCORES).
        failed: why some of these, or of those that decided, are missing, for reasons that may pass.
    """

    iteration: int
    state: State
    edge: int
    op: int | tuple[int, ...]
    scores: pd.DataFrame
    failed: tuple[str, ...] = ()

    @property
    def op_names(self) -> list[str]:
        """Names of what the edge keeps."""
        names = self.state.space.operations[self.edge]
        return [names[op] for op in ((self.op,) if isinstance(self.op, int) else self.op)]

    @property
    def after(self) -> State:
        """A_(t+1)."""
        return self.state.discretize(self.edge, self.op)


def resolve_order(space: SearchSpace, order: Order, seed: int | None) -> tuple[int, ...]:
    """The open edges of A_0 in an order, one stage of the space after the other.

    UserError when the order is unknown, lacks an edge, or mixes stages.
    """
    open_edges = space.initial_state().open_edges
    if isinstance(order, str):
        if one_of("order", order, ORDERS) == "fixed":
            return tuple(sorted(open_edges, key=space.stage_of))
        drawn = numpy_generator(seed or 0, "order").permutation(len(open_edges))
        return tuple(sorted((open_edges[int(place)] for place in drawn), key=space.stage_of))
    found = tuple(space.edge_index(edge) for edge in order)
    if sorted(found) != list(open_edges):
        raise UserError(
            f"an order names each of the {len(open_edges)} edges once, got "
            f"{', '.join(map(str, order)) or 'none'}"
        )
    if list(found) != sorted(found, key=space.stage_of):
        raise UserError(
            f"{space.name} decides its edges in stages, and this order mixes them; "
            f"'fixed' is {', '.join(space.edges[e] for e in sorted(found, key=space.stage_of))}"
        )
    return found


def progressive_units(settings: ProgressiveSettings) -> list[ProgressiveUnit]:
    """The units of a progressive experiment: every policy with every seed.

    settings: resolved.
    """
    epochs, order = settings.retrain_epochs, settings.order
    by_policy: Mapping[str, int | None] = (
        epochs if isinstance(epochs, Mapping) else dict.fromkeys(settings.policies, epochs)
    )
    for policy in by_policy:
        one_of("policy with retraining epochs", policy, settings.policies)
    space = get_space(settings.space)
    found: list[ProgressiveUnit] = []
    for policy in settings.policies:
        profile = settings.profile.with_tuning(by_policy.get(policy))
        own = replace(settings, training=profile, retrain_epochs=None)
        seeds = settings.seeds if order == "random" else seeds_of(policy, settings)
        found.extend(
            ProgressiveUnit(own, policy, seed, resolve_order(space, order, seed)) for seed in seeds
        )
    return found


def follow(unit: ProgressiveUnit, folder: Pieces | Path | None = None) -> list[Iteration]:
    """All iterations of a unit; those that the folder has are not redone.

    Args:
        unit: what to compute.
        folder: where each iteration is written as soon as it is finished, and the supernet after
            each epoch of retraining; None keeps nothing.
    """
    state = get_space(unit.settings.space).initial_state()
    context = ScoringContext(unit.settings, unit.seed or 0)
    pieces = Pieces.of(folder)
    supernet = _TunedSupernet(unit, context, pieces)
    steps: list[Iteration] = []
    for iteration, edge in progress.each(list(enumerate(unit.order)), "iterations"):
        name = _step_name(iteration)
        if (frame := pieces.get(name)) is not None:
            step = _step(frame, iteration, state, edge, str(pieces.path(f"{name}.parquet")))
        else:
            if unit.trained:
                context.__dict__["trained_supernet"] = supernet.at_state(steps)
            step = score_step(unit, context, iteration, state)
            if step.failed:
                pieces = Pieces()  # it is no result, and what follows depends on it
            pieces.put(name, _frame(step))
        steps.append(step)
        state = step.after
    supernet.pieces.drop("supernet-*.pt")
    return steps


def score_step(
    unit: ProgressiveUnit, context: ScoringContext, iteration: int, state: State
) -> Iteration:
    """Score the open edges of A_t and decide on the order's next edge.

    Images are drawn anew in each iteration; the first draw is that of initial scoring. A zero-cost
    policy of the faithful meaning scores its next edge once more on a minibatch of its own, and
    that second score decides, as in the authors' runs; otherwise the scores themselves decide.
    """
    edge = unit.order[iteration]
    drawn = context.redrawn("progressive", iteration) if iteration else context
    policy = make_policy(unit.policy, drawn)
    # An iteration that goes on from those before draws as one that follows them at once.
    with own_generators(derive_seed(unit.seed or 0, "progressive", unit.policy, iteration)):
        scores = scores_of(policy, state)
        if isinstance(policy, ZeroCostPolicy) and unit.settings.meaning == "faithful":
            policy = make_policy(unit.policy, drawn.redrawn("decision", iteration))
            decided = policy.scores(state, [edge])[edge]
        else:
            decided = scores[edge]
        if sum(score.status == OK for score in decided) < state.space.keeps[edge]:
            refuse_passing(policy.name, (score.status for score in decided))
        op = policy.pick(state, edge, decided)
    table = tabulate(policy, state, scores, unit.seed, iteration)
    statuses = [*table["status"], *(score.status for score in decided)]
    failed = tuple(dict.fromkeys(filter(may_pass, statuses)))
    return Iteration(iteration, state, edge, op, table, failed)


class _TunedSupernet:
    """The trained supernet on its way through the iterations, retrained after each decision."""

    def __init__(self, unit: ProgressiveUnit, context: ScoringContext, pieces: Pieces) -> None:
        self.unit = unit
        self.context = context
        self.pieces = pieces
        self.iteration: int | None = None

    @cached_property
    def supernet(self) -> Supernet:
        """The one object that is retrained in place."""
        return self.context.trained_supernet

    def at_state(self, steps: Sequence[Iteration]) -> Supernet:
        """The supernet after retraining under the state that the steps lead to."""
        if self.iteration is None:
            # What is on disk holds everything: what came before it need not be done again.
            paths = {t: self._path(t) for t in range(1, len(steps) + 1)}
            on_disk = [t for t, path in paths.items() if path is not None and path.is_file()]
            self.iteration = max(on_disk, default=1) - 1
        for iteration in range(self.iteration + 1, len(steps) + 1):
            tune(
                self.supernet,
                self.context.images,
                self.unit.settings.profile,
                self.context.seed,
                state=steps[iteration - 1].after,
                purpose=("tuning", iteration),
                checkpoint=self._path(iteration),
                forward=training_network,
            )
            self.iteration = iteration
            self.pieces.drop(f"supernet-{iteration - 1}.pt")
        return self.supernet

    def _path(self, iteration: int) -> Path | None:
        return self.pieces.path(f"supernet-{iteration}.pt")


def _step_name(iteration: int) -> str:
    return f"iteration-{iteration}"


def _frame(step: Iteration) -> pd.DataFrame:
    """Scores and decision in one table, so that neither is there without the other."""
    op = step.op if isinstance(step.op, int) else "+".join(map(str, step.op))
    return step.scores.assign(decided_edge=step.edge, decided_op=op)


def _step(frame: pd.DataFrame, iteration: int, state: State, edge: int, name: str) -> Iteration:
    try:
        decided, text = int(frame["decided_edge"].iloc[0]), str(frame["decided_op"].iloc[0])
        ops = tuple(int(part) for part in text.split("+"))
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(f"{name} cannot be read ({error}); delete it to redo it") from None
    if decided != edge or not set(ops) <= set(state.remaining(edge)):
        raise UserError(f"{name} is of another run; delete its folder")
    op = ops if state.space.keeps[edge] > 1 else ops[0]
    return Iteration(iteration, state, edge, op, schema.conform(frame, "scores"))
