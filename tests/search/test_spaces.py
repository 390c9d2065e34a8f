"""Searches on every space: methods, orders, what they cost, and what they find."""

from __future__ import annotations

import math

import pytest

from opscore import run_search
from opscore.search import ORDERS
from opscore.spaces import get_space, list_spaces

#: Spaces of many edges, and what is theirs on fewer operations: 'make test-all' has them.
LARGE = {"darts", "darts-none", "s1", "s2", "s3", "s4", "mobilenet", "transnas-macro"}
OTHERS = [space for space in list_spaces() if space not in {"nasbench201", *LARGE}]
SMALL = {"size": "smoke", "batch_size": 4, "images": "noise", "proposals": 2, "validation": 1}
METHODS = (
    "random",
    "max-params",
    "naswot(synflow)",
    "evolution(params)",
    "te-nas",
    "darts",
    "darts-pt",
    "zero-cost-disc(synflow)",
    "zero-cost-pt(nwot)",
)
#: Much work even at the smallest size, or no truth to compare with.
LONG = ("te-nas", "darts-pt")


def methods_and_spaces():
    """Each method on one space in turn; 'make test-all' has the rest."""
    spaces = [space for space in OTHERS if space != "nb1shot1-3"]
    for turn, method in enumerate(METHODS):
        for place, space in enumerate([*spaces, *sorted(LARGE)]):
            now = place == turn % len(spaces) and method not in LONG
            yield pytest.param(method, space, marks=() if now else pytest.mark.exhaustive)


@pytest.mark.parametrize(("method", "space"), [*methods_and_spaces()])
def test_every_method_finds_an_architecture_of_every_space(data_dir, method, space):
    found = run_search([method], space=space, evaluations=6, data_dir=data_dir, **SMALL)
    row = found.architectures.iloc[0]
    assert get_space(space).parse(row["architecture"]).is_architecture
    assert found.summary()["published"].isna().all()
    known = found.architectures.dropna(subset=["error"])
    assert (known["regret"] >= -1e-9).all()
    assert (known["rank"] >= 1).all()


def perturbations(space, order):
    """By the formulas of section 4.2, with each edge's own number of options, stage by stage."""
    counts = [len(operations) for operations in space.operations]
    if order in ("fixed", "random"):
        return sum(counts)
    # Which edges are decided first is not known; of each stage the counts are alike or sorted out
    # below by bounds.
    stages = [sorted(counts[edge] for edge in stage) for stage in space.stages]
    if order.endswith("iter"):
        least = sum(sum(sum(stage[: k + 1]) for k in range(len(stage))) for stage in stages)
        most = sum(sum(sum(stage[k:]) for k in range(len(stage))) for stage in stages)
        return least, most
    # All edges once, and each but the first again when it is decided.
    return 2 * sum(counts) - max(counts), 2 * sum(counts) - min(counts)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "name", ["nb1shot1-2", pytest.param("nasbench-macro", marks=pytest.mark.exhaustive)]
)
def test_orders_perturb_as_often_as_their_formulas_say(name, order):
    from opscore.experiments import OracleSettings

    found = run_search(
        ["zero-cost-pt(synflow)"],
        space=name,
        order=order,
        oracle=OracleSettings(source="none"),
        **{**SMALL, "proposals": 1, "validation": 0},
    )
    space, trace = get_space(name), found.trace
    asked = int(found.costs["perturbations"].iloc[0])
    assert asked == len(trace)
    wanted = perturbations(space, order)
    low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    assert low <= asked <= high
    decided = trace[trace["decided"]].groupby("step", sort=False)
    edges = [int(rows["edge"].iloc[0]) for _, rows in decided]
    assert sorted(edges) == list(range(len(space.edges)))
    assert edges == sorted(edges, key=space.stage_of), "a stage comes after the one before it"
    assert [len(rows) for _, rows in decided] == [space.keeps[edge] for edge in edges]


def test_without_a_truth_only_what_is_known_of_it_stays_empty():
    from opscore.experiments import OracleSettings

    found = run_search(
        ["zero-cost-pt(synflow)", "random"],
        seeds=(0, 1),
        space="nb1shot1-1",
        oracle=OracleSettings(source="none"),
        **{**SMALL, "proposals": 1, "validation": 0},
    )
    ends = found.architectures
    assert len(ends) == 4
    assert ends[["error", "rank", "percentile", "regret"]].isna().all().all()
    assert set(ends["dataset"]) == {""}
    assert found.candidates["chosen"].sum() == 4
    summary = found.summary().set_index("method")
    assert math.isnan(summary.loc["random", "error"])
    assert any("none" in note for note in found.notes())
