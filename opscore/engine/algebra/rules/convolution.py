"""Convolutions: atoms that a batch norm and other convolutions of the same input can join."""

from __future__ import annotations

from torch import nn

from opscore.engine.algebra.site import Rule, Site


def convolution(at: Site) -> object:
    """An atom, with the name of the module and of the batch norm that is part of it: none yet."""
    conv = at.module(nn.Conv2d)
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return NotImplemented
    return at.layer("conv", (at.name, None), at.numbers())


MODULES: dict[type[nn.Module], Rule] = {nn.Conv2d: convolution}
