"""Every policy on every space: scores of all operations, the same each time, and a pick."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opscore.policies import POLICIES, completions, shapley
from opscore.settings.profiles import PROFILES
from opscore.spaces import list_spaces
from opscore.testing import check_policy, check_space, policy_checks, space_checks

NAMES = [
    *(
        f"{name}({'synflow' if name.startswith(('taylor', 'ig')) else 'nwot'})"
        if POLICIES[name].check_argument
        else name
        for name in POLICIES
        if POLICIES[name].argument == "PROXY"  # an order of operations is of one space
    ),
    *("zc-pt(nwot, by=cell)", "shapley-acc(reduce=mean-std)"),
]
#: Spaces of many edges, and what is theirs on fewer operations: 'make test-all' has them.
LARGE = {"nb1shot1-3", "darts", "darts-none", "s2", "s3", "s4", "mobilenet", "transnas-macro"}
OTHERS = [space for space in list_spaces() if space not in {"nasbench201", *LARGE}]


#: Trained policies run on the smallest supernet first.
TRAINED = ("disc-acc", "darts-pt", "darts", "shapley-acc(reduce=mean-std)")
#: Most of the time of all; tests of their own have them on NAS-Bench-201.
LONG = ("tenas", "disc-acc")


def now(turn, policy, place, space):
    """Whether 'make test' has it: each policy on one space in turn."""
    turns = space == "nb1shot1-2" if policy in TRAINED else place == turn % len(OTHERS)
    return turns and policy not in LONG


PAIRS = {
    (policy, space): now(turn, policy, place, space)
    for turn, policy in enumerate(NAMES)
    for place, space in enumerate([*OTHERS, "nasbench201", *sorted(LARGE)])
}
#: Spaces whose networks 'make test' has elsewhere.
LATER = {"nb1shot1-2", *LARGE}


@pytest.fixture(autouse=True)
def few_states(monkeypatch):
    """The promises do not depend on how many completions, orders or steps of training there are."""
    short = {"epochs": 1, "steps": 1, "tuning_epochs": 1, "batch_size": 4, "validation": 8}
    monkeypatch.setitem(PROFILES, "smoke", replace(PROFILES["smoke"], **short))
    monkeypatch.setattr(completions, "SAMPLES", 6)
    monkeypatch.setattr(shapley, "ORDERS", 2)


def promises():
    """Each promise of a policy or a space, as a test of its own."""
    for (policy, space), wanted in PAIRS.items():
        if wanted:
            for name, check in policy_checks(policy, space):
                yield pytest.param(check, id=f"{policy}-{space}-{name}")
    for space in list_spaces():
        if space not in LATER:
            for name, check in space_checks(space):
                yield pytest.param(check, id=f"{space}-{name}")


@pytest.mark.parametrize("check", [*promises()])
def test_a_promise_is_kept(check):
    check()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("policy", "space"), [p for p, wanted in PAIRS.items() if not wanted])
def test_every_policy_scores_and_picks(policy, space):
    check_policy(policy, [space])


@pytest.mark.exhaustive
@pytest.mark.parametrize("space", sorted(LATER))
def test_every_space_keeps_its_promises(space):
    check_space(space)
