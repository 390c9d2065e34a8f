"""The proposal stage: from A_0, discretize edge after edge by zc-pt or disc-zc (section 4.1).

All proposals of a seed start from the same supernet weights. A proposal draws its own alphas, and
a minibatch for each scoring; both depend on (seed, proposal) alone, so proposals may be computed
by any worker in any order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from opscore import schema
from opscore.experiments import ScoringContext
from opscore.policies import Policy, make_policy
from opscore.policies.base import EdgeScores
from opscore.proxies import may_pass
from opscore.proxies.score import OK
from opscore.rng import numpy_generator, torch_generator
from opscore.runs.store import TIMES, Pieces
from opscore.search.base import TRACE
from opscore.search.orders import OrderRule
from opscore.spaces import State
from opscore.supernets import Supernet
from opscore.supernets.copying import copy_network


@dataclass(frozen=True)
class Proposal:
    """One full discretization.

    Attributes:
        number: its index, from 0.
        trace: a frame with columns :data:`opscore.search.base.TRACE`, one row per perturbation.
        architecture: where it ended; None when an edge had no score for any operation.
        seconds: wall time that it took when it was computed.
    """

    number: int
    trace: pd.DataFrame
    architecture: State | None
    seconds: float

    @property
    def status(self) -> str:
        """'ok', or why there is no architecture."""
        if self.architecture is not None:
            return OK
        # An edge without a score is only taken when no edge has one: then it is the first.
        step, scoring = self.trace[["step", "pass"]].iloc[-1]
        last = self.trace[(self.trace["step"] == step) & (self.trace["pass"] == scoring)].iloc[0]
        return f"no operation of edge {last['edge']} has a score: {last['status']}"


def propose(
    context: ScoringContext,
    policy: str,
    rule: OrderRule,
    number: int,
    start: State | None = None,
) -> Proposal:
    """Walk from A_0 to an architecture by 'zc-pt(P)' or 'disc-zc(P)', the proposal of this number.

    Supernet and images of the context are left as they are. start: where the walk begins, if not
    with A_0.
    """
    begun = time.perf_counter()
    state = context.space.initial_state() if start is None else start
    # In the authors' program for two kinds of cell all proposals share the first one's alphas.
    shared = len(rule.turns(state)) > 1
    scorer = _EdgeScorer(context, policy, number, alphas=0 if shared else number)
    draw = numpy_generator(context.seed, "search", "order", number)
    queue = rule.unscored(state, draw)
    finished, step = True, 0
    while state.open_edges and finished:
        for edges in rule.turns(state):
            ranked: EdgeScores = {}
            if rule.ranks(step, state):
                asked = edges if rule.each_step else state.open_edges
                ranked = scorer.scores(state, asked, step, ranking=True)
                first = rule.ranking(scorer.strengths(ranked))
                queue = (*first, *(edge for edge in queue if edge not in first))
            edge = next(edge for edge in queue if edge in edges)
            if not ranked or rule.decide_anew:
                ranked = scorer.scores(state, [edge], step, ranking=False)
            op = scorer.pick(state, edge, ranked)
            if op is None:
                finished = False
                break
            state = state.discretize(edge, op)
        step += 1
    found = state if finished else None
    return Proposal(number, scorer.trace(), found, time.perf_counter() - begun)


class _EdgeScorer:
    """Scores states within one proposal, and writes down what it scored."""

    def __init__(self, context: ScoringContext, policy: str, number: int, alphas: int) -> None:
        self.number = number
        self._policy = policy
        self._context = context.redrawn("search", number)
        drawn = torch_generator(context.seed, "search", "alphas", alphas)
        self._context.__dict__["supernet"] = with_alphas(context.supernet, drawn)
        self._context.__dict__["images"] = context.images
        self._rows: list[dict[str, Any]] = []
        self._latest: Policy | None = None

    def scores(self, state: State, edges: Sequence[int], step: int, *, ranking: bool) -> EdgeScores:
        """Scores of the operations of some edges, all on one new minibatch."""
        drawn = self._context.redrawn("search", self.number, step, "rank" if ranking else "decide")
        self._latest = make_policy(self._policy, drawn)
        found = self._latest.scores(state, edges)
        self._rows += [
            {
                "proposal": self.number,
                "step": step,
                "state": str(state),
                "edge": edge,
                "op": state.space.operations[edge][op],
                "score": score.value,
                "status": score.status,
                "pass": int(not ranking),
                "decided": False,
            }
            for edge in edges
            for op, score in zip(state.remaining(edge), found[edge], strict=True)
        ]
        return found

    def strengths(self, scores: EdgeScores) -> dict[int, list[float]]:
        """The scores turned so that larger means 'keep this operation'."""
        assert self._latest is not None
        return {edge: [self._latest.strength(s) for s in row] for edge, row in scores.items()}

    def pick(self, state: State, edge: int, scores: EdgeScores) -> int | tuple[int, ...] | None:
        """What to keep, the first one on ties; None when too few operations have a score."""
        assert self._latest is not None
        if sum(score.status == OK for score in scores[edge]) < state.space.keeps[edge]:
            return None
        picked = self._latest.pick(state, edge, scores[edge])
        for op in (picked,) if isinstance(picked, int) else picked:
            name = state.space.operations[edge][op]
            row = next(r for r in reversed(self._rows) if (r["edge"], r["op"]) == (edge, name))
            row["decided"] = True
        return picked

    def trace(self) -> pd.DataFrame:
        """What was scored, a frame with columns TRACE."""
        return schema.table(self._rows, TRACE)


def with_alphas(supernet: Supernet, generator: torch.Generator) -> Supernet:
    """A copy of a supernet with fresh architecture parameters, as its family draws them."""
    copied = copy_network(supernet)
    copied.redraw_alphas(generator)
    return copied


def read_proposal(pieces: Pieces, number: int, initial: State) -> Proposal | None:
    """A finished proposal; None when there is none, UserError when it is not what was written."""
    frame = pieces.get(f"proposal-{number}", TRACE | {TIMES: "float64"})
    if frame is None:
        return None
    trace = frame[list(TRACE)]
    return Proposal(number, trace, _end(trace, initial), float(frame[TIMES].iloc[0]))


def write_proposal(pieces: Pieces, proposal: Proposal) -> None:
    """Keep a finished proposal, whole or not at all; one with a failure that may pass is not."""
    if not any(map(may_pass, proposal.trace["status"])):
        frame = proposal.trace.assign(**{TIMES: proposal.seconds})
        pieces.put(f"proposal-{proposal.number}", frame)


def _end(trace: pd.DataFrame, initial: State) -> State | None:
    """The architecture that the decisions of a trace lead to; None when edges are left open."""
    state = initial
    decided = trace[trace["decided"]]
    for _, rows in decided.groupby(["step", "edge"], sort=False):
        state = state.discretize(rows["edge"].iloc[0], rows["op"].tolist())
    return state if state.is_architecture else None
