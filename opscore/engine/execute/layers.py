"""Layers in eval mode: batch norm folded into convolutions, and convolutions into each other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from opscore.engine.algebra.expressions import Atom, Coefficient, of_state
from opscore.engine.algebra.rules.pooling import Pool
from opscore.engine.algebra.site import Attribute, BatchSize, Call, Slot
from opscore.engine.execute.pool import AveragePool, max_pool
from opscore.engine.schedule.steps import Step, Terms
from opscore.engine.trace.graph import overwrites

#: Kernel [c_out, c_in / groups, k, k] and bias [c_out].
Kernel = tuple[Tensor, Tensor]


def fold_batch_norm(convolution: nn.Module, norm: nn.Module | None) -> Kernel:
    """W' = W * s and b' = beta + (b - mean) * s, with s = gamma / sqrt(variance + eps)."""
    assert isinstance(convolution, nn.Conv2d)
    weight, bias = convolution.weight.detach(), convolution.bias
    own = weight.new_zeros(len(weight)) if bias is None else bias.detach()
    if norm is None:
        return weight, own
    scale, shift = affine_map(norm)
    return weight * scale[:, None, None, None], shift + scale * own


def affine_map(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Scale and shift [channels] of a batch norm in eval mode."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight.detach()
        return scale, norm.bias.detach() - mean * scale
    return scale, -mean * scale


def widen(weight: Tensor, size: int) -> Tensor:
    """A kernel [c_out, c_in, k, k] padded with zeros to [c_out, c_in, size, size]."""
    margin = (size - weight.shape[-1]) // 2
    return functional.pad(weight, (margin, margin, margin, margin)) if margin else weight


class Layers:
    """What steps compute, on any part of the batch; states lie side by side in the channels.

    Args:
        modules: layers by name.
        dtype: precision of the pass.

    Attributes:
        states: how many are side by side in what is wide, [n, states * C, ...].
    """

    def __init__(self, modules: Mapping[str, nn.Module], dtype: torch.dtype) -> None:
        self.modules = modules
        self.dtype = dtype
        self.states = 1
        self._folded: dict[Hashable, Kernel] = {}
        self._merged: dict[Hashable, Kernel] = {}
        self._used: set[Hashable] = set()
        self._pools: dict[Hashable, AveragePool] = {}
        self._affine: dict[str, tuple[Tensor, Tensor]] = {}

    def forget(self) -> None:
        """Let go of the merged kernels that were not asked for since the last time."""
        self._merged = {key: self._merged[key] for key in self._used}
        self._used.clear()

    def run(self, step: Step, inputs: Sequence[Tensor], *, own: bool = False) -> Tensor:
        """A step's output. own: whether its only input may be overwritten."""
        if step.atom is None:
            return self._sum(step, dict(zip(step.inputs, inputs, strict=True)))
        return self._atom(step, list(inputs), own)

    def _sum(self, step: Step, known: Mapping[Step, Tensor]) -> Tensor:
        out: Tensor | None = None
        for source, c in step.linear:
            x = known[source]
            x = self.spread(x) if step.wide and not source.wide else x
            out = self._add_scaled(out, x, c)
        for source, terms in step.convolutions:
            out = self.convolve(source, known[source], terms, wide=step.wide, out=out)
        assert out is not None
        return out

    def _add_scaled(self, out: Tensor | None, x: Tensor, c: Coefficient) -> Tensor:
        if isinstance(c, tuple):
            shape = (-1, *(1,) * (x.ndim - 2))
            scale = x.new_tensor(c).repeat_interleave(x.shape[1] // len(c)).view(shape)
            return x * scale if out is None else out.addcmul_(x, scale)
        return x * c if out is None else out.add_(x, alpha=c)

    def spread(self, x: Tensor) -> Tensor:
        """[n, C, ...] for each of the states: [n, states * C, ...]."""
        if self.states == 1:
            return x
        wide = x.repeat(1, self.states, *(1,) * (x.ndim - 2))
        return wide.contiguous(memory_format=_format(wide))

    def convolve(
        self, source: Step, x: Tensor, terms: Terms, *, wide: bool, out: Tensor | None = None
    ) -> Tensor:
        """The weighted sum of convolutions of one input, as one convolution, added to ``out``.

        wide: whether the output is wanted for each of the states.
        """
        conv = self.modules[terms[0][1].layer[0]]
        assert isinstance(conv, nn.Conv2d)
        differs = source.wide or any(isinstance(c, tuple) for c, _ in terms)
        groups = conv.groups
        if differs and not source.wide and groups > 1:
            x = self.spread(x)
        if differs and (source.wide or groups > 1):
            groups *= self.states
        weight, bias = self.merged(terms, differs)
        padding: Any = conv.padding
        if weight.shape[-1] != conv.kernel_size[-1]:
            padding = [d * (weight.shape[-1] // 2) for d in conv.dilation]
        settings = conv.stride, tuple(padding), conv.dilation, groups
        if wide and not differs:
            part = self.spread(functional.conv2d(x, weight, bias, *settings))
            return part if out is None else out.add_(part)
        if out is None:
            return functional.conv2d(x, weight, bias, *settings)
        return add_convolution(out, x, weight, bias, *settings)

    def merged(self, terms: Terms, wide: bool) -> Kernel:
        """Kernel and bias of a weighted sum of convolutions, for one state or side by side."""
        key = (self.states if wide else 1, *((c, atom.layer) for c, atom in terms))
        self._used.add(key)
        if key not in self._merged:
            self._merged[key] = self._merge(terms, wide)
        return self._merged[key]

    def _merge(self, terms: Terms, wide: bool) -> Kernel:
        parts = [(c, *self.folded(atom)) for c, atom in terms]
        size = max(weight.shape[-1] for _, weight, _ in parts)
        kernels, biases = [], []
        for state in range(self.states if wide else 1):
            own = [(of_state(c, state), w, b) for c, w, b in parts]
            kernels.append(_total([(c, widen(w, size)) for c, w, _ in own]))
            biases.append(_total([(c, b) for c, _, b in own]))
        kernel = kernels[0] if len(kernels) == 1 else torch.cat(kernels)
        bias = biases[0] if len(biases) == 1 else torch.cat(biases)
        kernel = kernel.to(self.dtype, memory_format=torch.channels_last)
        return kernel, bias.to(self.dtype)

    def folded(self, atom: Atom) -> Kernel:
        """A convolution with its batch norm, if it has one."""
        if atom.layer not in self._folded:
            conv, norm = atom.layer
            pair = self.modules[conv], None if norm is None else self.modules[norm]
            self._folded[atom.layer] = fold_batch_norm(*pair)
        return self._folded[atom.layer]

    def _atom(self, step: Step, inputs: list[Tensor], own: bool) -> Tensor:
        atom = step.atom
        assert atom is not None
        if atom.kind == "call":
            return self.call(atom.layer, step, inputs)
        if atom.kind == "cat":
            return self.concatenate(atom.layer, step, inputs)
        (x,) = inputs
        compute = {
            "relu": lambda: x.relu_() if own else x.relu(),
            "relu6": lambda: x.clamp_(0, 6) if own else x.clamp(0, 6),
            "pool": lambda: self.pool(x, atom.layer),
            "max_pool": lambda: max_pool(x, atom.layer),
            "affine": lambda: self.affine(x, atom.layer, step.wide),
        }
        return compute[atom.kind]()

    def pool(self, x: Tensor, settings: Pool) -> Tensor:
        """An average pooling."""
        key = (settings, x.shape[1:])
        if key not in self._pools:
            self._pools[key] = AveragePool(x, settings)
        return self._pools[key](x)

    def affine(self, x: Tensor, name: str, wide: bool) -> Tensor:
        """A batch norm that has no convolution before it."""
        if name not in self._affine:
            scale, shift = affine_map(self.modules[name])
            self._affine[name] = scale.to(self.dtype), shift.to(self.dtype)
        scale, shift = (p[:, None, None] for p in self._affine[name])
        if wide:
            scale, shift = (p.repeat(self.states, 1, 1) for p in (scale, shift))
        return torch.addcmul(shift, x, scale)

    def concatenate(self, dim: int, step: Step, inputs: list[Tensor]) -> Tensor:
        """Tensors of each state one after the other."""
        if not step.wide:
            return torch.cat(inputs, dim=dim)
        inputs = self._all_wide(step, inputs)
        if dim % inputs[0].ndim != 1:
            return torch.cat(inputs, dim=dim)
        chunks = [x.chunk(self.states, dim=1) for x in inputs]
        return torch.cat([part for own in zip(*chunks, strict=True) for part in own], dim=1)

    def call(self, layer: Call, step: Step, inputs: list[Tensor]) -> Tensor:
        """A layer or function without a rule, as it is."""
        if not step.wide:
            return self.called(layer, inputs)
        inputs = self._all_wide(step, inputs)
        if not layer.per_image:
            chunks = [x.chunk(self.states, dim=1) for x in inputs]
            found = [self.called(layer, list(own)) for own in zip(*chunks, strict=True)]
            return torch.cat(found, dim=1)
        images = len(inputs[0])
        rows = [x.reshape(images * self.states, -1, *x.shape[2:]) for x in inputs]
        out = self.called(layer, rows)
        return out.reshape(images, -1, *out.shape[2:])

    def _all_wide(self, step: Step, inputs: Sequence[Tensor]) -> list[Tensor]:
        pairs = zip(step.inputs, inputs, strict=True)
        return [x if source.wide else self.spread(x) for source, x in pairs]

    def called(self, layer: Call, inputs: Sequence[Tensor]) -> Tensor:
        """What a call gives, in the precision of its inputs."""
        dtype = inputs[0].dtype
        if layer.node.op == "call_module":
            own = next(self.modules[str(layer.node.target)].parameters(), None)
            if own is not None and own.dtype != dtype:
                inputs = [x.to(own.dtype) for x in inputs]
        found = call(layer, inputs, self.modules)
        return found if found.is_complex() else found.to(dtype)


def call(layer: Call, inputs: Sequence[Tensor], modules: Mapping[str, nn.Module]) -> Tensor:
    """What the plain module, function or method gives."""
    if overwrites(layer.node, modules):  # others may share it
        inputs = [inputs[0].clone(), *inputs[1:]]
    found = _called(layer.node, layer.arguments, inputs, modules)
    result: Tensor = found if layer.place is None else found[layer.place]
    return result


def _called(
    node: fx.Node, arguments: Any, inputs: Sequence[Tensor], modules: Mapping[str, nn.Module]
) -> Any:
    """What a node gives; a :class:`Slot` in the arguments stands for an input."""

    def filled(argument: Any) -> Any:
        if isinstance(argument, Slot):
            return inputs[argument.number]
        if isinstance(argument, BatchSize):
            return len(inputs[0])
        return attribute(argument, modules) if isinstance(argument, Attribute) else argument

    args, kwargs = fx.node.map_aggregate(arguments, filled)
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_method":
        # The engine's tensors may lie in memory in another order, of which a view cannot be had.
        sizes = node.target == "view" and not isinstance(args[1], torch.dtype)
        return getattr(args[0], "reshape" if sizes else str(node.target))(*args[1:], **kwargs)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def attribute(found: Attribute, modules: Mapping[str, nn.Module]) -> Any:
    """A parameter, buffer or constant of the network, or what is computed of such alone."""
    node = found.node
    if node.op != "get_attr":
        return _called(node, found.arguments, (), modules)
    if "constant" in node.meta:
        return node.meta["constant"]
    owner, _, own = str(node.target).rpartition(".")
    return getattr(modules[owner], own)


def add_convolution(
    out: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """out += a convolution of x, without a graph.

    The library behind convolutions on a CPU can add to memory that is there already; elsewhere the
    sum is another step.
    """
    if out.device.type == "cpu" and out.dtype == torch.float32 and _adds_in_place():
        torch.ops.mkldnn._convolution_pointwise_.binary(
            *(out, x, weight, bias, padding, stride, dilation, groups),
            *("add", 1.0, None, [], None),
        )
        return out
    return out.add_(functional.conv2d(x, weight, bias, stride, padding, dilation, groups))


def _adds_in_place() -> bool:
    """Whether this build has that library, and its operation."""
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")


def _total(parts: Sequence[tuple[float, Tensor]]) -> Tensor:
    scaled = [part if c == 1 else c * part for c, part in parts]
    return scaled[0] if len(scaled) == 1 else torch.stack(scaled).sum(dim=0)


def _format(x: Tensor) -> torch.memory_format:
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format
