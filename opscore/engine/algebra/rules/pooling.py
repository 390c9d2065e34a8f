"""Pooling: one atom for all operations that pool the same value."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from opscore.engine.algebra.site import Rule, Site


class Pool(NamedTuple):
    """The settings of a pooling: pairs of kernel, stride and padding.

    Attributes:
        count_padding: whether an average counts the pixels that do not exist.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    count_padding: bool = False

    def __str__(self) -> str:
        return "x".join(map(str, self.kernel))


def average_pool(at: Site) -> object:
    """A linear atom; layers of the same settings are one."""
    pool = at.module(nn.AvgPool2d)
    if pool.ceil_mode or pool.divisor_override:
        return NotImplemented
    settings = _settings(pool)._replace(count_padding=pool.count_include_pad)
    return at.zero_preserving("pool", settings)


def max_pool(at: Site) -> object:
    """The largest pixels; zeros stay zeros, as each window has a pixel that exists."""
    pool = at.module(nn.MaxPool2d)
    if pool.ceil_mode or pool.return_indices or _pair(pool.dilation) != (1, 1):
        return NotImplemented
    return at.zero_preserving("max_pool", _settings(pool))


def _settings(pool: nn.AvgPool2d | nn.MaxPool2d) -> Pool:
    return Pool(_pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding))


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


MODULES: dict[type[nn.Module], Rule] = {nn.AvgPool2d: average_pool, nn.MaxPool2d: max_pool}
