"""The networks of states for gradients: the same functions, computed with less work by autograd.

Rectified and pooled values are shared, removed operations leave nothing behind, and the weights of
operations go into their batch norms. Convolutions and linear layers are called as modules, as on
the plain path, so gradients with respect to their weights, the gradients of those, and hooks on
them see the same numbers, in both modes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.engine.algebra.expressions import Atom, Value
from opscore.engine.algebra.networks import Networks, neighbours
from opscore.engine.algebra.site import Rows
from opscore.engine.execute.batch_norm import batch_norm
from opscore.engine.execute.layers import call
from opscore.engine.execute.pool import average_pool
from opscore.engine.schedule.steps import Step, Steps, last_uses, ordered
from opscore.engine.trace.graph import CannotTraceError, modules_of
from opscore.engine.trace.known import trace
from opscore.supernets.base import StateNetwork, Supernet


def shared_networks(
    supernet: Supernet, weights: Tensor, image_shape: Sequence[int], *, first_order: bool = False
) -> Iterator[tuple[list[int], StateNetwork]]:
    """The distinct networks of many weightings, each computed with less work.

    For proxies that look at nothing but logits, convolution and linear modules.

    Args:
        supernet: its own modules are used, in the mode that they are in.
        weights: [n, edges, operations].
        image_shape: [channels, height, width] of what the networks will be given.
        first_order: only first derivatives will be taken; this is faster in train mode.

    Yields each network with its positions in ``weights``. CannotTraceError when the supernet
    cannot be read.
    """
    graphs = Graphs(supernet, first_order)
    tables = weights.tolist()
    distinct: dict[Value, list[int]] = {}
    for place in neighbours(tables):
        output = graphs.output(tables[place], tuple(image_shape))
        distinct.setdefault(output, []).append(place)
    return (
        (positions, GraphNetwork(graphs, weights[positions[0]])) for positions in distinct.values()
    )


class Graphs:
    """What a supernet computes under any weights, for images of any shape.

    Args:
        supernet: read when images of a new shape come.
        first_order: whether batch norm may be one that has no second derivative.
    """

    def __init__(self, supernet: Supernet, first_order: bool = False) -> None:
        self.supernet = supernet
        self.modules = modules_of(supernet)
        self.first_order = first_order
        self._known: dict[tuple[int, ...], tuple[Networks, Steps]] = {}

    def output(self, rows: Rows, image_shape: tuple[int, ...]) -> Value:
        """The logits under these weights; CannotTraceError if they cannot be read."""
        output = self._read(image_shape)[0].output(rows)
        if not output:
            raise CannotTraceError("the logits are zero whatever the images")
        return output

    def end(self, rows: Rows, image_shape: tuple[int, ...]) -> Step:
        """The step that gives the logits under these weights."""
        return self._read(image_shape)[1].of(self.output(rows, image_shape))

    def _read(self, image_shape: tuple[int, ...]) -> tuple[Networks, Steps]:
        if image_shape not in self._known:
            traced = trace(self.supernet, image_shape)
            networks = Networks(traced, self.modules, dropout=self.supernet.training)
            self._known[image_shape] = networks, Steps(self.modules)
        return self._known[image_shape]


class GraphNetwork(StateNetwork):
    """The network of one state; like any :class:`StateNetwork` it shares the supernet's modules."""

    def __init__(self, graphs: Graphs, weights: Tensor) -> None:
        super().__init__(graphs.supernet, weights)
        self._graphs = graphs
        self._rows = weights.tolist()

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes]."""
        end = self._graphs.end(self._rows, tuple(images.shape[1:]))
        return Pass(self._graphs.modules, first_order=self._graphs.first_order).run(end, images)


class Pass:
    """One pass of images through steps, by autograd's means.

    Args:
        modules: layers by name; batch norms are in the mode that they are in.
        first_order: see :class:`Graphs`.
    """

    def __init__(self, modules: dict[str, nn.Module], *, first_order: bool = False) -> None:
        self.modules = modules
        self.first_order = first_order

    def run(self, end: Step, images: Tensor) -> Tensor:
        """The output of the last of the steps; images: [N, C, H, W]."""
        steps = ordered([end])
        last = last_uses(steps)
        known: dict[Step, Tensor] = {}
        if self.first_order:
            images = images.contiguous(memory_format=torch.channels_last)
        for place, step in enumerate(steps):
            known[step] = self._step(step, known, images)
            self.computed(step, known[step])
            for source in step.inputs:
                if last[source] == place:
                    known.pop(source, None)
        return known[end]

    def computed(self, step: Step, value: Tensor) -> None:
        """Called with each step's output."""

    def _step(self, step: Step, known: dict[Step, Tensor], images: Tensor) -> Tensor:
        if step.atom is not None:
            return self._atom(step.atom, [known[source] for source in step.inputs], images)
        out: Tensor | None = None
        for source, terms in step.convolutions:
            for weight, atom in terms:
                assert isinstance(weight, float)
                part = self._convolution(atom, known[source], weight)
                out = part if out is None else out + part
        for source, weight in step.linear:
            assert isinstance(weight, float)
            x = known[source]
            out = weight * x if out is None else out.add(x, alpha=weight)
        assert out is not None
        return out

    def _convolution(self, atom: Atom, x: Tensor, weight: float) -> Tensor:
        conv, norm = atom.layer
        y: Tensor = self.modules[conv](x)
        if norm is None:
            return y if weight == 1 else weight * y
        return self._norm(norm, y, weight)

    def _norm(self, name: str, x: Tensor, weight: float) -> Tensor:
        """weight * norm(x)."""
        norm = self.modules[name]
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.affine:
            scale, shift = weight * norm.weight, weight * norm.bias
        else:
            scale, shift = x.new_full((x.shape[1],), weight), x.new_zeros(x.shape[1])
        if self.first_order and norm.training and x.device.type == "cpu":
            return batch_norm(x, scale, shift, norm.eps)
        statistics = (None, None) if norm.training else (norm.running_mean, norm.running_var)
        return functional.batch_norm(x, *statistics, scale, shift, norm.training, eps=norm.eps)

    def _atom(self, atom: Atom, inputs: list[Tensor], images: Tensor) -> Tensor:
        if atom.kind == "images":
            return images
        if atom.kind == "zeros":
            # As on the plain path, zeros still depend on the images.
            return images.new_zeros(len(images), *atom.shape) + 0.0 * images.sum()
        compute = {
            "call": lambda: call(atom.layer, inputs, self.modules),
            "cat": lambda: torch.cat(inputs, dim=atom.layer),
            "relu": lambda: functional.relu(inputs[0]),
            "relu6": lambda: functional.relu6(inputs[0]),
            "pool": lambda: average_pool(inputs[0], atom.layer),
            "max_pool": lambda: torch.max_pool2d(inputs[0], *atom.layer[:3]),
            "affine": lambda: self._norm(atom.layer, inputs[0], 1.0),
        }
        return compute[atom.kind]()
