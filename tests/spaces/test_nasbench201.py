from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscore.errors import UserError
from opscore.spaces import NASBENCH201, get_space, list_spaces

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)


def test_edges_and_operations_are_in_the_authors_order():
    assert NASBENCH201.edges == ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
    assert NASBENCH201.operations[0] == (
        "none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3",
    )  # fmt: skip
    assert NASBENCH201.size == 15625


def test_the_best_architecture_of_the_benchmark():
    architecture = NASBENCH201.parse(BEST)
    assert architecture.architecture_indices == (3, 3, 3, 1, 3, 2)
    assert NASBENCH201.format(architecture) == str(architecture) == BEST


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_strings_go_both_ways(choices):
    architecture = NASBENCH201.architecture(choices)
    assert NASBENCH201.parse(str(architecture)) == architecture


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1 group"),
        ("|none~0|+|none~0|none~1|", "2 group"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", "group of node 2, '|none~0|', must hold 2"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "group of node 1"),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "'none~1' in the group of node 1 must"),
        ("|none|+|none~0|none~1|+|none~0|none~1|none~2|", "must end in '~0'"),
        ("|nor_conv_3x~0|+|none~0|none~1|+|none~0|none~1|none~2|", "did you mean nor_conv_3x3"),
    ],
)
def test_bad_strings_say_what_is_wrong(text, message):
    with pytest.raises(UserError) as caught:
        NASBENCH201.parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_space_is_registered():
    assert "nasbench201" in list_spaces()
    assert get_space("nasbench201") is NASBENCH201
    with pytest.raises(UserError, match="did you mean nasbench201"):
        get_space("nasbench20")
