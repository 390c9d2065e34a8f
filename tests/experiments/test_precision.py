"""Precision of the fast path: from the settings to the engine, and what a run's key says of it."""

from __future__ import annotations

import pytest

import opscore
from opscore.errors import UserError
from opscore.experiments import (
    ProgressiveSettings,
    ScoringContext,
    progressive_units,
    resolve,
    units,
)
from opscore.paper.toy_model.result import toy_model
from opscore.paper.toy_model.scores import toy_units
from opscore.policies import make_policy
from opscore.proxies import How, get_proxy
from opscore.spaces import NASBENCH201

SMALL = {"size": "smoke", "batch_size": 16, "images": "digits", "device": "cpu"}
POLICIES = ("zc-pt(nwot)", "disc-zc(nwot)")


def resolved(policies: tuple[str, ...] = POLICIES, **changes: object) -> ProgressiveSettings:
    return resolve(ProgressiveSettings(policies=policies, **(SMALL | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_setting_reaches_the_engine(policy: str) -> None:
    settings = resolved(precision="bf16")
    context = ScoringContext(settings, 0)
    state = NASBENCH201.initial_state()
    change = state.perturb if policy.startswith("zc-pt") else state.discretize
    states = [change(0, op) for op in state.remaining(0)]
    found = [s.value for s in make_policy(policy, context).scores(state, [0])[0]]
    by_precision = {
        precision: [
            s.value
            for s in get_proxy("nwot").scores(
                context.supernet, states, context.batch, How(precision=precision)
            )
        ]
        for precision in ("full", "bf16")
    }
    assert found == by_precision["bf16"] != by_precision["full"]


def test_a_full_run_is_named_by_what_it_depends_on() -> None:
    for unit in (units(resolved())[0], progressive_units(resolved())[0]):
        order = {"order"} if unit.key()["kind"] == "progressive" else set()
        assert set(unit.key()) == order | {
            "kind", "results", "space", "policy", "seed", "size", "checkpoint", "networks",
            "meaning", "dtype", "device", "images", "image_content", "batch_size",
        }  # fmt: skip
    assert "precision" not in toy_units(resolved(), [1], [0])[0].key()


def test_another_precision_is_another_run_of_what_depends_on_it() -> None:
    policies = (*POLICIES, "best-acc", "random", "darts")
    full, rough = resolved(policies), resolved(policies, precision="bf16")
    for one, other in zip(units(full), units(rough), strict=True):
        added = {"precision": "bf16"} if one.policy in POLICIES else {}
        assert other.key() == one.key() | added
    for one, other in zip(progressive_units(full), progressive_units(rough), strict=True):
        added = {"precision": "bf16"} if one.policy in POLICIES else {}
        assert other.key() == one.key() | added


@pytest.mark.parametrize(
    ("policies", "precision", "message"),
    [
        (POLICIES, "bf17", "unknown precision 'bf17'; did you mean bf16"),
        (("zc-pt(snip)",), "bf16", "proxy 'snip' has no fast path in bf16; those that have one: "),
        (("zc-pt(vote(nwot,snip))",), "bf16", "'vote(nwot,snip)' has no fast path in bf16"),
        (("tenas",), "bf16", "policy 'tenas' has no bf16"),
        (("taylor-pt(synflow)",), "bf16", "policy 'taylor-pt(synflow)' has no bf16"),
    ],
)
def test_a_precision_that_cannot_be_is_one_line(
    policies: tuple[str, ...], precision: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        resolved(policies, precision=precision)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_record_of_a_run_names_its_precision() -> None:
    assert opscore.initial(["zc-pt(nwot)"], precision="bf16", **SMALL).facts()["precision"] == (
        "bf16"
    )


def test_chains_are_scored_in_it_too() -> None:
    full, bf16 = (
        toy_model([2], batch_size=8, images="digits", precision=precision).scores["strength"]
        for precision in ("full", "bf16")
    )
    assert not full.equals(bf16)
    assert bf16.to_numpy() == pytest.approx(full.to_numpy(), rel=0.05, nan_ok=True)
