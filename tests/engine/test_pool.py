"""Pieces of the network that is computed with less work, where gradients go through them twice."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from opscore.engine.algebra.rules.pooling import Pool
from opscore.engine.execute import gradient
from opscore.engine.execute import pool as pools
from opscore.engine.execute.pool import AveragePool
from opscore.images import NoiseImages
from opscore.proxies import How, get_proxy
from opscore.supernets import build_supernet


class DepthwisePool(AveragePool):
    """What single precision takes, in any precision."""

    def _sum(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(x, self._ones, padding=1, groups=len(self._ones))


def depthwise_pool(x: torch.Tensor, settings: Pool | None = None) -> torch.Tensor:
    if settings is not None and settings.kernel != (3, 3):
        return pools.average_pool(x, settings)
    return pools._AveragePool.apply(x, DepthwisePool(x.detach()))


def test_the_depthwise_pool_has_first_and_second_gradients() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=draw).requires_grad_()
    pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    torch.testing.assert_close(depthwise_pool(x), pool(x))

    def curved(x: torch.Tensor) -> torch.Tensor:
        return depthwise_pool(x) ** 3

    assert gradcheck(curved, (x,))
    assert gradgradcheck(curved, (x,))


@pytest.mark.parametrize("name", ["grasp", "plain", "snip"])
def test_scores_with_the_depthwise_pool_are_equal_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supernet = build_supernet(size="smoke").double()
    batch = NoiseImages().minibatch(4, 0, "shared").to("cpu", torch.float64)
    state = supernet.space.initial_state()
    states = [state, state.perturb(0, 3), state.discretize(2, 4)]
    plain = get_proxy(name).scores(supernet, states, batch, How(fast=False))
    monkeypatch.setattr(gradient, "average_pool", depthwise_pool)
    fast = get_proxy(name).scores(supernet, states, batch)
    assert [s.value for s in fast] == pytest.approx([s.value for s in plain], rel=1e-9)


@pytest.mark.parametrize(
    "sizes", [(3, 1, 1), (3, 2, 1), (2, 2, 0), (2, 2, 1), ((3, 5), (1, 2), (0, 2))]
)
def test_a_maximum_by_rows_and_columns_is_the_routine_s(sizes: tuple) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 8, 9, generator=draw).contiguous(memory_format=torch.channels_last)
    pairs = [(size, size) if isinstance(size, int) else size for size in sizes]
    found = pools.max_pool(x, Pool(*pairs))
    assert torch.equal(found, nn.functional.max_pool2d(x, *sizes))
    assert found.is_contiguous(memory_format=torch.channels_last)
