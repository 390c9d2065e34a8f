from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import opscore
from opscore.analysis import Correlation, edge_specific_agreement
from opscore.errors import UserError
from opscore.policies import make_policy
from opscore.spaces import NASBENCH201, NASBENCH_MACRO
from tests.policies.test_policies import CONTEXT

INITIAL = NASBENCH201.initial_state()
ORDER = "nor_conv_3x3>nor_conv_1x1>skip_connect>none>avg_pool_3x3"
SKIP = NASBENCH201.operations[0].index("skip_connect")
DIRECT = NASBENCH201.edges.index("0->3")


def rows(name, state=INITIAL):
    scores = make_policy(name, CONTEXT).scores(state, range(6))
    return [[score.value for score in scores[edge]] for edge in range(6)]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("residual", "op-params"),
        ("residual(params)", "op-params"),
        ("residual(flops)", "op-flops"),
        (f"residual({ORDER})", f"fixed-order({ORDER})"),
    ],
)
def test_the_order_but_for_skip_on_the_edge_from_input_to_output(name, order):
    found, plain = np.array(rows(name)), np.array(rows(order))
    assert np.argmax(found[DIRECT]) == SKIP
    found[DIRECT, SKIP] = plain[DIRECT, SKIP]
    np.testing.assert_array_equal(found, plain)


def test_without_skip_it_is_the_order():
    state = INITIAL.perturb(DIRECT, SKIP)
    assert rows("residual", state) == rows("op-params", state)


@pytest.mark.parametrize(
    ("name", "rho", "beyond"), [("residual(params)", 0.82, 0.61), (f"residual({ORDER})", 0.85, 0.7)]
)
def test_agreement_with_best_acc_on_nasbench201(data_dir, name, rho, beyond):
    """Two computations by independent code; trainings reduced by their maximum."""
    result = opscore.initial(
        [name], size="smoke", batch_size=2, images="digits", data_dir=data_dir, baselines=False
    )
    found = Correlation()(result.scores, ["best-acc"]).set_index("policy")
    assert found.loc[name, "rho"] == pytest.approx(rho, abs=0.005)
    edges = edge_specific_agreement(result.scores, ["best-acc"]).set_index("policy")
    assert edges.loc[name, "agreement"] == pytest.approx(beyond, abs=0.005)


def test_a_space_without_such_an_edge_is_said():
    context = replace(CONTEXT, space=NASBENCH_MACRO)
    with pytest.warns(match="in space 'nasbench-macro' no edge alone joins a cell's input"):
        policy = make_policy("residual(mb_k5_e6>mb_k3_e3>identity)", context)
    scores = policy.scores(NASBENCH_MACRO.initial_state(), [0])
    assert [score.value for score in scores[0]] == [1, 2, 3]


@pytest.mark.parametrize("argument", ["parms", "nwot", "skip_connect", "none>none"])
def test_a_bad_argument_is_one_line(argument):
    with pytest.raises(UserError, match=r"residual takes params or flops|two different operations"):
        make_policy(f"residual({argument})", CONTEXT)


@pytest.mark.usefixtures("data_dir")
def test_it_stands_among_the_baselines_where_it_says_something():
    def baselines(space):
        return opscore.initial(
            ["random"], space=space, size="smoke", batch_size=2, images="digits"
        ).settings.policies

    assert "residual(params)" in baselines("nasbench201")
    assert "residual(params)" not in baselines("nasbench-macro")
