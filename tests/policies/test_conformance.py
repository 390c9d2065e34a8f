"""Every policy on every space: scores of all operations, the same each time, and a pick."""

from __future__ import annotations

import pytest

from opscore.policies import POLICIES
from opscore.spaces import list_spaces
from opscore.testing import check_policy, check_space

NAMES = [
    f"{name}({'synflow' if name.startswith('taylor') else 'nwot'})"
    if POLICIES[name].check_argument
    else name
    for name in POLICIES
    if POLICIES[name].argument == "PROXY"  # an order of operations is of one space
]
#: Spaces of many edges, and what is theirs on fewer operations: 'make test-all' has them.
LARGE = {"nb1shot1-3", "darts", "darts-none", "s2", "s3", "s4", "mobilenet"}
OTHERS = [space for space in list_spaces() if space not in {"nasbench201", *LARGE}]


#: Trained policies run on the smallest supernet first.
TRAINED = ("disc-acc", "darts-pt", "darts")
#: Most of the time of all; tests of their own have them on NAS-Bench-201.
LONG = ("tenas", "disc-acc")


def on_spaces(names):
    """Each policy on one space in turn; 'make test-all' has the rest."""
    for turn, name in enumerate(names):
        for place, space in enumerate([*OTHERS, "nasbench201", *sorted(LARGE)]):
            turns = space == "nb1shot1-2" if name in TRAINED else place == turn % len(OTHERS)
            now = turns and name not in LONG
            yield pytest.param(name, space, marks=() if now else pytest.mark.exhaustive)


@pytest.mark.parametrize(("policy", "space"), [*on_spaces(NAMES)])
def test_every_policy_scores_and_picks(policy, space):
    check_policy(policy, [space])


@pytest.mark.parametrize(
    "space",
    [
        pytest.param(s, marks=pytest.mark.exhaustive) if s in {"nb1shot1-2", *LARGE} else s
        for s in list_spaces()
    ],
)
def test_every_space_keeps_its_promises(space):
    check_space(space)
