"""Average pooling: linear, and one atom for all operations that pool the same value."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from opscore.engine.algebra.site import Rule, Site


class Pool(NamedTuple):
    """The settings of an average pooling: pairs of kernel, stride and padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    count_padding: bool

    def __str__(self) -> str:
        return "x".join(map(str, self.kernel))


def average_pool(at: Site) -> object:
    """A linear atom; layers of the same settings are one."""
    pool = at.module(nn.AvgPool2d)
    if pool.ceil_mode or pool.divisor_override:
        return NotImplemented
    sizes = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)
    return at.linear("pool", Pool(*sizes, pool.count_include_pad))


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


MODULES: dict[type[nn.Module], Rule] = {nn.AvgPool2d: average_pool}
