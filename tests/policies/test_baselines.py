from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

import opscore
from opscore.errors import UserError
from opscore.experiments.initial.result import baselines_of
from opscore.policies import make_policy
from opscore.spaces import NASBENCH201, get_space
from tests.policies.test_policies import CONTEXT

INITIAL = NASBENCH201.initial_state()
ORDER = "nor_conv_3x3>nor_conv_1x1>skip_connect>none>avg_pool_3x3"


def rows(name):
    scores = make_policy(name, CONTEXT).scores(INITIAL, range(6))
    return np.array([[score.value for score in scores[edge]] for edge in range(6)])


def test_a_fixed_order_is_the_same_on_every_edge():
    found = rows(f"fixed-order({ORDER})")
    names = NASBENCH201.operations[0]
    assert sorted(names, key=lambda op: -found[0][names.index(op)]) == ORDER.split(">")
    assert (found == found[0]).all()


def test_operations_that_are_not_named_come_last_together_and_are_said():
    with pytest.warns(match="share the last place: avg_pool_3x3, nor_conv_1x1, nor_conv_3x3"):
        found = dict(
            zip(NASBENCH201.operations[0], rows("fixed-order(none>skip_connect)")[0], strict=True)
        )
    assert found == {
        "none": 2, "skip_connect": 1, "nor_conv_1x1": 0, "nor_conv_3x3": 0, "avg_pool_3x3": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nor_conv_3x4>none", "did you mean nor_conv_3x3"),
        ("none", "two different operations"),
        ("none>none", "two different operations"),
        ("none>", "two different operations"),
    ],
)
def test_a_bad_order_is_one_clear_line(argument, words):
    with pytest.raises(UserError, match=words):
        make_policy(f"fixed-order({argument})", CONTEXT)


def test_the_best_fixed_order_is_the_best_of_all():
    truth, found = rows("best-acc"), rows("best-fixed-order")

    def mean(order):
        return np.mean([spearmanr(order, row).statistic for row in truth])

    assert mean(found[0]) == pytest.approx(max(map(mean, itertools.permutations(range(5)))))


def test_sizes_are_those_of_the_operation_alone():
    parameters = dict(zip(NASBENCH201.operations[0], rows("op-params")[0], strict=True))
    assert parameters["none"] == parameters["skip_connect"] == parameters["avg_pool_3x3"] == 0
    cells = [m for n, m in CONTEXT.supernet.named_modules() if type(m).__name__ == "Choice"]
    own = sum(
        p.numel() for choice in cells for p in choice[str(3)].parameters()
    )  # every cell and edge
    index = NASBENCH201.operations[0].index("nor_conv_3x3")
    assert index == 3
    assert rows("op-params")[:, index].sum() == own
    flops = rows("op-flops")
    assert (rankdata(flops[0]) == rankdata(rows("op-params")[0])).all()
    assert (flops == flops[0]).all()


def test_sizes_order_as_a_perturbation_of_their_proxy():
    np.testing.assert_array_equal(
        rows("op-params") - rows("op-params").max(),
        -(rows("zc-pt(params)") - rows("zc-pt(params)").min()),
    )


def test_baselines_stand_beside_what_was_asked_for():
    result = opscore.initial("random", size="smoke", batch_size=4, images="noise")
    assert {"best-fixed-order", "op-params", "op-flops"} <= set(result.against()["policy"])
    assert "residual(params)" in baselines_of(NASBENCH201)
    assert "residual(params)" not in baselines_of(get_space("nasbench-macro"))  # it says nothing
    bare = opscore.initial("random", size="smoke", baselines=False)
    assert set(bare.against()["policy"]) == {"random", "avg-acc"}
