"""Of which layers and functions it is known that images do not see each other in them.

Those may run on a part of the batch.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from opscore.engine.algebra.site import BATCH, Attribute, Site
from opscore.engine.trace.graph import hooked

_PER_IMAGE_MODULES = (
    *(nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.GroupNorm, nn.LayerNorm, nn.ZeroPad2d),
    *(nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample),
    *(nn.PixelShuffle, nn.ChannelShuffle, nn.Dropout, nn.Dropout2d, nn.Sigmoid, nn.Tanh),
    *(nn.GELU, nn.SiLU, nn.ELU, nn.PReLU, nn.LeakyReLU),
    *(nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid),
)

_POINTWISE: frozenset[Any] = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.neg),
        *(torch.add, torch.sub, torch.mul, torch.div, torch.neg, torch.abs, torch.exp),
        *(torch.sigmoid, torch.tanh, torch.clamp, torch.sqrt, functional.sigmoid),
        *(functional.hardswish, functional.hardsigmoid, functional.silu, functional.gelu),
        *(functional.leaky_relu, functional.relu6, functional.elu),
        *(functional.avg_pool2d, functional.max_pool2d, functional.pad, functional.interpolate),
        *(functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d),
        *("add", "sub", "mul", "div", "neg", "abs", "exp", "sigmoid", "tanh", "clamp", "sqrt"),
    }
)

_REDUCTIONS: frozenset[Any] = frozenset(
    {"mean", "sum", "amax", "amin", torch.mean, torch.sum, torch.amax, torch.amin}
)

_FLATTENINGS: frozenset[Any] = frozenset({"flatten", torch.flatten})

_RESHAPINGS: frozenset[Any] = frozenset({"view", "reshape", torch.reshape})


def is_per_image(at: Site, arguments: Any) -> bool:
    """Whether it is known that images do not see each other in a layer or function."""
    if at.node.op == "call_module":
        module = at.module(nn.Module)
        known = isinstance(module, _PER_IMAGE_MODULES)
        known &= type(module).__module__.startswith("torch.nn") and not hooked(module)
        return known or (isinstance(module, nn.Flatten) and module.start_dim >= 1)
    return any(test(at.node, *arguments) for test in _PER_IMAGE_TESTS)


def _pointwise(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A function of single positions or of windows of an image."""
    if node.target not in _POINTWISE or _holds_attribute((args, kwargs)):
        return False
    if node.target is functional.pad and len(args[1]) > 6:
        return False
    ranks = {len(n.meta.get("shape", ())) for n in node.all_input_nodes} - {0, 1}
    return len(ranks) <= 1


def _reduces(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A reduction over other dimensions than that of the images."""
    if node.target not in _REDUCTIONS:
        return False
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    rank = len(node.all_input_nodes[0].meta["shape"])
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    return all(isinstance(d, int) and d % rank != 0 for d in dims)


def _reshapes(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """Another shape for each image by itself."""
    if node.target in _FLATTENINGS:
        return bool(kwargs.get("start_dim", args[1] if len(args) > 1 else 0) == 1)
    if node.target in _RESHAPINGS:
        sizes = args[1] if isinstance(args[1], list | tuple) else args[1:]
        return bool(sizes) and sizes[0] is BATCH
    return False


def _takes_a_part(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """A part of every image."""
    if node.target is not operator.getitem or not isinstance(args[1], tuple):
        return False
    return bool(args[1][0] == slice(None))


_PER_IMAGE_TESTS = (_pointwise, _reduces, _reshapes, _takes_a_part)


def _holds_attribute(arguments: Any) -> bool:
    flat: list[Any] = []
    fx.node.map_aggregate(arguments, flat.append)
    return any(isinstance(value, Attribute) for value in flat)
