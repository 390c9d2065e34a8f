"""synflow's sums for many states of a network, without a backward pass.

With absolute weights, no batch norm and positive signals no rectifier does anything, so the
network's output R is a polynomial of its weights, of degree one in each layer. By Euler's formula

    S = sum over weights of theta * dR/dtheta = d/dt R(theta (1 + t)) at t = 0,

the derivative of R along theta itself. It is carried forward together with the signal: a
convolution maps (x, x') to (W x + b, W x + W x') = (W x + b, W (x + x')), as biases do not count;
what has no weights maps x' by its own derivative. A layer of another kind has no rule, and then
there is no such way.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.engine.algebra.expressions import Atom, Coefficient
from opscore.engine.algebra.networks import Networks, neighbours
from opscore.engine.algebra.site import Call
from opscore.engine.execute.layers import Kernel, Layers, call
from opscore.engine.schedule.steps import Step, Steps, Terms, ordered
from opscore.engine.trace.graph import CannotTraceError, modules_of
from opscore.engine.trace.known import trace
from opscore.supernets.base import Supernet

#: Functions that are linear in their input, or move numbers about.
_LINEAR = frozenset({"mean", "flatten", "view", "reshape", "contiguous", torch.flatten, torch.mean})
_LINEAR |= {operator.getitem, functional.pad, functional.avg_pool2d, functional.adaptive_avg_pool2d}

_LINEAR_MODULES = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.ZeroPad2d)


@torch.no_grad()
def synaptic_flows(supernet: Supernet, weights: Tensor, image_shape: Sequence[int]) -> list[float]:
    """synflow's sums of many weightings of a supernet.

        R = 1^T f_|theta|(1),    S = sum over conv and linear weights of |theta * dR/dtheta|

    without batch norm, in double precision.

    Args:
        supernet: left as it is.
        weights: [n, edges, operations].
        image_shape: [channels, height, width].

    CannotTraceError when the supernet cannot be read, or when the derivative does not go through
    one of its layers.
    """
    modules = modules_of(supernet)
    networks, steps = Networks(trace(supernet, image_shape), modules, norms=False), Steps(modules)
    layers = FlowLayers(modules, torch.float64)
    pair = torch.zeros(2, *image_shape, dtype=torch.float64, device=weights.device)
    pair[0] = 1
    tables = weights.tolist()
    flows = [0.0] * len(tables)
    known: dict[Step, Tensor] = {}
    for place in neighbours(tables):
        output = networks.output(tables[place])
        if not output:
            continue
        end = steps.of(output)
        whole = ordered([end])
        known = {step: known[step] for step in whole if step in known}  # of the one before
        for step in ordered([end], known):
            if step.kind == "images":
                known[step] = pair
            elif step.kind == "zeros":
                known[step] = pair.new_zeros(2, *step.shape)
            else:
                known[step] = layers.run(step, [known[source] for source in step.inputs])
        flows[place] = float(known[end][1].sum())
        layers.forget()
    return flows


def seen_by_weights(pair: Tensor) -> Tensor:
    """(x, x + x') from (x, x'): what a layer of theta (1 + t) sees."""
    return torch.stack((pair[0], pair[0] + pair[1]))


class FlowLayers(Layers):
    """Layers of absolute weights on pairs (x, x'), [2, C, H, W], in double precision."""

    def folded(self, atom: Atom) -> Kernel:
        """The absolute convolution; its bias is added to the signal alone."""
        conv = self.modules[atom.layer[0]]
        assert isinstance(conv, nn.Conv2d)
        weight = conv.weight.detach().double().abs()
        return weight, weight.new_zeros(len(weight))

    def convolve(
        self, source: Step, x: Tensor, terms: Terms, *, wide: bool, out: Tensor | None = None
    ) -> Tensor:
        """The sum of convolutions of a pair."""
        found = super().convolve(source, seen_by_weights(x), terms, wide=wide, out=out)
        for c, atom in terms:
            _positive(c)
            bias = self.modules[atom.layer[0]].bias
            if isinstance(bias, Tensor):
                found[0].add_(bias.detach().double().abs()[:, None, None], alpha=_positive(c))
        return found

    def _add_scaled(self, out: Tensor | None, x: Tensor, c: Coefficient) -> Tensor:
        return super()._add_scaled(out, x, _positive(c))

    def _atom(self, step: Step, inputs: list[Tensor], own: bool) -> Tensor:
        if step.kind == "relu":
            return inputs[0]
        if step.kind == "relu6":
            signal, derivative = inputs[0]
            return torch.stack((signal.clamp(max=6), derivative * (signal < 6)))
        if step.kind in ("pool", "cat"):
            return super()._atom(step, inputs, own=False)
        assert step.atom is not None
        if step.kind == "max_pool":
            return _max_pool(inputs[0], *step.atom.layer[:3])
        if step.kind != "call":
            raise CannotTraceError(f"no derivative goes through {step.kind}")
        return self._call(step.atom.layer, inputs)

    def _call(self, layer: Call, inputs: list[Tensor]) -> Tensor:
        x = inputs[0]
        node = layer.node
        if node.op == "call_module":
            module = self.modules[str(node.target)]
            if isinstance(module, nn.Linear):
                return _linear(module, x)
            if isinstance(module, nn.MaxPool2d) and not module.return_indices:
                sizes = module.kernel_size, module.stride, module.padding, module.dilation
                return _max_pool(x, *sizes, ceil_mode=module.ceil_mode)
            if isinstance(module, _LINEAR_MODULES):
                return call(layer, inputs, self.modules)
        elif node.target in _LINEAR and layer.per_image and len(inputs) == 1:
            return call(layer, inputs, self.modules)
        raise CannotTraceError(f"no derivative goes through {layer}")


def _linear(module: nn.Linear, pair: Tensor) -> Tensor:
    found = seen_by_weights(pair) @ module.weight.detach().double().abs().T
    if module.bias is not None:
        found[0].add_(module.bias.detach().double().abs())
    return found


def _max_pool(pair: Tensor, *sizes: Any, ceil_mode: bool = False) -> Tensor:
    """The derivative goes where the largest signal is."""
    options = {"ceil_mode": ceil_mode, "return_indices": True}
    signal, places = functional.max_pool2d(pair[:1], *sizes, **options)
    derivative = pair[1:].flatten(2).gather(2, places.flatten(2)).view_as(signal)
    return torch.cat((signal, derivative))


def _positive(c: Coefficient) -> float:
    """A coefficient, which may not turn the signal's sign."""
    if isinstance(c, tuple) or c < 0:
        raise CannotTraceError(f"a weight of {c} turns the sign of the signal")
    return c
