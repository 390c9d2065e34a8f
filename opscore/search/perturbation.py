"""Zero-Cost-PT and Zero-Cost-Disc: N proposals by zc-pt or disc-zc, then V rounds of validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import schema
from opscore.engine import proving
from opscore.errors import UserError, whole_number
from opscore.experiments import ScoringContext
from opscore.isolation import isolated
from opscore.progress import reach, steps
from opscore.proxies import get_proxy
from opscore.proxies.score import OK, refuse_passing
from opscore.runs.store import Pieces, RunStore
from opscore.search.base import (
    CANDIDATES,
    METHODS,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchTask,
    find_method,
    resolve_search,
)
from opscore.search.method_keys import piece_key
from opscore.search.orders import OrderRule, find_order
from opscore.search.proposal import Proposal, propose, read_proposal, write_proposal
from opscore.search.validation import DROPPED, ValidationStage, Verdict, best, parts_of, total
from opscore.settings import SearchSettings
from opscore.spaces import State, get_space
from opscore.typed import made

#: Everything that a proposal, and a candidate's value on a minibatch, depend on, beside the
#: precision, which keys.py adds.
_PIECES = ("order", "orders", "size", "batch_size", "images", "meaning", "dtype", "device")


class ZeroCostSearch(Method):
    """Algorithm 1 of the paper.

    N times, the supernet is discretized edge by edge; the distinct architectures that come out are
    built on their own and scored by the proxy itself on V minibatches; the best total wins. With
    V = 0 it is the first proposal. Each finished proposal is one file, and so are each candidate's
    finished minibatches: a larger N or V goes on from a smaller one.
    """

    uses = (*_PIECES, "proposals", "validation")

    def __init__(self, family: str, policy: str, proxy: str) -> None:
        self.proxy = get_proxy(proxy)
        self.name = f"{family}({self.proxy.name})"
        self.policy = f"{policy}({self.proxy.name})"

    def check(self, settings: SearchSettings) -> None:
        """UserError when the proxy has no fast path in the precision, or cannot race."""
        self.proxy.require_precision(settings.precision)
        if settings.race is not None and self.proxy.grouped:
            raise UserError(
                f"{self.proxy.name} ranks all candidates against each other on every minibatch, so "
                "none can leave a race; race is for proxies whose values stand alone"
            )

    def key(self, settings: SearchSettings) -> dict[str, Any]:
        """What the result depends on; the authors' validation is named by nothing."""
        key = super().key(settings) | _steps_key(settings)
        if settings.validation_weights != "once":
            key["validation_weights"] = settings.validation_weights
        if settings.race is not None:
            key["race"] = settings.race
        return key

    def piece_key(self, settings: SearchSettings) -> dict[str, Any]:
        """Pieces depend neither on N nor on V, nor on a race, which only says which are needed."""
        return {name: getattr(settings, name) for name in _PIECES} | _steps_key(settings)

    @steps(1)
    def search(self, task: SearchTask) -> SearchOutcome:
        """UserError when no proposal reaches an architecture, no candidate can be scored, or the
        order compares edges by scores that only rank the operations of an edge.
        """
        rule = find_order(task.settings.order, task.settings.orders)
        if rule.standing is not None and self.proxy.grouped:
            raise UserError(
                f"{self.proxy.name} ranks the operations of an edge, and the order "
                f"'{rule.name}' compares edges; take 'fixed' or 'random'"
            )
        rounds, start = task.settings.validation, self.start(task.context)
        share = _share(start, rounds)
        proposals = self._propose(task, rule, start, share)
        counts = _distinct(proposals, faithful=task.settings.meaning == "faithful")
        values, verdicts = self._validate(task, list(counts), share)
        winner = best(self.proxy, verdicts) if rounds else 0
        if winner is None:
            refuse_passing(self.name, (verdict.status for verdict in verdicts))
            raise UserError(f"no candidate could be validated: {verdicts[0].status}")
        perturbations = sum(len(proposal.trace) for proposal in proposals)
        parts = len(parts_of(self.proxy))
        return SearchOutcome(
            architecture=list(counts)[winner],
            candidates=_candidates(counts, verdicts, winner),
            trace=pd.concat([proposal.trace for proposal in proposals], ignore_index=True),
            cost=Cost(
                perturbations=perturbations,
                forward_passes=parts * (perturbations + sum(v.minibatches for v in verdicts)),
                seconds=sum(proposal.seconds for proposal in proposals)
                + sum(float(frame["seconds"].sum()) for frame in values),
            ),
        )

    def start(self, context: ScoringContext) -> State:
        """Where every proposal begins: A_0."""
        return context.space.initial_state()

    def _propose(
        self, task: SearchTask, rule: OrderRule, start: State, share: float
    ) -> list[Proposal]:
        numbers = range(task.settings.proposals)
        asked = [(self.policy, rule, number, start, task.pieces) for number in numbers]
        found: list[Proposal] = []
        for proposal in task.each(_proposal, asked):
            found.append(proposal)
            reach(share * len(found) / len(asked), f"proposal {proposal.number}")
        return found

    def _validate(
        self, task: SearchTask, candidates: Sequence[State], share: float
    ) -> tuple[list[pd.DataFrame], list[Verdict]]:
        """Each candidate's values and verdict; without validation there are no values."""
        if task.settings.validation == 0:
            return [], [Verdict(float("nan"))] * len(candidates)
        values, racing = ValidationStage(task, self.proxy, candidates, before=share).run()
        verdicts = [
            verdict if place in racing or verdict.status != OK else replace(verdict, status=DROPPED)
            for place, verdict in enumerate(total(self.proxy, values))
        ]
        return values, verdicts


@isolated()
def zero_cost_pt(
    proxy: str = "nwot",
    *,
    seed: int = 0,
    policy: str = "zc-pt",
    store: Path | str | None = None,
    jobs: int = 1,
    **settings: Any,
) -> SearchOutcome:
    """One search by Zero-Cost-PT.

    ::

        found = opscore.zero_cost_pt("nwot", seed=0)
        str(found.architecture), found.candidates, found.trace, found.cost

    Args:
        proxy: S, a proxy's name.
        seed: of weights, minibatches and draws.
        policy: 'zc-pt', or 'disc-zc' for Zero-Cost-Disc.
        store: folder where finished pieces are kept and found; None keeps nothing.
        jobs: worker processes; the result does not depend on it.
        **settings: fields of :class:`opscore.settings.SearchSettings`.

    Raises:
        UserError: a name is unknown, a number is out of range, or nothing could be scored.
    """
    whole_number(jobs, "the number of jobs", 1)
    name = f"{family_of(policy)}({proxy})"
    asked = made(SearchSettings, {**settings, "methods": (name,), "seeds": (seed,)})
    resolved = resolve_search(asked)
    method, (seed,) = find_method(name), resolved.seeds
    key = piece_key(method, resolved, seed)
    pieces = Pieces() if store is None else RunStore(store).pieces(key)
    with proving(resolved.prove):
        return method.search(SearchTask.of(resolved, seed, pieces, jobs))


def _steps_key(settings: SearchSettings) -> dict[str, Any]:
    """The version of the authors' steps, where they decide an edge of each kind of cell."""
    state = get_space(settings.space).initial_state()
    cells = len(state.space.by_cell(state.open_edges))
    return {"steps": 2} if settings.orders == "authors" and cells > 1 else {}


def _proposal(
    context: ScoringContext,
    policy: str,
    rule: OrderRule,
    number: int,
    start: State,
    pieces: Pieces,
) -> Proposal:
    found = read_proposal(pieces, number, start)
    if found is None:
        found = propose(context, policy, rule, number, start)
        write_proposal(pieces, found)
    return found


def _share(start: State, rounds: int) -> float:
    """The proposals' share of the work: a perturbation takes about a minibatch of validation."""
    perturbations = sum(len(start.remaining(edge)) for edge in start.open_edges)
    return perturbations / (perturbations + rounds)


def _distinct(proposals: Sequence[Proposal], *, faithful: bool) -> dict[State, int]:
    """How many proposals ended on each architecture, in the order of their first occurrence.

    Equal architectures are one. faithful: they are what the authors' program writes.
    """
    counts: dict[State, int] = {}
    for proposal in proposals:
        if proposal.architecture is not None:
            space = proposal.architecture.space
            ended = proposal.architecture
            form = space.canonical(space.written(ended) if faithful else ended)
            counts[form] = counts.get(form, 0) + 1
    if not counts:
        refuse_passing("no proposal reached an architecture", (p.status for p in proposals))
        raise UserError(f"no proposal reached an architecture: {proposals[0].status}")
    return counts


def _candidates(counts: dict[State, int], verdicts: Sequence[Verdict], winner: int) -> pd.DataFrame:
    rows = [
        (state.space.format(state), count, v.score, v.status, place == winner, v.minibatches)
        for place, ((state, count), v) in enumerate(zip(counts.items(), verdicts, strict=True))
    ]
    return schema.table(rows, CANDIDATES)


#: Method family and summary by the policy that proposes.
FAMILIES = {
    "zc-pt": ("zero-cost-pt", "Zero-Cost-PT: N proposals by zc-pt(P), the best of V minibatches"),
    "disc-zc": ("zero-cost-disc", "Zero-Cost-Disc: the same, proposals by disc-zc(P)"),
}


def family_of(policy: str) -> str:
    """The family of methods whose proposals are by a policy; UserError where there is none."""
    if policy not in FAMILIES:
        raise UserError(f"a search proposes by {' or '.join(FAMILIES)}, not '{policy}'")
    return FAMILIES[policy][0]


for _policy, (_family, _summary) in FAMILIES.items():
    _build = partial(ZeroCostSearch, _family, _policy)
    METHODS.add(
        _family, MethodFamily(_build, _summary, check_argument=get_proxy), source="xiang2023"
    )
