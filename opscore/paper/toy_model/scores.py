"""The toy model (paper, section 3.2): does a policy find what is best end to end, as depth grows?

On a chain of L edges every architecture can be scored on its own, so a score of an operation has a
truth that needs no training:

    best-nwot(e, o) = max of nwot over all architectures with o on e, weights shared with the chain

and Spearman's rho is taken over all 4 L scores at once, as the authors do, not edge by edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opscore import progress, schema
from opscore.analysis import over_seeds
from opscore.errors import UserError
from opscore.experiments import ScoringContext, score_table
from opscore.experiments.dependencies import (
    arithmetic_key,
    batch_key,
    policy_key,
    precision_key,
    survivors_key,
)
from opscore.experiments.settings import place
from opscore.fingerprint import RESULTS
from opscore.images import Batch
from opscore.policies import find_family, make_policy
from opscore.proxies import MEANINGS, may_pass
from opscore.proxies.nwot import log_determinant
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.settings import ScoringSettings
from opscore.spaces import SearchSpace
from opscore.supernets import Supernet
from opscore.supernets.chain import OPERATIONS, ChainSupernet, build_chain, chain_space
from opscore.typed import take_types

#: The truth of the toy model, as tables name it.
BEST_NWOT = "best-nwot"

#: What the published table compares.
POLICIES = ("zc-pt(nwot)", "disc-zc(nwot)")

#: Images of the minibatch; as the authors'.
BATCH_SIZE = 64

#: The longest chain that is scored whole: 1,048,576 architectures, hours on one core.
MOST_EDGES = 10


@dataclass(frozen=True)
class ToyContext(ScoringContext):
    """A chain and a minibatch of one seed, for policies to score.

    Attributes:
        length: number of edges.
    """

    length: int = 1

    @property
    def space(self) -> SearchSpace:
        """The chain's space."""
        return chain_space(self.length)

    @cached_property
    def chain(self) -> ChainSupernet:
        """The chain of this seed."""
        chain = build_chain(self.length, self.seed)
        return place(self.settings, chain)

    @cached_property
    def supernet(self) -> Supernet:
        """The same, as policies ask for it."""
        return self.chain

    @cached_property
    def batch(self) -> Batch:
        """Images as they are, not augmented; the same ones for every length."""
        size = self.settings.minibatch
        batch = self.images.minibatch(size, self.seed, "toy", augment=False)
        return place(self.settings, batch)


@dataclass(frozen=True)
class ToyUnit(Run):
    """One chain of one seed: scored by the policies, and by the best of its architectures.

    Attributes:
        settings: resolved settings; policies, images, batch size, dtype and device count.
        length: number of edges.
        seed: the run's seed.
    """

    settings: ScoringSettings
    length: int
    seed: int

    def __post_init__(self) -> None:
        take_types(self, "length", "seed")

    def key(self) -> dict[str, Any]:
        """What the scores depend on, as plain values."""
        settings = self.settings
        return {
            "kind": "toy",
            "results": RESULTS,
            "policies": [
                policy_key(policy) | survivors_key(settings, find_family(policy)[1])
                for policy in settings.policies
            ],
            "length": self.length,
            "seed": self.seed,
            **batch_key(settings),
            **arithmetic_key(settings),
            **precision_key(settings),
        }

    @property
    def label(self) -> str:
        """Length and seed."""
        return progress.label(f"{self.length} edges", self.seed)

    def compute(self, pieces: Pieces) -> Outcome:
        """A score table for each meaning."""
        tables = score_chain(self)
        statuses = [status for table in tables.values() for status in table["status"]]
        return Outcome(tables, failed=tuple(status for status in statuses if may_pass(status)))


def score_chain(unit: ToyUnit) -> dict[str, pd.DataFrame]:
    """Scores of a chain in both meanings (by name; schema SCORES): policies, then best-nwot."""
    tables: dict[str, pd.DataFrame] = {}
    context = ToyContext(unit.settings, unit.seed, length=unit.length)
    best = best_nwot(context.chain, context.batch)
    for meaning in MEANINGS:
        own = replace(context, settings=replace(unit.settings, meaning=meaning))
        own.__dict__.update(chain=context.chain, supernet=context.chain, batch=context.batch)
        scored = [
            score_table(make_policy(policy, own), own.space, unit.seed)
            for policy in unit.settings.policies
        ]
        tables[meaning] = pd.concat([*scored, _truth_table(best[meaning], unit.seed)])
    return tables


def best_nwot(chain: ChainSupernet, batch: Batch) -> dict[str, NDArray[np.float64]]:
    """The best nwot of any architecture with each operation, [edges, operations], by meaning.

    Exact: all 4^length architectures are scored. Minus infinity where none has a score.
    """
    shape = (len(chain.space.edges), len(OPERATIONS))
    best: dict[str, NDArray[np.float64]] = {
        meaning: np.full(shape, -np.inf) for meaning in MEANINGS
    }
    edges = np.arange(shape[0])
    with progress.steps(chain.space.size, "architectures"):
        for found in chain.subnetwork_kernels(batch.images):
            for meaning in MEANINGS:
                value = log_determinant(getattr(found, meaning))
                place = (edges, np.array(found.choices))
                best[meaning][place] = np.maximum(best[meaning][place], value)
            progress.advance()
    return best


def summarize_toy(scores: pd.DataFrame) -> pd.DataFrame:
    """The toy model's table: agreement with best-nwot, and what happens to each operation.

    Args:
        scores: a score table with the columns length and meaning added.

    Returns one row per (meaning, length, policy), best-nwot included: ``rho`` (Spearman over all
    4 L scores, mean over seeds) and ``rho_std`` (sample standard deviation over seeds),
    ``rank_OP`` (mean rank of the operation within its edge, 1 = strongest), ``skips`` (edges on
    which skip_connect is the strongest, mean over seeds) and ``n_seeds``.
    """
    rows = []
    for (meaning, length), group in scores.groupby(["meaning", "length"], sort=False):
        truth = group[group["policy"] == BEST_NWOT]
        for policy, own in group.groupby("policy", sort=False):
            rhos = [_pooled_rho(own, truth, seed) for seed in sorted(set(own["seed"]))]
            over = over_seeds(rhos)
            rows.append(
                {
                    "meaning": meaning,
                    "length": length,
                    "policy": policy,
                    "rho": over.mean,
                    "rho_std": over.std,
                    **_ranks(own),
                    "skips": _skips(own) / len(rhos),
                    "n_seeds": len(rhos),
                }
            )
    return pd.DataFrame(rows)


def _pooled_rho(own: pd.DataFrame, truth: pd.DataFrame, seed: int) -> float:
    from scipy.stats import spearmanr

    keys = ["edge", "op"]
    x = own[own["seed"] == seed].set_index(keys)["strength"]
    y = truth[truth["seed"] == seed].set_index(keys)["strength"].reindex(x.index)
    return float(spearmanr(x.to_numpy(), y.to_numpy()).statistic)


def _ranks(own: pd.DataFrame) -> dict[str, float]:
    ranks = own.groupby(["seed", "edge"])["strength"].rank(ascending=False)
    means = ranks.groupby(own["op"]).mean()
    return {f"rank_{op}": float(means[op]) for op in OPERATIONS}


def _skips(own: pd.DataFrame) -> int:
    """Number of (seed, edge) on which the skip connection is the strongest."""
    places = own.groupby(["seed", "edge"])["strength"].rank(ascending=False, method="first")
    return int((own.loc[places == 1, "op"] == "skip_connect").sum())


def _truth_table(best: NDArray[np.float64], seed: int) -> pd.DataFrame:
    rows = [
        {
            "policy": BEST_NWOT,
            "seed": seed,
            "iteration": 0,
            "edge": edge,
            "op": op,
            "score": value,
            "strength": value,
            "status": "ok",
            "seconds": np.nan,
        }
        for edge, values in enumerate(best.tolist())
        for op, value in zip(OPERATIONS, values, strict=True)
    ]
    return schema.conform(pd.DataFrame(rows), "scores")


def toy_units(
    settings: ScoringSettings, lengths: Sequence[int], seeds: Sequence[int]
) -> list[ToyUnit]:
    """Every length with every seed, short chains first.

    UserError for a length below one, or above :data:`MOST_EDGES`.
    """
    for length in lengths:
        chain_space(length)
        if length > MOST_EDGES:
            raise UserError(
                f"lengths go up to {MOST_EDGES}: all 4^L architectures of a chain are scored, some "
                f"hundred a second; {length} edges have 4^{length} = {4.0**length:.2g}"
            )
    return [ToyUnit(settings, length, seed) for length in sorted(set(lengths)) for seed in seeds]
