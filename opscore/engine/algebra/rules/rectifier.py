"""Rectifiers: of what is rectified already nothing new, of zeros zeros."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from opscore.engine.algebra.expressions import ZERO, Value
from opscore.engine.algebra.site import Rule, Site
from opscore.engine.trace.graph import shape_of


def _rectifier(kind: str) -> Rule:
    def rule(at: Site) -> Value:
        value = at.value()
        if not value:
            return ZERO
        return Value(((1.0, at.builder.rectified(value, shape_of(at.node), kind)),))

    return rule


relu, relu6 = _rectifier("relu"), _rectifier("relu6")

MODULES: dict[type[nn.Module], Rule] = {nn.ReLU: relu, nn.ReLU6: relu6}

FUNCTIONS: dict[Any, Rule] = dict.fromkeys((functional.relu, torch.relu, "relu", "relu_"), relu)
