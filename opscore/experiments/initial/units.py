"""Initial scoring: f(A_0, e, o) for every operation of every edge (paper, section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd

from opscore import progress, schema
from opscore.engine import proving, training_network
from opscore.errors import UserError
from opscore.experiments.dependencies import (
    batch_key,
    image_key,
    network_key,
    ntk_key,
    oracle_key,
    policy_key,
    precision_key,
    start_key,
    survivors_key,
    training_key,
)
from opscore.experiments.settings import image_set, no_truth, place
from opscore.experiments.trained_supernets import trained_supernet
from opscore.images import Batch, ImageSet
from opscore.oracles import Oracle, load_accuracies
from opscore.oracles.tables import Accuracies
from opscore.policies import EdgeScores, Policy, find_family, make_policy
from opscore.proxies import How, Memo, Score, may_pass
from opscore.rng import derive_seed
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.settings import OracleSettings, ScoringSettings, Settings
from opscore.spaces import SearchSpace, State, get_space
from opscore.supernets import Supernet, build_supernet, load_batch, load_checkpoint
from opscore.supernets.measure import draw_validation
from opscore.supernets.training import tune
from opscore.typed import shown


@dataclass(frozen=True)
class Unit(Run):
    """The smallest piece of an experiment that is computed and stored: one policy, one seed.

    Attributes:
        settings: resolved settings of the experiment.
        policy: the policy's name.
        seed: the run seed; None for a policy that draws nothing.
        memo: shared by the units of a seed that are computed in one process.
    """

    settings: ScoringSettings
    policy: str
    seed: int | None
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    def key(self) -> dict[str, Any]:
        """What the unit's scores depend on, as plain values; its hash names the run."""
        return unit_key("initial", self.settings, self.policy, self.seed)

    @property
    def label(self) -> str:
        """Policy and seed."""
        return progress.label(self.policy, self.seed)

    @property
    def light(self) -> bool:
        """Whether no network is scored, or only what it has is counted."""
        policy = find_family(self.policy)[0].policy
        return policy.exact or not policy.uses & {"supernet", "trained"}

    def compute(self, pieces: Pieces) -> Outcome:
        """The score table; a unit is its own smallest piece."""
        with proving(self.settings.prove):
            return scored(score_unit(self))


def scored(table: pd.DataFrame) -> Outcome:
    """A score table as the outcome of a run; failures that may pass are no result."""
    failed = tuple(status for status in table["status"] if may_pass(status))
    return Outcome({"scores": schema.conform(table, "scores")}, failed=failed)


def unit_key(kind: str, settings: Settings, policy: str, seed: int | None) -> dict[str, Any]:
    """What one policy's scores depend on, as plain values."""
    uses = find_family(policy)[0].policy.uses
    key = start_key(kind, settings.space) | policy_key(policy) | {"seed": seed}
    if "oracle" in uses:
        key |= oracle_key(ScoringContext(settings, 0).oracle)
    if uses & {"supernet", "trained"}:
        key |= {**network_key(settings), "meaning": settings.meaning}
    if "supernet" in uses:
        name, argument = policy.partition("(")[0].strip(), find_family(policy)[1]
        key |= precision_key(settings) | survivors_key(settings, argument)
        key |= ntk_key(settings, name, argument)
    if "batch" in uses:
        key |= batch_key(settings)
    if "patches" in uses and "image_content" not in key:
        key |= image_key(settings.images, settings.data_dir)
    if "trained" in uses:
        key |= training_key(settings)
    return key


@dataclass(frozen=True)
class ScoringContext:
    """Supernet, minibatch and oracle of one seed; each is made when it is first asked for.

    Attributes:
        settings: resolved settings.
        seed: the run's seed.
        draw: names the draw of images; none is that of initial scoring.
        memo: scores that are known already.
    """

    settings: Settings
    seed: int
    draw: tuple[str | int, ...] = ()
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    def redrawn(self, *draw: str | int) -> ScoringContext:
        """A context with other images and the same supernets and oracle."""
        other = replace(self, draw=draw)
        for part in ("images", "oracle", "supernet", "thin_supernet", "trained_supernet"):
            if part in self.__dict__:
                other.__dict__[part] = self.__dict__[part]
        return other

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.settings.space)

    @property
    def how(self) -> How:
        """How proxies compute their scores."""
        settings = self.settings
        survivors = None if settings.survivors == "auto" else settings.survivors
        return How(settings.meaning, precision=settings.precision, survivors=survivors)

    @cached_property
    def images(self) -> ImageSet:
        """The image set that everything is drawn from."""
        return image_set(self.settings)

    @cached_property
    def oracle(self) -> Oracle:
        """The truth."""
        name, settings = self.settings.space, self.settings.oracle
        if not settings.known:
            raise UserError(f"there is no truth: {no_truth(name)}")
        accuracies = load_accuracies(name, settings.source, self.settings.data_dir)
        return _oracle(self.space, accuracies, settings)

    @cached_property
    def supernet(self) -> Supernet:
        """The checkpoint if one was given, else a fresh supernet of this seed."""
        if self.settings.checkpoint is not None:
            supernet = load_checkpoint(self.settings.checkpoint, self.settings.space).eval()
        else:
            supernet = build_supernet(
                self.settings.space,
                self.settings.size,
                seed=self.seed,
                n_classes=self.images.n_classes,
            )
        return place(self.settings, supernet)

    @cached_property
    def thin_supernet(self) -> Supernet:
        """A fresh supernet of this seed with one input channel."""
        thin = build_supernet(
            self.settings.space,
            self.settings.size,
            seed=derive_seed(self.seed, "thin"),
            in_channels=1,
            n_classes=self.images.n_classes,
        )
        return place(self.settings, thin)

    @cached_property
    def patches(self) -> Batch:
        """3,000 patches of the image set, as the authors' tenas counts linear regions on."""
        patches = self.images.patches(3000, self.seed, "patches", *self.draw)
        return place(self.settings, patches)

    @cached_property
    def batch(self) -> Batch:
        """The minibatch file if one was given, else a draw of this seed."""
        if self.settings.batch_file is not None:
            batch = load_batch(self.settings.batch_file)
        else:
            draw = self.draw or ("initial",)
            batch = self.images.minibatch(self.settings.minibatch, self.seed, *draw)
        return place(self.settings, batch)

    @cached_property
    def trained_supernet(self) -> Supernet:
        """The checkpoint if one was given, else a supernet of this seed, trained or found."""
        return trained_supernet(self.settings, self.seed)

    @cached_property
    def validation(self) -> Batch:
        """Images of the validation half, as many as the training profile says."""
        batch = draw_validation(self.images, self.settings.profile, self.seed, *self.draw)
        return place(self.settings, batch)

    def train(self, supernet: Supernet, state: State) -> pd.DataFrame:
        """Retrain a supernet under a state, in place; batches are those of this context's draw."""
        return tune(
            supernet,
            self.images,
            self.settings.profile,
            self.seed,
            state=state,
            purpose=("retraining", *self.draw),
            measure=False,
            forward=training_network,
        )


def units(settings: ScoringSettings) -> list[Unit]:
    """The units of an experiment: every policy with every seed, or once if it draws nothing."""
    found: list[Unit] = []
    memos = {seed: Memo() for seed in (None, *settings.seeds)}
    for policy in settings.policies:
        seeds = seeds_of(policy, settings)
        found.extend(Unit(settings, policy, seed, memos[seed]) for seed in seeds)
    return found


def seeds_of(policy: str, settings: Settings) -> tuple[int | None, ...]:
    """The seeds that a policy is scored with: None alone where no seed makes a difference.

    A supernet from a file, scored on a minibatch from a file, is one measurement, not several.
    """
    uses = find_family(policy)[0].policy.uses
    given = {"seed"}
    given |= {"supernet"} if settings.checkpoint is not None else set()
    given |= {"batch"} if settings.batch_file is not None else set()
    drawn = "seed" in uses and not (uses > {"seed"} and uses <= given)
    return settings.seeds if drawn else (None,)


def score_unit(unit: Unit) -> pd.DataFrame:
    """The score table of one unit (schema SCORES), computed here and now.

    A score that another unit of the seed left in the memo has zero seconds.
    """
    context = ScoringContext(unit.settings, unit.seed or 0, memo=unit.memo)
    policy = make_policy(unit.policy, context)
    return score_table(policy, context.space, unit.seed)


def score_table(policy: Policy, space: SearchSpace, seed: int | None) -> pd.DataFrame:
    """Scores of all operations of A_0 by one policy (schema SCORES)."""
    state = space.initial_state()
    return tabulate(policy, state, scores_of(policy, state), seed)


def scores_of(policy: Policy, state: State) -> EdgeScores:
    """A policy's scores of all open edges; UserError where one of one's own gives other things."""
    found = policy.scores(state, state.open_edges)
    for edge in state.open_edges:
        ops, row = state.remaining(edge), found.get(edge, [])
        if len(row) != len(ops) or not all(isinstance(score, Score) for score in row):
            raise UserError(
                f"policy '{policy.name}' gives {shown(list(row))} for edge {edge}; it has to give "
                f"{len(ops)} scores, Score.of(value), one for each operation that remains"
            )
    return found


def tabulate(
    policy: Policy, state: State, scores: EdgeScores, seed: int | None, iteration: int = 0
) -> pd.DataFrame:
    """A policy's scores of a state's operations as a table (schema SCORES)."""
    every = [
        (edge, op, score)
        for edge, row in scores.items()
        for op, score in zip(state.remaining(edge), row, strict=True)
    ]
    known = any(not math.isnan(score.error) for _, _, score in every)
    rows = [
        {
            "policy": policy.name,
            "seed": pd.NA if seed is None else seed,
            "iteration": iteration,
            "edge": edge,
            "op": state.space.operations[edge][op],
            "score": score.value,
            "strength": policy.strength(score),
            "status": score.status,
            "seconds": score.seconds,
            **({"error": score.error} if known else {}),
        }
        for edge, op, score in every
    ]
    return schema.conform(pd.DataFrame(rows), "scores")


@lru_cache(maxsize=8)
def _oracle(space: SearchSpace, accuracies: Accuracies, settings: OracleSettings) -> Oracle:
    """The truth that resolved settings take out of a table, made once for as long as it is read.

    A table is another object when another file is found, or the file was changed.
    """
    key = accuracies.resolve(settings.dataset, settings.split, settings.epochs)
    return accuracies.oracle(space, key, settings.seeds, allow_partial=settings.allow_partial)
