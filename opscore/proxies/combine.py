"""Combinations of proxies: vote(P1,P2,...) and rank-mean(P1,P2,...).

A combination ranks a set of candidates, such as the operations of an edge. It has no value for a
single network, so all the states that are asked for together are one set of candidates, and
``grouped`` tells policies to ask edge by edge.

    rank-mean:  S(i) = mean over proxies P of rank_P(i),  1 = worst; ties share their mean rank
    vote:       S(i) = number of candidates j that most proxies find worse than i
                       + 1/2 for each j on which they are divided equally

(rank-mean: Chen et al. 2021, who add the ranks of two; vote: the majority vote between two networks
of Abdelfattah et al. 2021, over all pairs.) Larger is better; each proxy's own sign is
taken care of. Both are turned round exactly when all the rankings are, so they mean the same in
zc-pt, where the smallest S marks the operation to keep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from opscore.errors import UserError, one_of
from opscore.images import Batch
from opscore.proxies.base import PROXIES, Proxy
from opscore.proxies.how import FAITHFUL, How
from opscore.proxies.memo import Memo
from opscore.proxies.score import Score
from opscore.registry import split_names
from opscore.settings import Precision
from opscore.spaces import State
from opscore.supernets import Supernet

Array = NDArray[np.float64]


def _no_single_value(network: nn.Module, batch: Batch) -> float:
    raise UserError("a combination ranks candidates; it has no value for a single network")


@dataclass(frozen=True)
class Combination(Proxy):
    """Several proxies that rank candidates together.

    Attributes:
        proxies: what is combined.
        combine: strengths [proxies, candidates] to one score for each candidate.
    """

    grouped: ClassVar[bool] = True

    proxies: tuple[Proxy, ...] = ()
    combine: Callable[[Array], Array] = field(default=lambda strengths: strengths[0])

    def scores(
        self,
        supernet: Supernet,
        states: Sequence[State],
        batch: Batch,
        how: How = FAITHFUL,
        *,
        memo: Memo | None = None,
    ) -> list[Score]:
        """One score for each state, relative to the other states of this call.

        A candidate that one of the proxies cannot score has no score, and the others are ranked
        without it. The memo keeps the scores of the parts, not the ranks.
        """
        self.require_precision(how.precision)
        found = [proxy.scores(supernet, states, batch, how, memo=memo) for proxy in self.proxies]
        strengths = np.array(
            [
                [proxy.sign * score.value for score in row]
                for proxy, row in zip(self.proxies, found, strict=True)
            ]
        )
        usable = np.asarray(np.isfinite(strengths).all(axis=0))
        combined = iter(self.combine(strengths[:, usable]).tolist() if usable.any() else [])
        scores = []
        for candidate, good in zip(zip(*found, strict=True), usable, strict=True):
            seconds = sum(score.seconds for score in candidate)
            if good:
                scores.append(Score.of(next(combined), seconds))
            else:
                pairs = zip(self.proxies, candidate, strict=True)
                failed = [f"{proxy.name}: {s.status}" for proxy, s in pairs if s.status != "ok"]
                scores.append(Score(math.nan, "; ".join(failed), seconds))
        return scores


def rank_mean(strengths: Array) -> Array:
    """Mean over rows of the ranks within a row; 1 is the smallest strength."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(strengths, axis=1).mean(axis=0))


def vote(strengths: Array) -> Array:
    """Number of candidates (columns) that a majority of the rows puts below each one."""
    majority = np.sign(strengths[:, :, None] - strengths[:, None, :]).sum(axis=0)
    # A candidate is level with itself, which adds one half to every one.
    return np.asarray((np.sign(majority) + 1).sum(axis=1) / 2 - 0.5)


COMBINATIONS: dict[str, Callable[[Array], Array]] = {"rank-mean": rank_mean, "vote": vote}

#: Short names of combinations that have one. TE-NAS adds the ranks of the two.
ALIASES = {"tenas": "rank-mean(ntk,linear_regions)"}


def parse_combination(name: str) -> Combination | None:
    """The combination of this name; None when the name is not of that form.

    UserError when it is, but the kind or one of the proxies is unknown, or there are fewer than
    two proxies.
    """
    text = ALIASES.get(name, name)
    kind, opened, inside = text.partition("(")
    if not opened:
        return None
    one_of("combination", kind, COMBINATIONS)
    if not inside.endswith(")"):
        raise UserError(f"bad combination '{name}'; the form is {kind}(P1,P2,...)")
    names = split_names(inside[:-1])
    if len(dict.fromkeys(names)) < 2:
        raise UserError(f"'{name}' combines fewer than two proxies")
    proxies = tuple(PROXIES[part] for part in dict.fromkeys(names))
    shown = name if name in ALIASES else f"{kind}({','.join(p.name for p in proxies)})"
    return Combination(
        name=shown,
        function=_no_single_value,
        higher_is_better=True,
        source="; ".join(dict.fromkeys(proxy.source for proxy in proxies)),
        needs=frozenset[str]().union(*(proxy.needs for proxy in proxies)),
        precisions=frozenset[Precision].intersection(*(proxy.precisions for proxy in proxies)),
        proxies=proxies,
        combine=COMBINATIONS[kind],
    )
