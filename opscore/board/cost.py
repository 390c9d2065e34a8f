"""What an entrant's scores cost: states of the supernet that are scored, gradients, seconds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from opscore.board.definition import Board
from opscore.board.scores import SpaceScores, parts_of
from opscore.policies import completions, find_family, integrated, shapley
from opscore.policies.by_cell import BY_CELL
from opscore.policies.pairwise import next_to
from opscore.proxies import proxies_in
from opscore.spaces import SearchSpace, get_space

#: Policies that have one forward and one backward pass.
_ONE_PASS = ("taylor-pt", "taylor-disc", "sensitivity")

#: One row per (space, entrant).
COST = {
    "space": "str",
    "entrant": "str",
    "states": "Int64",  # of the supernet, each with a forward pass at least; missing if not known
    "gradients": "boolean",  # whether each has a backward pass too
    "seconds": "float64",  # of one seed, as measured; shared work is split, known scores cost none
    "made": "str",  # size of the supernet and of the minibatch
}


def cost(board: Board, scores: Mapping[str, SpaceScores]) -> pd.DataFrame:
    """The cost of every entrant in every space (:data:`COST`)."""
    rows = []
    for space in board.spaces:
        own = scores[space]
        seconds = own.scores.groupby(["policy", "seed"], dropna=False)["seconds"].sum()
        for name in dict.fromkeys(map(str, own.scores["policy"])):
            policy = board.entered(name, space)
            states, gradients = passes(policy, get_space(space))
            rows.append(
                {
                    "space": space,
                    "entrant": name,
                    "states": pd.NA if states is None else states,
                    "gradients": gradients,
                    "seconds": float(seconds[name].mean()),
                    "made": str(own.made.get(name, "")),
                }
            )
    return pd.DataFrame(rows, columns=list(COST)).astype(COST)


def passes(policy: str, space: SearchSpace) -> tuple[int | None, bool]:
    """States that are scored for the scores of A_0, and whether they need gradients.

    None where that is not known from the policy's name.
    """
    parts = parts_of(policy)
    if parts:
        each = [passes(part, space) for part in dict.fromkeys(parts)]
        return sum(states or 0 for states, _ in each), any(needed for _, needed in each)
    found, argument = find_family(policy)
    gradients = any("gradients" in " ".join(proxy.needs) for proxy in proxies_in(argument))
    if not found.policy.uses & {"supernet", "trained"} or found.policy.exact:
        return 0, False
    operations = sum(map(len, space.operations))
    removals = operations - sum(space.keeps)
    counted = {
        # In one cell at a time: so many states in each cell, whose number the size says.
        "zc-pt": None if BY_CELL in argument else operations,
        "disc-zc": operations,
        "shapley-zc": 1 + shapley.ORDERS * removals,
        "pairwise": 1 + operations + _pairs(space),
        "ig": integrated.NODES,
        **dict.fromkeys(_ONE_PASS, 1),
    }
    family = policy.partition("(")[0]
    if family in completions.REDUCTIONS:
        counted[family] = len(set(completions.drawn_completions(space.initial_state(), seed=0)))
    return counted.get(family), gradients or family in (*_ONE_PASS, "ig")


def _pairs(space: SearchSpace) -> int:
    """Pairs of operations of adjacent edges."""
    state = space.initial_state()
    return sum(space.shape[edge] * len(next_to(state, edge)) for edge in state.open_edges) // 2
