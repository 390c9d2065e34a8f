from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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
