"""zc-pt in one cell at a time: what an operation is worth, and how sure that is from one seed.

    zc-pt(P, by=cell):  argmax_o  mean over cells c of  r_c(e, o)

with r_c the rank of o within its edge, from 0 (worst) to 1, by S(A_t - (e, o) in cell c alone); as
in zc-pt (Eq. 7) the operation whose removal hurts S most is the best. Cells share the edges of a
space, so the scatter over cells is a standard error that needs no second seed. (That scores of
single cells ought to agree is Lambda-DARTS's thought, Movahedi et al., ICLR 2023, of gradients.) A
cell in which the operations of an edge are level says nothing of it and is left out, as are the
reduction cells for an edge of the normal ones. Where an edge stands in one place, as in a chain of
layers, it is zc-pt, as ranks and without an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from opscore.analysis.matches import ranks_to_one
from opscore.errors import UserError
from opscore.policies.base import Context, EdgeScores, Policy
from opscore.proxies import Proxy, Score, get_proxy
from opscore.proxies.score import OK, passing_failure
from opscore.registry import split_names
from opscore.spaces import State
from opscore.supernets.cells import CellByCell, cells_of

#: What stands behind the proxy in the policy's name.
BY_CELL = "by=cell"


class CellPolicy(Policy):
    """The mean over cells of the rank by what a removal in one cell does to a proxy."""

    uses = frozenset({"supernet", "batch", "seed"})
    higher_is_better = True

    def __init__(self, context: Context, argument: str) -> None:
        self.proxy = parse(argument)[0]
        self.context = context

    def scores(self, state: State, edges: Sequence[int]) -> EdgeScores:
        """Scores of the remaining operations of each edge, with their standard errors.

        A cell in which a proxy fails is left out; an operation without any cell is a failure, and
        so is one with a failure that may pass.
        """
        context, how = self.context, self.context.how
        supernet = context.supernet
        survivors = how.survivors or self.proxy.weighs(how.meaning)
        usual = supernet.weights(state, survivors=survivors)
        asked = [(edge, op) for edge in edges for op in state.remaining(edge)]
        changed = [supernet.weights(state.perturb(*place), survivors=survivors) for place in asked]
        if cells_of(supernet):
            supernet = CellByCell(supernet)
            tables = torch.stack([supernet.tables(usual, each) for each in changed])
        else:
            tables = torch.stack(changed)[:, None]
        found = self.proxy.scores_under(supernet, list(tables.flatten(0, 1)), context.batch, how)
        cells = tables.shape[1]
        rows = dict(
            zip(
                asked,
                (found[place : place + cells] for place in range(0, len(found), cells)),
                strict=True,
            )
        )
        return {
            edge: self._together([rows[edge, op] for op in state.remaining(edge)]) for edge in edges
        }

    def _together(self, rows: Sequence[Sequence[Score]]) -> list[Score]:
        """Scores of an edge's operations, from those of each operation in each cell."""
        sign = -1 if self.proxy.higher_is_better else 1
        by_cell = [
            ranks_to_one([sign * score.value for score in cell]) for cell in zip(*rows, strict=True)
        ]
        told = [ranks for ranks in by_cell if _differ(ranks)] or by_cell
        return [
            mean_of(ranks, row) for ranks, row in zip(zip(*told, strict=True), rows, strict=True)
        ]


def _differ(ranks: Sequence[float]) -> bool:
    return len({rank for rank in ranks if not math.isnan(rank)}) > 1


def mean_of(values: Sequence[float], parts: Sequence[Score]) -> Score:
    """The mean of what is a number, with its standard error; else the failure of the parts."""
    seconds = sum(score.seconds for score in parts)
    known = [value for value in values if not math.isnan(value)]
    passing = passing_failure(part.status for part in parts)
    if passing is not None or not known:
        why = passing or next(s.status for s in parts if s.status != OK)
        return Score(math.nan, why, seconds)
    error = np.std(known, ddof=1) / math.sqrt(len(known)) if len(known) > 1 else math.nan
    return Score(float(np.mean(known)), OK, seconds, float(error))


def parse(argument: str) -> tuple[Proxy, bool]:
    """P of 'P' or 'P, by=cell', and whether it is by cell; UserError for anything else."""
    *names, last = split_names(argument) or [""]
    if "=" not in argument:
        return get_proxy(argument), False
    if last != BY_CELL or "=" in "".join(names):
        raise UserError(f"the form is 'zc-pt(PROXY, {BY_CELL})'; got 'zc-pt({argument})'")
    proxy = get_proxy(", ".join(names))
    if proxy.grouped:
        raise UserError(f"{BY_CELL} takes one proxy, not '{proxy.name}'")
    return proxy, True
