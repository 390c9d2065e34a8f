"""Batch norm: part of the convolution before it, else an affine map of each channel."""

from __future__ import annotations

from torch import nn

from opscore.engine.algebra.site import Rule, Site


def batch_norm(at: Site) -> object:
    """The convolution that it follows, with it; nothing where there are no batch norms."""
    norm = at.module(nn.BatchNorm2d)
    if not at.builder.norms:
        return at.first
    if norm.running_mean is None:
        return NotImplemented
    x = at.numbers()
    conv = x.alone
    if conv is not None and conv.kind == "conv" and conv.layer[1] is None:
        return at.layer("conv", (conv.layer[0], at.name), *conv.inputs)
    return at.layer("affine", at.name, x)


MODULES: dict[type[nn.Module], Rule] = {nn.BatchNorm2d: batch_norm}
