"""The container of an edge's candidates."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from opscore.errors import UserError
from opscore.supernets import Choice, WeightedSum, Wrapper, operation_rows
from opscore.supernets.choice import SymbolicWeights


class Seen(Wrapper):
    """A wrapper whose class name the authors' hooks do not match, around one that they do."""

    def __init__(self) -> None:
        super().__init__()
        self.op = nn.ReLU()


def inputs_of_rectifiers(choice: Choice, x: torch.Tensor, weights: list[float]) -> list[float]:
    """The largest input of each rectifier that runs beside those of weight one."""
    seen: list[float] = []
    hooks = [
        module.register_forward_pre_hook(lambda _, args: seen.append(float(args[0].max())))
        for module in choice.modules()
        if isinstance(module, nn.ReLU | Wrapper)
    ]
    choice(x, weights, run_removed=True)
    for hook in hooks:
        hook.remove()
    return seen


def test_operations_of_a_supernet_come_by_their_index():
    """Weights go by place: 'none' without a layer would be scored as the operation after it."""
    with pytest.raises(UserError, match="come by their index"):
        Choice({2: nn.Identity(), 1: nn.ReLU()})
    lacking = Choice({1: nn.Identity(), 2: nn.ReLU()})
    with pytest.raises(UserError, match="an operation for each index from 0, not 1, 2"):
        lacking(torch.zeros(1, 2), (0.0, 1.0, 0.0))
    assert lacking(torch.ones(1), (1.0, 1.0)) == 2  # of a stand-alone network


def test_the_weighted_sum_of_what_remains() -> None:
    x = torch.randn(2, 3, 4, 4)
    choice = Choice({0: nn.Identity(), 1: nn.ReLU(), 2: nn.AvgPool2d(3, 1, 1)})
    rows = operation_rows(torch.tensor([[0.5, 0.0, 2.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(choice(x, rows[0]), 0.5 * x + 2 * choice["2"](x))
    assert torch.equal(choice(x, rows[1]), torch.zeros_like(x))
    assert rows[0][1] == 0.0
    assert not isinstance(rows[0][1], torch.Tensor)


@pytest.mark.parametrize(
    ("removed", "expected"), [("zeros", [3.0, 0.0, 0.0]), ("absent", []), ("whole", [3.0] * 3)]
)
def test_what_removed_candidates_do(removed: str, expected: list[float]) -> None:
    x = torch.full((1, 1, 2, 2), 3.0)
    candidates = {0: nn.Identity(), 1: Seen(), 2: nn.Sequential(nn.ReLU())}
    choice = Choice(candidates, removed=removed)  # type: ignore[arg-type]
    assert inputs_of_rectifiers(choice, x, [1.0, 0.0, 0.0]) == expected
    assert torch.equal(choice(x, [1.0, 0.0, 0.0], run_removed=True), x)


def test_an_edge_that_is_not_kept_has_the_resolution_of_its_output() -> None:
    x = torch.randn(2, 3, 5, 5, requires_grad=True)
    nothing = Choice({}, stride=2)(x, ())
    assert nothing.shape == nn.MaxPool2d(3, 2, 1)(x).shape
    assert not nothing.any()
    nothing.sum().backward()
    assert x.grad is not None


def test_gradients_reach_the_weights() -> None:
    x, weights = torch.randn(2, 3, 4, 4), torch.tensor([[0.5, 0.0, 2.0]], requires_grad=True)
    WeightedSum()([x, x * 2, x * 3], operation_rows(weights)[0]).sum().backward()
    torch.testing.assert_close(weights.grad, torch.tensor([[x.sum(), 0.0, 3 * x.sum()]]))


def test_rows_may_be_padded_but_not_too_short() -> None:
    choice = Choice({0: nn.Identity(), 1: nn.Identity()})
    x = torch.ones(1)
    assert choice(x, [1.0, 2.0, 9.0]) == 3
    with pytest.raises(ValueError, match="2 options, but 1 weights"):
        choice(x, [1.0])


def test_an_unknown_kind_of_removed_operation_names_the_near_ones() -> None:
    with pytest.raises(UserError, match="'zero'; did you mean zeros"):
        Choice({}, removed="zero")  # type: ignore[arg-type]


def test_a_network_that_is_only_read_has_rows_without_numbers() -> None:
    first, second = operation_rows(SymbolicWeights(2))
    with pytest.raises(AssertionError, match="only read"):
        Choice({})(torch.zeros(1), first)
    assert first != second
